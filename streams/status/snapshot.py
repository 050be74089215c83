"""What this worker has to report at a moment: read from its stages, for the status topic and for ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from msgspec import structs

from streams import __version__
from streams.activation.stage import ActivationStage
from streams.delivery.deliveries import Deliveries
from streams.delivery.service import Delivery
from streams.destinations import Destination
from streams.groups.gaps import Gap as FoundGap
from streams.groups.gaps import Partition
from streams.status import shapes
from streams.status.counts import considered
from streams.status.overview import ACTIVATION, DELIVERY
from streams.status.shapes import Gap, Recovery, Report, Stage, Worker
from streams.telemetry.telemetry import Telemetry

NAMED = 5
"""How many destinations a text names before it only counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this worker is, the same until its process ends; *started_at* in milliseconds."""

    id: str
    host: str
    pid: int
    started_at: int
    interval_seconds: float
    session_timeout_seconds: float


class Following(Protocol):
    """What makes the stages follow the documents."""

    @property
    def followed(self) -> Mapping[str, int]:
        """The version of each incarnation that all stages follow."""

    @property
    def refused(self) -> Mapping[str, str]:
        """By name, why the version in force is not followed."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of this worker, None for one that runs elsewhere; *only* names what it delivers, empty for all."""

    activation: ActivationStage | None = None
    deliveries: Deliveries | None = None
    following: Following | None = None
    only: tuple[str, ...] = ()

    @property
    def destinations(self) -> list[Destination]:
        """What is delivered at this moment, each by the version that is in force here."""
        return self.deliveries.destinations if self.deliveries else []

    @property
    def ready(self) -> bool:
        """Whether all stages are; cheap, since each scrape asks."""
        activation, deliveries = self.activation, self.deliveries
        return (activation is None or activation.engine.ready) and (deliveries is None or deliveries.ready)

    def live(self) -> dict[str, Delivery]:
        """Return the deliveries of this moment by incarnation."""
        return {each.destination.incarnation: each for each in self.deliveries.live} if self.deliveries else {}

    def assigned(self, stage: str) -> int:
        """Return how many partitions a stage has, over all of its topics."""
        if stage == ACTIVATION:
            return len(self.activation.partitions) if self.activation else 0
        return sum(len(each.partitions) for each in self.live().values())

    def gaps(self) -> Iterator[Gap]:
        """Yield the partitions that stand still."""
        if self.activation is not None:
            yield from _gaps(ACTIVATION, self.activation.engine.gaps)
        for delivery in self.live().values():
            if delivery.gaps:
                yield from _gaps(DELIVERY, delivery.gaps)

    def standing(self) -> dict[str, Stage]:
        """Return how each stage stands."""
        gaps, stages = list(self.gaps()), {}
        if self.activation is not None:
            stages[ACTIVATION] = _activation(self.activation, _of(ACTIVATION, gaps))
        if self.deliveries is not None:
            stages[DELIVERY] = self._delivery(self.deliveries, _of(DELIVERY, gaps))
        return stages

    def _delivery(self, deliveries: Deliveries, gaps: tuple[Gap, ...]) -> Stage:
        return Stage(
            ready=deliveries.ready,
            missing="" if deliveries.ready else self._unsettled(),
            assigned=self.assigned(DELIVERY),
            gaps=gaps,
        )

    def _unsettled(self) -> str:
        settled = {name for name, each in self.live().items() if each.settled.is_set()}
        names = [each.name for each in self.destinations if each.incarnation not in settled]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"deliveries that have not joined their groups: {', '.join(names[:NAMED])}{more}"


def _gaps(stage: str, found: Mapping[Partition, FoundGap]) -> Iterator[Gap]:
    for (topic, partition), gap in sorted(found.items(), key=itemgetter(0)):
        yield Gap(stage=stage, topic=topic, partition=partition, cause=gap.cause.value, gone=gap.gone)


def _of(stage: str, gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if gap.stage == stage)


def _activation(activation: ActivationStage, gaps: tuple[Gap, ...]) -> Stage:
    engine = activation.engine
    return Stage(
        ready=engine.ready,
        missing="" if engine.ready else "activation has not joined and recovered",
        assigned=len(activation.partitions),
        partitions=tuple(sorted(activation.partitions)),
        recovery=_recovery(activation),
        first_start=dict(engine.gate),
        gaps=gaps,
        faulted=activation.faulted,
    )


def _recovery(activation: ActivationStage) -> Recovery | None:
    """Return how far the latest recovery is."""
    progress = activation.engine.recovery
    if progress is None:
        return None
    return Recovery(
        partitions=progress.partitions,
        done=progress.done,
        remaining=progress.remaining,
        loaded=progress.loaded,
        seconds=round(progress.seconds, 3),
        rate=round(progress.rate, 1),
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The reports of this worker; *health* is asked for where its port is, *now* is the wall clock."""

    identity: Identity
    stages: Stages
    telemetry: Telemetry
    health: Callable[[], str]
    now: Callable[[], float]

    def signature(self) -> object:
        """Return what is worth a report at once: readiness, partitions, gaps, states, and the documents in force."""
        activation, live = self.stages.activation, self.stages.live()
        return (
            self.stages.ready,
            (frozenset(activation.partitions), activation.faulted) if activation else None,
            tuple(self.stages.gaps()),
            tuple(
                (self.telemetry.delivery(each).standing, frozenset(live[each.incarnation].partitions))
                if each.incarnation in live
                else self.telemetry.delivery(each).standing
                for each in self.stages.destinations
            ),
            *self._followed(),
        )

    def _followed(self) -> tuple[dict[str, int], dict[str, str]]:
        following = self.stages.following
        return ({}, {}) if following is None else (dict(following.followed), dict(following.refused))

    def reports(self) -> Iterator[Report]:
        """Yield the worker's report, then one for each destination that it delivers."""
        written_at = int(self.now() * 1000)
        yield self._worker(written_at)
        ends, live = self.telemetry.ends(), self.stages.live()
        for destination in self.stages.destinations:
            standing = self.telemetry.delivery(destination).standing
            delivery = live.get(destination.incarnation)
            yield shapes.Destination(
                worker=self.identity.id,
                name=destination.name,
                incarnation=destination.incarnation,
                version=destination.version,
                written_at=written_at,
                state=standing.state if standing else "",
                reason=standing.reason if standing else "",
                details=standing.details if standing else "",
                since=standing.since if standing else None,
                partitions=tuple(sorted(delivery.partitions)) if delivery else (),
                pending=delivery.pending if delivery else 0,
                in_flight=delivery.in_flight if delivery else 0,
                oldest=delivery.oldest_timestamp_ms if delivery else None,
                ends=dict(ends.get(destination.name, {})),
            )

    def _counted(self, stages: dict[str, Stage]) -> dict[str, Stage]:
        """Return *stages* with what activation has decided so far."""
        activation = self.stages.activation
        if activation is None:
            return stages
        counts = self.telemetry.considered()
        each = {name: considered(counts.get(name.rpartition(".")[0], {})) for name in activation.exported}
        return {**stages, ACTIVATION: structs.replace(stages[ACTIVATION], considered=each)}

    def _worker(self, written_at: int) -> Worker:
        identity, activation = self.identity, self.stages.activation
        followed, refused = self._followed()
        return Worker(
            id=identity.id,
            version=__version__,
            host=identity.host,
            pid=identity.pid,
            started_at=identity.started_at,
            written_at=written_at,
            interval_seconds=identity.interval_seconds,
            session_timeout_seconds=identity.session_timeout_seconds,
            ready=self.stages.ready,
            stages=self._counted(self.stages.standing()),
            set_aside=dict(activation.engine.set_aside) if activation else {},
            health=self.health(),
            only=self.stages.only if activation is None else (),
            followed=followed,
            refused=refused,
        )
