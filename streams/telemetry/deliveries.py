"""What happens to the exports of a destination, told once: the metric moves and the line is written in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from prometheus_client import Counter, Histogram

from streams.destinations import Destination
from streams.ends import ExportEnd
from streams.exports import Export
from streams.outcomes import Delivered, Outcome
from streams.remedies.destinations import todo
from streams.telemetry.labels import (
    ATTEMPT_REASONS,
    EXPECTED_ENDS,
    NONE,
    OUTCOMES,
    REASONS,
    STATE_REASONS,
    STATES,
    TOKEN_RESULTS,
    known,
)
from streams.telemetry.metrics import Metrics


class Log(Protocol):
    """Where lines go: an event's name and its fields."""

    def info(self, event: str, **fields: object) -> object:
        """Write what is as it should be."""

    def warning(self, event: str, **fields: object) -> object:
        """Write what somebody should look at."""


class Standing(NamedTuple):
    """A destination's state, why, since when, in milliseconds, and details for people."""

    state: str
    reason: str
    since: int
    details: str = ""


class DeliveryTelemetry:
    """Tells what happens to the exports of a destination."""

    def __init__(
        self, metrics: Metrics, destination: Destination, *, now: Callable[[], float], log: Log, log_delivered: bool
    ) -> None:
        self._metrics, self._name = metrics, destination.name
        self._now, self._log = now, log
        self._lines = {end: log.warning if end is ExportEnd.DEAD_LETTERED else log.info for end in ExportEnd}
        if not log_delivered:
            del self._lines[ExportEnd.DELIVERED], self._lines[ExportEnd.SUPERSEDED]
        self._fetched = metrics.fetched.labels(destination=self._name)
        self._attempt_seconds = metrics.attempt_seconds.labels(destination=self._name)
        self._end_to_end = metrics.end_to_end.labels(destination=self._name)
        self._batch_exports: Histogram | None = None  # a destination that takes no batches shows none
        self._attempts: dict[tuple[type[Outcome], str], Counter] = {}
        self._ended: dict[tuple[ExportEnd, str | None], Counter] = {}
        for end, reason in EXPECTED_ENDS:
            self._ended[end, reason] = self._bind_ended(end, reason)
        self._unfetched: Callable[[], int | None] = _none
        self.standing: Standing | None = None
        """How the destination stands, None until that is told for the first time."""

    def _bind_ended(self, end: ExportEnd, reason: str | None) -> Counter:
        label = known(reason or NONE, REASONS)
        return self._metrics.ended.labels(destination=self._name, end=end.value, reason=label)

    def fetched(self, count: int) -> None:
        """Count exports taken from the topic."""
        self._fetched.inc(count)

    def attempted(self, outcome: Outcome, seconds: float) -> None:
        """Count one request, and how long it took."""
        kind, status = type(outcome), outcome.status
        status_class = f"{status // 100}xx" if status and 100 <= status < 600 else "none"
        counter = self._attempts.get((kind, status_class))
        if counter is None:
            counter = self._attempts[kind, status_class] = self._metrics.attempts.labels(
                destination=self._name, outcome=OUTCOMES[kind], status_class=status_class
            )
        counter.inc()
        self._attempt_seconds.observe(seconds)
        if not isinstance(outcome, Delivered):
            self._metrics.failed.labels(self._name, known(outcome.reason, ATTEMPT_REASONS)).inc()

    def batched(self, count: int) -> None:
        """Count the exports of one request, to a destination that takes batches."""
        if self._batch_exports is None:
            self._batch_exports = self._metrics.batch_exports.labels(destination=self._name)
        self._batch_exports.observe(count)

    def halved(self) -> None:
        """Count one batch that was refused, and is sent again in halves."""
        self._metrics.batches_halved.labels(destination=self._name).inc()

    def ended(
        self,
        export: Export,
        end: ExportEnd,
        *,
        reason: str | None = None,
        status: int | None = None,
        attempts: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Tell, once, how an export ended; *seconds* is how long delivery had it, *attempts* counts its requests."""
        self._count_ended(export, end, reason)
        if write := self._lines.get(end):
            write(
                "export.ended",
                destination=self._name,
                id=export.id,
                end=end.value,
                reason=reason,
                status=status,
                attempts=attempts,
                seconds=round(seconds, 6),
                topic=export.topic,
                partition=export.partition,
                offset=export.offset,
                trigger=export.meta.trigger,
                revision=export.meta.revision,
                source=export.meta.source,
            )

    def _count_ended(self, export: Export, end: ExportEnd, reason: str | None) -> None:
        counter = self._ended.get((end, reason))
        if counter is None:
            counter = self._bind_ended(end, reason)  # not kept: a reason may be any text
        counter.inc()
        if end is ExportEnd.DELIVERED:
            since = export.timestamp if export.meta.recorded is None else export.meta.recorded
            self._end_to_end.observe(max(0.0, self._now() - since / 1000))

    def observe(
        self,
        *,
        pending: Callable[[], int],
        in_flight: Callable[[], int],
        oldest_timestamp_ms: Callable[[], int | None],
    ) -> None:
        """Say where the gauges are read, whenever they are asked for.

        *oldest_timestamp_ms* is the record timestamp of the oldest export that has not ended, None if all have.
        """

        def oldest_age() -> float:
            oldest, unfetched = oldest_timestamp_ms(), self._unfetched()
            if oldest is None or (unfetched is not None and unfetched < oldest):
                oldest = unfetched
            return 0.0 if oldest is None else max(0.0, self._now() - oldest / 1000)

        self._metrics.pending.labels(destination=self._name).set_function(lambda: float(pending()))
        self._metrics.in_flight.labels(destination=self._name).set_function(lambda: float(in_flight()))
        self._metrics.oldest_age.labels(destination=self._name).set_function(oldest_age)

    def observe_unfetched(self, oldest_timestamp_ms: Callable[[], int | None]) -> None:
        """Say where the record timestamp of the oldest export is read that waits and is not fetched; None if none."""
        self._unfetched = oldest_timestamp_ms

    def state(self, name: str, reason: str = NONE, details: str = "") -> None:
        """Tell that the destination is in another state (of ``STATES``), and why (of ``STATE_REASONS``).

        *details*, such as who paused it and what for, or how policies come to forbid it, are for people: no label.
        """
        state, why = known(name, STATES), known(reason, (NONE, *STATE_REASONS))
        before = self.standing
        if before is not None:
            if (state, why, details) == (before.state, before.reason, before.details):
                return
            self._metrics.state.remove(self._name, before.state, before.reason)
        self.standing = Standing(state, why, int(self._now() * 1000), details)
        self._metrics.state.labels(self._name, state, why).set(1)
        write = self._log.warning if name in ("faulted", "forbidden") else self._log.info
        fields = {"reason": reason or None, "details": details or None, "todo": todo(reason)}
        write("destination.state", destination=self._name, state=name, **fields)

    def token_fetched(self, result: str) -> None:
        """Count one request for an access token by how it went (of ``TOKEN_RESULTS``)."""
        self._metrics.token_fetches.labels(self._name, known(result, TOKEN_RESULTS)).inc()

    def at_fault(self, seconds: float) -> None:
        """Count the time for which the destination was at fault: it was sent nothing but probes."""
        self._metrics.fault_seconds.labels(destination=self._name).inc(seconds)

    def held(self, seconds: float) -> None:
        """Count seconds in which requests were ready and the destination's rate held them."""
        self._metrics.held.labels(destination=self._name).inc(seconds)

    def lapsed(self) -> None:
        """Count one lapse of the lease: nothing was posted until the group answered again."""
        self._metrics.lease_lapses.labels(stage="delivery").inc()

    def resent(self) -> None:
        """Count one request that was sent again at once, since its connection turned out to be closed."""
        self._metrics.resent.labels(destination=self._name).inc()

    def retry_after_ignored(self, count: int) -> None:
        """Count headers of one answer that should say when to come again, and cannot be read."""
        self._metrics.ignored.labels(destination=self._name).inc(count)


def _none() -> None:
    """Say that nothing waits unfetched."""
