"""What happens, told once: each happening moves its metric and writes its log line in the same call.

Children of metrics are bound once, per topic or destination; values come from closed lists, and what is in none is
counted as ``other``, so that no text of a stranger becomes a time series. Nothing here sees a body, and no key,
identity, URL or token is written.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from streams import __version__
from streams.destinations import Destination
from streams.ends import Exclusion, ExportEnd, Reason, RecordEnd
from streams.exports import Export
from streams.outcomes import Outcome
from streams.telemetry.labels import (
    EXPECTED_ENDS,
    NONE,
    OTHER,
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


class Telemetry:
    """The telemetry of one worker; *now* is the wall clock in seconds, *log* takes every line.

    With *log_delivered* false an export that was delivered is counted, but writes no line.
    """

    def __init__(self, now: Callable[[], float], *, log: Log | None = None, log_delivered: bool = True) -> None:
        self._metrics = Metrics()
        self._now = now
        self._log: Log = log or structlog.get_logger()
        self._log_delivered = log_delivered
        self._deliveries: dict[str, DeliveryTelemetry] = {}
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
        return found

    def observe(
        self,
        *,
        ready: Callable[[], bool],
        loop_lag: Callable[[], float],
        partitions: Mapping[str, Callable[[], float]],
    ) -> None:
        """Say where the worker's own gauges are read, whenever they are asked for.

        *loop_lag* is in seconds; *partitions* counts by stage, over all destinations, what is assigned.
        """
        self._metrics.ready.set_function(lambda: float(ready()))
        self._metrics.loop_lag.set_function(loop_lag)
        for stage, assigned in partitions.items():
            self._metrics.partitions.labels(stage=stage).set_function(assigned)


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


class DeliveryTelemetry:
    """Tells what happens to the exports of a destination."""

    def __init__(
        self, metrics: Metrics, destination: Destination, *, now: Callable[[], float], log: Log, log_delivered: bool
    ) -> None:
        self._metrics, self._name = metrics, destination.name
        self._now, self._log = now, log
        self._lines = {end: log.warning if end is ExportEnd.DEAD_LETTERED else log.info for end in ExportEnd}
        if not log_delivered:
            del self._lines[ExportEnd.DELIVERED]
        self._fetched = metrics.fetched.labels(destination=self._name)
        self._attempt_seconds = metrics.attempt_seconds.labels(destination=self._name)
        self._end_to_end = metrics.end_to_end.labels(destination=self._name)
        self._attempts: dict[tuple[type[Outcome], str], Counter] = {}
        self._ended: dict[tuple[ExportEnd, str | None], Counter] = {}
        for end, reason in EXPECTED_ENDS:
            self._ended[end, reason] = self._bind_ended(end, reason)
        self._state: tuple[str, str] | None = None

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
            oldest = oldest_timestamp_ms()
            return 0.0 if oldest is None else max(0.0, self._now() - oldest / 1000)

        self._metrics.pending.labels(destination=self._name).set_function(lambda: float(pending()))
        self._metrics.in_flight.labels(destination=self._name).set_function(lambda: float(in_flight()))
        self._metrics.oldest_age.labels(destination=self._name).set_function(oldest_age)

    def state(self, name: str, reason: str = NONE) -> None:
        """Tell that the destination is in another state (of ``STATES``), and why (of ``STATE_REASONS``)."""
        state = (known(name, STATES), known(reason, (NONE, *STATE_REASONS)))
        if state == self._state:
            return
        if self._state is not None:
            self._metrics.state.remove(self._name, *self._state)
        self._state = state
        self._metrics.state.labels(self._name, *state).set(1)
        write = self._log.info if name in ("configured", "activated") else self._log.warning
        write("destination.state", destination=self._name, state=name, reason=reason or None)

    def token_fetched(self, result: str) -> None:
        """Count one request for an access token by how it went (of ``TOKEN_RESULTS``)."""
        self._metrics.token_fetches.labels(self._name, known(result, TOKEN_RESULTS)).inc()
