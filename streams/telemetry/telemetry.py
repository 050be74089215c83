"""What happens, told once: each happening moves its metric and writes its log line in the same call.

Children of metrics are bound once, per topic or destination; values come from closed lists, and what is in none is
counted as ``other``, so that no text of a stranger becomes a time series. Nothing here sees a body, and no key,
identity, URL or token is written.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter

from streams import __version__
from streams.destinations import Destination
from streams.ends import Exclusion, Reason, RecordEnd
from streams.telemetry.deliveries import DeliveryTelemetry, Log
from streams.telemetry.labels import NONE, OTHER
from streams.telemetry.metrics import Metrics
from streams.telemetry.observed import Stopped


class Telemetry:
    """The telemetry of one worker; *now* is the wall clock in seconds, *log* takes every line.

    With *log_delivered* false an export that was delivered, or superseded by one that goes out instead, is counted, but
    writes no line.
    """

    def __init__(self, now: Callable[[], float], *, log: Log | None = None, log_delivered: bool = True) -> None:
        self._metrics = Metrics()
        self._now = now
        self._log: Log = log or structlog.get_logger()
        self._log_delivered = log_delivered
        self._oldest_unfetched: Callable[[Destination], int | None] = lambda _: None
        self._deliveries: dict[str, DeliveryTelemetry] = {}
        self._ended, self._dropped = (self._metrics.expired.labels(what=what) for what in ("ended", "dropped"))
        self._metrics.build_info.labels(version=__version__, python=platform.python_version()).set(1)

    @property
    def registry(self) -> CollectorRegistry:
        """The registry that ``/metrics`` shows."""
        return self._metrics.registry

    def input(self, topic: str) -> InputTelemetry:
        """Return the telemetry of an input topic."""
        return InputTelemetry(self._metrics, topic)

    def activation(self, destination: Destination) -> ActivationTelemetry:
        """Return the telemetry of what activation decides for a destination."""
        return ActivationTelemetry(self._metrics, destination)

    def delivery(self, destination: Destination) -> DeliveryTelemetry:
        """Return the telemetry of a destination's delivery, the same however often it starts anew."""
        found = self._deliveries.get(destination.name)
        if found is None:
            found = self._deliveries[destination.name] = DeliveryTelemetry(
                self._metrics, destination, now=self._now, log=self._log, log_delivered=self._log_delivered
            )
            found.observe_unfetched(lambda: self._oldest_unfetched(destination))
        return found

    def observe_unfetched(self, oldest_timestamp_ms: Callable[[Destination], int | None]) -> None:
        """Say where the record timestamp of a destination's oldest export is read that waits and is not fetched."""
        self._oldest_unfetched = oldest_timestamp_ms

    def forget_delivery(self, destination: Destination) -> None:
        """Show nothing more of a destination that is delivered no more here, until it is again."""
        self._deliveries.pop(destination.name, None)
        self._metrics.forget(destination.name, self._metrics.of_deliveries)

    def forget_activation(self, name: str) -> None:
        """Show nothing more of what was considered for a destination."""
        self._metrics.forget(name, [self._metrics.considered])

    def observe(
        self,
        *,
        ready: Callable[[], bool],
        loop_lag: Callable[[], float],
        partitions: Mapping[str, Callable[[], float]],
        gaps: Callable[[], Iterable[Stopped]] = tuple,
    ) -> None:
        """Say where the worker's own gauges are read, whenever they are asked for.

        *loop_lag* is in seconds; *partitions* counts by stage, over all destinations, what is assigned; *gaps* names
        stage, topic and partition of what stands still.
        """
        self._metrics.ready.set_function(lambda: float(ready()))
        self._metrics.loop_lag.set_function(loop_lag)
        for stage, assigned in partitions.items():
            self._metrics.partitions.labels(stage=stage).set_function(assigned)
        self._metrics.gaps.stopped = gaps

    def observe_activation(
        self,
        *,
        remaining: Callable[[], int],
        loaded: Callable[[], int],
        first_start: Callable[[], int],
        set_aside: Callable[[], Mapping[str, int]],
        refusing: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Say where activation's progress is read.

        The recovery's and a first start's in records; *set_aside* counts state directories by reason; *refusing* says
        by the destination's name why its exports topic refuses what is written to it.
        """
        self._metrics.recovery_remaining.set_function(lambda: float(remaining()))
        self._metrics.recovery_loaded.set_function(lambda: float(loaded()))
        self._metrics.first_start_remaining.set_function(lambda: float(first_start()))
        self._metrics.set_aside.counted = set_aside
        self._metrics.refusing.refusing = refusing

    def lease_lapsed(self, stage: str) -> None:
        """Count one lapse of a lease: nothing was written for the partitions until the group's answer."""
        self._metrics.lease_lapses.labels(stage=stage).inc()

    def expired(self, ended: int, dropped: int) -> None:
        """Count memberships that have *ended* by themselves, and old exits that the state has *dropped*."""
        self._ended.inc(ended)
        self._dropped.inc(dropped)

    def ends(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many exports have ended, by destination and end: one pass over all destinations."""
        counted: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for family in self._metrics.ended.collect():
            for sample in family.samples:
                counted[sample.labels["destination"]][sample.labels["end"]] += int(sample.value)
        return counted

    def considered(self) -> Mapping[str, Mapping[tuple[str, str], int]]:
        """Return how many records were considered, by destination and by end and exclusion: one pass over all."""
        counted: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for family in self._metrics.considered.collect():
            for sample in family.samples:
                labels = sample.labels
                counted[labels["destination"]][labels["end"], labels["exclusion"]] = int(sample.value)
        return counted


class InputTelemetry:
    """Counts the records of an input topic."""

    def __init__(self, metrics: Metrics, topic: str) -> None:
        self._ended = {end: metrics.records.labels(topic=topic, end=end.value) for end in RecordEnd}
        self._malformed = {
            reason: metrics.malformed.labels(topic=topic, reason=reason) for reason in (*map(str, Reason), OTHER)
        }

    def ended(self, end: RecordEnd, reason: str | None = None) -> None:
        """Count one record; a malformed one with the *reason* of its dead letter."""
        self._ended[end].inc()
        if end is RecordEnd.MALFORMED:
            self._malformed.get(reason or OTHER, self._malformed[OTHER]).inc()


class ActivationTelemetry:
    """Counts what was considered for a destination."""

    def __init__(self, metrics: Metrics, destination: Destination) -> None:
        self._considered: dict[tuple[RecordEnd, Exclusion | None], Counter] = {
            (end, exclusion): metrics.considered.labels(
                destination=destination.name, end=end.value, exclusion=exclusion or NONE
            )
            for end in (RecordEnd.ACTIVATED, RecordEnd.EXCLUDED, RecordEnd.NOT_TRIGGERED)
            for exclusion in (Exclusion if end is RecordEnd.EXCLUDED else (None,))
        }

    def considered(self, end: RecordEnd, exclusion: Exclusion | None = None) -> None:
        """Count one record that was considered: activated, not triggered, or excluded and why."""
        self._considered[end, exclusion].inc()
