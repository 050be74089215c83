"""Every metric, declared once: its name, what it means, its labels.

Base units, the prefix ``streams_``, label values from closed lists only. ``NAMES`` is the documented list that
dashboards and alerts are checked against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from streams.telemetry.observed import Gaps, Refusing, SetAside

F = TypeVar("F", bound=MetricWrapperBase)

NAMES = (
    "streams_build_info",
    "streams_ready",
    "streams_partitions_assigned",
    "streams_loop_lag_seconds",
    "streams_recovery_remaining_records",
    "streams_recovery_loaded_records",
    "streams_first_start_remaining_records",
    "streams_gaps",
    "streams_state_set_aside_total",
    "streams_lease_lapses_total",
    "streams_records_total",
    "streams_records_malformed_total",
    "streams_considered_total",
    "streams_memberships_expired_total",
    "streams_exports_refused",
    "streams_exports_fetched_total",
    "streams_exports_ended_total",
    "streams_exports_pending",
    "streams_exports_in_flight",
    "streams_oldest_unresolved_age_seconds",
    "streams_attempts_total",
    "streams_attempts_failed_total",
    "streams_attempts_resent_total",
    "streams_retry_after_ignored_total",
    "streams_rate_held_seconds_total",
    "streams_attempt_duration_seconds",
    "streams_batch_exports",
    "streams_batches_halved_total",
    "streams_end_to_end_seconds",
    "streams_destination_state",
    "streams_destination_fault_seconds_total",
    "streams_token_fetches_total",
)
"""The metrics, without those that a Python process has anyway (``process_*``)."""

ATTEMPT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Around the default time-out of an attempt, 2 s."""

BATCH_EXPORTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
"""Around the default size of a batch, 100."""

END_TO_END_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)
"""From a quiet pipeline (10 ms) over an exhausted retry (15 min) to an endpoint that was away for a day."""


class Metrics:
    """The metrics of one worker, in a registry of their own: the global one would be shared by all of a process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles each counter, and nothing reads it
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._labels: dict[MetricWrapperBase, tuple[str, ...]] = {}
        self.gaps, self.set_aside, self.refusing = Gaps(), SetAside(), Refusing()
        self.registry.register(self.gaps)
        self.registry.register(self.refusing)
        self.registry.register(self.set_aside)
        self._declare_worker()
        self._declare_state()
        self._declare_activation()
        self._declare_exports()
        self._declare_requests()

    @property
    def of_deliveries(self) -> Iterable[MetricWrapperBase]:
        """The families that delivery moves, each labelled with the destination."""
        return (
            *(self.fetched, self.ended, self.pending, self.in_flight, self.oldest_age, self.end_to_end),
            *(self.attempts, self.failed, self.resent, self.ignored, self.attempt_seconds, self.state),
            *(self.fault_seconds, self.token_fetches, self.batch_exports, self.batches_halved, self.held),
        )

    def forget(self, destination: str, families: Iterable[MetricWrapperBase]) -> None:
        """Take away all series of a destination."""
        for family in families:
            labels = self._labels[family]
            samples = [sample.labels for each in family.collect() for sample in each.samples]
            series = {tuple(each[label] for label in labels) for each in samples if each["destination"] == destination}
            for values in series:
                family.remove(*values)

    def _declare_worker(self) -> None:
        self.build_info = self._gauge("build_info", "Always 1; the labels say what runs.", "version", "python")
        self.ready = self._gauge("ready", "1 when the worker has joined its group and recovered its state, else 0.")
        self.partitions = self._gauge("partitions_assigned", "Partitions that are assigned to this worker.", "stage")
        self.loop_lag = self._gauge("loop_lag_seconds", "How late the latest beat of the event loop came.")

    def _declare_state(self) -> None:
        self.recovery_remaining = self._gauge(
            "recovery_remaining_records", "Changelog records that the recovery under way still has to load."
        )
        self.recovery_loaded = self._gauge(
            "recovery_loaded_records", "Changelog records that the latest recovery has loaded."
        )
        self.first_start_remaining = self._gauge(
            "first_start_remaining_records", "Profile records to be read before the first membership; 0 when done."
        )
        self.lease_lapses = self._counter(
            "lease_lapses_total", "Leases that lapsed: nothing is written until the group answers again.", "stage"
        )

    def _declare_activation(self) -> None:
        self.records = self._counter("records_total", "Input records by end; each counts once.", "topic", "end")
        self.malformed = self._counter(
            "records_malformed_total", "Input records that became dead letters, by reason.", "topic", "reason"
        )
        self.considered = self._counter(
            "considered_total",
            "Records considered for a destination by end, the excluded ones also by why.",
            *("destination", "end", "exclusion"),
        )

        self.expired = self._counter(
            "memberships_expired_total",
            "Memberships that ended by themselves, and exits of more than 30 days that were dropped.",
            "what",
        )

    def _declare_exports(self) -> None:
        self.fetched = self._counter("exports_fetched_total", "Exports taken from the topic.", "destination")
        self.ended = self._counter(
            "exports_ended_total", "Exports by how they ended, and why.", "destination", "end", "reason"
        )
        self.pending = self._gauge("exports_pending", "Exports fetched and not ended.", "destination")
        self.in_flight = self._gauge("exports_in_flight", "Requests that are open.", "destination")
        self.oldest_age = self._gauge(
            "oldest_unresolved_age_seconds", "Age of the oldest export not ended; 0 if there is none.", "destination"
        )
        self.end_to_end = self._histogram(
            "end_to_end_seconds", "From the source record's time to the 2xx.", END_TO_END_SECONDS
        )

    def _declare_requests(self) -> None:
        self.attempts = self._counter(
            "attempts_total", "Requests by outcome and class of status.", "destination", "outcome", "status_class"
        )
        self.failed = self._counter(
            "attempts_failed_total",
            "Requests that did not deliver, by why; each may be repeated.",
            "destination",
            "reason",
        )
        self.resent = self._counter(
            "attempts_resent_total", "Requests sent again at once since their connection was closed.", "destination"
        )
        self.ignored = self._counter(
            "retry_after_ignored_total", "Headers Retry-After that say nothing that can be read.", "destination"
        )
        self.held = self._counter(
            "rate_held_seconds_total",
            "Seconds in which requests were ready and maxRequestsPerSecond held them.",
            "destination",
        )
        self.attempt_seconds = self._histogram(
            "attempt_duration_seconds", "How long requests took, whatever came of them.", ATTEMPT_SECONDS
        )
        self.batch_exports = self._histogram(
            "batch_exports", "Exports per request, of a destination that takes batches.", BATCH_EXPORTS
        )
        self.batches_halved = self._counter(
            "batches_halved_total", "Batches that were refused, and sent again in halves.", "destination"
        )
        self.state = self._gauge(
            "destination_state", "1 for the state that a destination is in, and why.", "destination", "state", "reason"
        )
        self.fault_seconds = self._counter(
            "destination_fault_seconds_total", "How long a destination was sent nothing but probes.", "destination"
        )
        self.token_fetches = self._counter(
            "token_fetches_total", "Access tokens asked for, by result.", "destination", "result"
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return self._declared(Counter(f"streams_{name}", text, labels, registry=self.registry), labels)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return self._declared(Gauge(f"streams_{name}", text, labels, registry=self.registry), labels)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        labels = ("destination",)
        return self._declared(
            Histogram(f"streams_{name}", text, labels, registry=self.registry, buckets=buckets), labels
        )

    def _declared(self, family: F, labels: tuple[str, ...]) -> F:
        self._labels[family] = labels
        return family
