from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Account, Destination
from streams.endpoints.reasons import AttemptReason
from streams.ends import Exclusion, ExportEnd, Reason, RecordEnd
from streams.engine.trust import Doubt
from streams.exports import Export, Meta
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from streams.telemetry import logs
from streams.telemetry.deliveries import DeliveryTelemetry
from streams.telemetry.labels import REASONS, SET_ASIDE_REASONS, STATE_REASONS, STATES
from streams.telemetry.telemetry import Telemetry

NOW = 1_764_000_000.0
CRM = Destination("crm", Account("https://api.example.com/v1?key=query-secret"))

Line = dict[str, object]


def an_export(*, timestamp: int = 0, recorded: int | None = None, trigger: str = "segment-entered") -> Export:
    return Export(
        topic="streams.exports.crm.1",
        partition=3,
        offset=41,
        timestamp=timestamp,
        key=b"profile-key-7",
        body=b'{"person":{"email":"anna@example.com"}}',
        id="6f3f0f0e-7d5c-5b4e-9c52-2f6b1c7a9d11",
        meta=Meta(1, 17, trigger, "qualifications-3-991", recorded=recorded),
    )


class Bench:
    """Telemetry whose lines and figures can be read."""

    def __init__(self, *, log_delivered: bool = True) -> None:
        self.now = NOW
        self.stream = StringIO()
        self.logs = logs.configure("INFO", "json", self.stream, now=lambda: self.now)
        self.telemetry = Telemetry(lambda: self.now, log=self.logs.canonical, log_delivered=log_delivered)

    @property
    def delivery(self) -> DeliveryTelemetry:
        return self.telemetry.delivery(CRM)

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def value(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.logs.close()


def test_an_ended_export_moves_its_metric_and_is_one_line_with_every_fact(bench: Bench) -> None:
    bench.delivery.ended(
        an_export(), ExportEnd.DEAD_LETTERED, reason=Reason.REFUSED, status=400, attempts=2, seconds=1.25
    )

    counted = bench.value("streams_exports_ended_total", destination="crm", end="dead-lettered", reason="refused")
    assert counted == 1
    assert bench.lines == [
        {
            "timestamp": "2025-11-24T16:00:00.000000Z",
            "level": "warning",
            "event": "export.ended",
            "destination": "crm",
            "id": "6f3f0f0e-7d5c-5b4e-9c52-2f6b1c7a9d11",
            "end": "dead-lettered",
            "reason": "refused",
            "status": 400,
            "attempts": 2,
            "seconds": 1.25,
            "topic": "streams.exports.crm.1",
            "partition": 3,
            "offset": 41,
            "trigger": "segment-entered",
            "revision": 17,
            "source": "qualifications-3-991",
        }
    ]


def test_no_line_and_no_figure_holds_key_body_or_url(bench: Bench) -> None:
    for end in ExportEnd:
        bench.delivery.ended(an_export(), end, reason=None, status=200, attempts=1, seconds=0.1)
    figures = str([sample for family in bench.telemetry.registry.collect() for sample in family.samples])

    for private in ("profile-key-7", "anna@example.com", "query-secret", "api.example.com"):
        assert private not in bench.stream.getvalue() + figures


def test_delivered_lines_can_be_turned_off_and_the_others_stay() -> None:
    bench = Bench(log_delivered=False)
    try:
        for end in ExportEnd:
            bench.delivery.ended(an_export(), end, reason=None, status=None, attempts=1, seconds=0.1)
    finally:
        bench.logs.close()

    quiet = (ExportEnd.DELIVERED, ExportEnd.SUPERSEDED)
    assert [line["end"] for line in bench.lines] == [end.value for end in ExportEnd if end not in quiet]
    assert bench.value("streams_exports_ended_total", destination="crm", end="delivered", reason="") == 1


@given(reason=st.one_of(st.none(), st.sampled_from(REASONS), st.text()), end=st.sampled_from(ExportEnd))
def test_no_reason_makes_a_time_series_of_its_own(reason: str | None, end: ExportEnd) -> None:
    telemetry = Telemetry(lambda: NOW, log=_Silent())

    telemetry.delivery(CRM).ended(an_export(), end, reason=reason, status=None, attempts=1, seconds=0.0)

    ended = {
        (sample.labels["reason"], sample.value)
        for family in telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "streams_exports_ended_total" and sample.value
    }
    assert ended == {(reason or "" if (reason or "") in REASONS else "other", 1.0)}


class _Silent:
    def info(self, event: str, **fields: object) -> None:
        """Say nothing."""

    def warning(self, event: str, **fields: object) -> None:
        """Say nothing."""


def test_the_ends_an_alert_asks_for_are_there_before_the_first_export(bench: Bench) -> None:
    bench.telemetry.delivery(CRM)

    for end, reason in (("delivered", ""), ("dead-lettered", "refused"), ("dead-lettered", "exhausted")):
        assert bench.value("streams_exports_ended_total", destination="crm", end=end, reason=reason) == 0


def test_a_record_counts_once_and_a_malformed_one_says_why(bench: Bench) -> None:
    topic = bench.telemetry.input("profiles")
    topic.ended(RecordEnd.ACTIVATED)
    topic.ended(RecordEnd.MALFORMED, Reason.INVALID_JSON)
    topic.ended(RecordEnd.MALFORMED, "something new")

    assert bench.value("streams_records_total", topic="profiles", end="activated") == 1
    assert bench.value("streams_records_total", topic="profiles", end="malformed") == 2
    assert bench.value("streams_records_malformed_total", topic="profiles", reason="invalid-json") == 1
    assert bench.value("streams_records_malformed_total", topic="profiles", reason="other") == 1


def test_what_is_considered_is_counted_by_end_and_exclusion(bench: Bench) -> None:
    activation = bench.telemetry.activation(CRM)
    activation.considered(RecordEnd.ACTIVATED, None)
    activation.considered(RecordEnd.NOT_TRIGGERED, None)
    for exclusion in Exclusion:
        activation.considered(RecordEnd.EXCLUDED, exclusion)

    def considered(end: str, exclusion: str = "") -> float | None:
        return bench.value("streams_considered_total", destination="crm", end=end, exclusion=exclusion)

    assert (considered("activated"), considered("not-triggered")) == (1, 1)
    assert [considered("excluded", exclusion.value) for exclusion in Exclusion] == [1] * len(Exclusion)


@pytest.mark.parametrize(
    ("outcome", "name", "status_class"),
    [
        (Delivered(204), "delivered", "2xx"),
        (Retryable("timeout"), "retry", "none"),
        (Retryable("unavailable", 503), "retry", "5xx"),
        (Refused("bad request", 400), "refused", "4xx"),
        (DestinationFault("tls"), "fault", "none"),
        (Refused("odd", 999), "refused", "none"),
    ],
)
def test_an_attempt_counts_by_outcome_and_status_class(
    bench: Bench, outcome: Outcome, name: str, status_class: str
) -> None:
    bench.delivery.attempted(outcome, 0.03)

    labels = {"destination": "crm", "outcome": name, "status_class": status_class}
    assert bench.value("streams_attempts_total", **labels) == 1
    assert bench.value("streams_attempt_duration_seconds_sum", destination="crm") == 0.03


def test_what_was_not_delivered_counts_by_reason(bench: Bench) -> None:
    outcomes: list[Outcome] = [
        Delivered(204),
        Retryable("timed-out"),
        Refused("rejected-again", 422),
        DestinationFault("gone", 410),
    ]
    for outcome in [*outcomes, Retryable("as 10.0.0.7 said"), Refused("rejected-again", 422)]:
        bench.delivery.attempted(outcome, 0.03)

    counted = {
        sample.labels["reason"]: sample.value
        for family in bench.telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "streams_attempts_failed_total"
    }
    assert counted == {"timed-out": 1, "rejected-again": 2, "gone": 1, "other": 1}


def test_a_destination_that_takes_batches_shows_how_full_its_requests_are(bench: Bench) -> None:
    assert bench.value("streams_batch_exports_count", destination="crm") is None, "without batches there is no figure"
    for count in (100, 100, 7):
        bench.delivery.batched(count)
    bench.delivery.halved()

    assert bench.value("streams_batch_exports_count", destination="crm") == 3
    assert bench.value("streams_batch_exports_sum", destination="crm") == 207
    assert bench.value("streams_batches_halved_total", destination="crm") == 1


def test_a_retry_after_that_says_nothing_is_counted(bench: Bench) -> None:
    bench.delivery.retry_after_ignored(2)

    assert bench.value("streams_retry_after_ignored_total", destination="crm") == 2


def test_the_oldest_age_is_read_when_it_is_asked_for(bench: Bench) -> None:
    oldest: list[int] = []
    bench.delivery.observe(
        pending=lambda: 5, in_flight=lambda: 2, oldest_timestamp_ms=lambda: oldest[0] if oldest else None
    )

    def age() -> float | None:
        return bench.value("streams_oldest_unresolved_age_seconds", destination="crm")

    assert age() == 0
    oldest.append(int(NOW * 1000) - 30_000)
    assert age() == 30
    bench.now += 60
    assert age() == 90
    bench.now -= 3600
    assert age() == 0, "a clock that was set back is no negative age"
    assert bench.value("streams_exports_pending", destination="crm") == 5
    assert bench.value("streams_exports_in_flight", destination="crm") == 2


@pytest.mark.parametrize(("recorded", "expected"), [(int(NOW * 1000) - 7_000, 7.0), (None, 2.0)])
def test_end_to_end_counts_from_the_source_record(bench: Bench, recorded: int | None, expected: float) -> None:
    export = an_export(timestamp=int(NOW * 1000) - 2_000, recorded=recorded)

    bench.delivery.ended(export, ExportEnd.DELIVERED, reason=None, status=200, attempts=1, seconds=0.1)
    bench.delivery.ended(export, ExportEnd.OVERTAKEN, reason=None, status=None, attempts=0, seconds=0.1)

    assert bench.value("streams_end_to_end_seconds_sum", destination="crm") == expected
    assert bench.value("streams_end_to_end_seconds_count", destination="crm") == 1


def test_a_destination_is_in_one_state_and_a_change_is_one_line(bench: Bench) -> None:
    for state, reason in (("activated", ""), ("activated", ""), ("faulted", "gone"), ("faulted", "as 10.0.0.7 said")):
        bench.telemetry.delivery(CRM).state(state, reason)

    shown = {
        (sample.labels["state"], sample.labels["reason"]): sample.value
        for family in bench.telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "streams_destination_state"
    }
    assert shown == {("faulted", "other"): 1}
    assert [(line["level"], line["state"], line["reason"]) for line in bench.lines] == [
        ("info", "activated", None),
        ("warning", "faulted", "gone"),
        ("warning", "faulted", "as 10.0.0.7 said"),
    ]


def test_states_and_their_reasons_are_closed_lists(bench: Bench) -> None:
    for state in (*STATES, "melted"):
        for reason in (*STATE_REASONS, "strange"):
            bench.delivery.state(state, reason)
            known = {"state": state if state in STATES else "other"}
            known["reason"] = reason if reason in STATE_REASONS else "other"
            assert bench.value("streams_destination_state", destination="crm", **known) == 1


def test_whatever_a_document_calls_a_fault_is_a_known_reason_of_a_state() -> None:
    assert set(AttemptReason) - set(STATE_REASONS) == set()


def test_token_fetches_count_by_result(bench: Bench) -> None:
    for result in ("fetched", "refused", "failed", "exploded"):
        bench.delivery.token_fetched(result)

    counted = {r: bench.value("streams_token_fetches_total", destination="crm", result=r) for r in ("fetched", "other")}
    assert counted == {"fetched": 1, "other": 1}


def test_the_worker_shows_whether_it_is_ready_and_what_it_has(bench: Bench) -> None:
    ready = [False]
    bench.telemetry.observe(ready=lambda: ready[0], loop_lag=lambda: 0.25, partitions={"activation": lambda: 4})

    assert bench.value("streams_ready") == 0
    ready[0] = True
    assert (bench.value("streams_ready"), bench.value("streams_loop_lag_seconds")) == (1, 0.25)
    assert bench.value("streams_partitions_assigned", stage="activation") == 4


def _deliver(delivery: DeliveryTelemetry, export: Export) -> None:
    delivery.ended(export, ExportEnd.DELIVERED, reason=None, status=200, attempts=1, seconds=0.012345)


def test_the_oldest_age_counts_what_waits_unfetched_beside_what_is_held(bench: Bench) -> None:
    held: int | None = None
    unfetched: int | None = None
    bench.delivery.observe(pending=lambda: 0, in_flight=lambda: 0, oldest_timestamp_ms=lambda: held)
    bench.delivery.observe_unfetched(lambda: unfetched)

    def age() -> float | None:
        return bench.value("streams_oldest_unresolved_age_seconds", destination="crm")

    assert age() == 0
    unfetched = int(NOW * 1000) - 90_000
    assert age() == 90
    held = int(NOW * 1000) - 30_000
    assert age() == 90
    held = int(NOW * 1000) - 120_000
    assert age() == 120
    unfetched = None
    assert age() == 120


def test_a_state_is_known_with_its_reason_and_since_when(bench: Bench) -> None:
    delivery = bench.delivery
    assert delivery.standing is None
    delivery.state("faulted", "tls-failed")
    bench.now += 60
    delivery.state("faulted", "tls-failed")

    assert delivery.standing == ("faulted", "tls-failed", int(NOW * 1000), "")
    delivery.state("activated")
    assert delivery.standing == ("activated", "", int(NOW * 1000) + 60_000, "")


def test_gaps_are_shown_while_they_last_and_not_after(bench: Bench) -> None:
    gaps = [("delivery", "exports", 3)]
    bench.telemetry.observe(ready=lambda: True, loop_lag=lambda: 0.0, partitions={}, gaps=lambda: gaps)

    def shown() -> float | None:
        return bench.value("streams_gaps", stage="delivery", topic="exports", partition="3")

    assert shown() == 1
    gaps.clear()
    assert shown() is None


def test_activations_progress_is_read_when_it_is_asked_for(bench: Bench) -> None:
    figures = {"remaining": 0, "loaded": 0, "first_start": 0}
    aside: dict[str, int] = {}
    bench.telemetry.observe_activation(
        remaining=lambda: figures["remaining"],
        loaded=lambda: figures["loaded"],
        first_start=lambda: figures["first_start"],
        set_aside=lambda: aside,
        refusing=lambda: {"crm": "topic-missing", "ads": "something new"},
    )
    figures |= {"remaining": 7, "loaded": 5, "first_start": 3}
    aside |= {"stale": 2, "something new": 1}

    assert bench.value("streams_recovery_remaining_records") == 7
    assert bench.value("streams_recovery_loaded_records") == 5
    assert bench.value("streams_first_start_remaining_records") == 3
    counted = {reason: bench.value("streams_state_set_aside_total", reason=reason) for reason in ("stale", "corrupt")}
    assert counted == {"stale": 2, "corrupt": 0}
    assert bench.value("streams_state_set_aside_total", reason="other") == 1
    assert bench.value("streams_exports_refused", destination="crm", reason="topic-missing") == 1
    assert bench.value("streams_exports_refused", destination="ads", reason="other") == 1


def test_ends_are_counted_per_destination_over_all_reasons(bench: Bench) -> None:
    for reason in (Reason.REFUSED, Reason.EXHAUSTED):
        bench.delivery.ended(an_export(), ExportEnd.DEAD_LETTERED, reason=reason)
    bench.delivery.ended(an_export(), ExportEnd.DELIVERED)

    assert bench.telemetry.ends()["crm"]["dead-lettered"] == 2
    assert bench.telemetry.ends()["crm"]["delivered"] == 1


def test_lapsed_leases_and_requests_sent_again_are_counted(bench: Bench) -> None:
    bench.telemetry.lease_lapsed("activation")
    bench.delivery.resent()

    assert bench.value("streams_lease_lapses_total", stage="activation") == 1
    assert bench.value("streams_attempts_resent_total", destination="crm") == 1


def test_the_reasons_of_a_state_set_aside_are_the_engines() -> None:
    assert {str(doubt) for doubt in Doubt} == set(SET_ASIDE_REASONS)


def test_what_is_forgotten_is_shown_no_more_and_begins_anew_if_it_comes_back(bench: Bench) -> None:
    other = replace(CRM, name="erp")
    for each in (CRM, other):
        delivery, activation = bench.telemetry.delivery(each), bench.telemetry.activation(each)
        delivery.fetched(3)
        delivery.attempted(Delivered(204), 0.1)
        delivery.state("activated")
        delivery.observe(pending=lambda: 1, in_flight=lambda: 1, oldest_timestamp_ms=lambda: None)
        activation.considered(RecordEnd.ACTIVATED)
    bench.telemetry.forget_delivery(CRM)
    bench.telemetry.forget_activation("crm")

    families = list(bench.telemetry.registry.collect())
    named = {sample.labels.get("destination") for family in families for sample in family.samples}
    assert named - {None} == {"erp"}
    assert bench.value("streams_exports_fetched_total", destination="erp") == 3

    bench.telemetry.delivery(CRM).fetched(1)
    assert bench.value("streams_exports_fetched_total", destination="crm") == 1
