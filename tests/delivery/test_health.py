from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.health import FAULTY_PROFILES, Health, Verdict
from streams.delivery.lanes import Placed
from streams.delivery.storms import LIMIT, WINDOW
from streams.destinations import Delivery
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

TOOK = Delivered(204)
FAILS = Retryable("server-error", 503)
REFUSES = Refused("rejected", 400)
FORBIDS = DestinationFault("forbidden", 403)
NO_TLS = DestinationFault("tls-failed")

WAITING = (Verdict.RETRY, Verdict.WAITS)


class Head(Placed):
    __slots__ = ()

    def __init__(self, key: bytes) -> None:
        self.key = key


class Patient:
    """A destination whose heads are tried by hand; a profile's head is the same one until it ends."""

    def __init__(self, **bounds: float) -> None:
        self.health = Health(Delivery(**{"fault_after_seconds": 30.0, "max_in_flight": 4, **bounds}))  # type: ignore[arg-type]
        self.now = 1_000.0
        self.heads: dict[bytes, Head] = {}

    @property
    def reason(self) -> str | None:
        return None if self.health.fault is None else self.health.fault.reason

    def tried(self, key: bytes, outcome: Outcome, *, is_probe: bool | None = None) -> Verdict:
        head = self.heads.setdefault(key, Head(key))
        probes = self.health.fault is not None if is_probe is None else is_probe
        verdict = self.health.judge(head, outcome, self.now, is_probe=probes)
        if verdict not in WAITING:
            del self.heads[key]
            self.health.ended(head)
        return verdict

    def after(self, seconds: float, *, is_held_up: bool = False) -> str | None:
        self.now += seconds
        self.health.look(self.now, is_held_up=is_held_up)
        return self.reason


OUTCOMES = st.sampled_from([TOOK, TOOK, FAILS, REFUSES, FORBIDS, NO_TLS])
TRIES = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), OUTCOMES, st.sampled_from([0.0, 1.0, 12.0])))


@given(TRIES)
def test_at_fault_no_record_ends_but_by_a_delivery_and_only_a_probe_ends_the_fault(
    tries: list[tuple[bytes, Outcome, float]],
) -> None:
    patient, refused = Patient(), deque[bool](maxlen=WINDOW)
    for key, outcome, seconds in tries:
        before = patient.after(seconds)
        verdict = patient.tried(key, outcome)
        if before is None:
            refused.append(verdict is Verdict.REFUSED)
            assert sum(refused) < LIMIT
        if before is not None or patient.reason is not None:
            assert verdict is (Verdict.DELIVERED if outcome == TOOK else Verdict.WAITS)
        if before is not None:
            assert (patient.reason is None) == (outcome == TOOK)
        if before is not None and patient.reason is None:
            refused.clear()


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.booleans(), st.integers(0, 20)), max_size=60))
def test_nothing_delivered_is_a_fault_exactly_after_so_long_with_three_profiles_in_retry(
    tries: list[tuple[bytes, bool, int]],
) -> None:
    patient, failing, since = Patient(max_in_flight=10_000), set[bytes](), float("inf")
    for key, is_delivered, seconds in tries:
        is_due = patient.now + seconds - since >= 30.0
        assert (patient.after(seconds) is not None) == is_due
        if is_due:
            assert patient.reason == "nothing-delivered"
            return
        patient.tried(key, TOOK if is_delivered else FAILS)
        if is_delivered:
            failing.discard(key)
            since = float("inf")
        else:
            failing.add(key)
        if len(failing) < FAULTY_PROFILES:
            since = float("inf")
        else:
            since = min(since, patient.now)
            patient.after(0.0)


def test_who_fails_while_a_multitude_is_delivered_proves_nothing_where_one_holds_all_up() -> None:
    patient = Patient()
    for key in (b"x", b"y", b"z"):
        patient.tried(key, FAILS)
    assert patient.health.is_suspect
    for n in range(4):
        patient.tried(b"p%d" % n, TOOK)
    assert not patient.health.is_suspect

    assert patient.after(1_000.0, is_held_up=True) is None
    for key in (b"u", b"v", b"w"):
        patient.tried(key, FAILS)
    assert patient.after(29.0, is_held_up=True) is None
    assert patient.after(1_000.0, is_held_up=True) == "nothing-delivered"


def test_nothing_that_is_sent_proves_nothing() -> None:
    patient = Patient()
    for key in (b"x", b"y", b"z"):
        patient.tried(key, FAILS)
    patient.after(29.0)
    patient.health.unheard()

    assert patient.after(29.0) is None
    assert patient.after(30.0) == "nothing-delivered"


def test_a_storm_lets_at_most_its_window_end_and_is_forgotten_when_it_is_over() -> None:
    patient = Patient()
    verdicts = [patient.tried(b"p%d" % n, REFUSES) for n in range(60)]
    assert verdicts == [Verdict.REFUSED] * (LIMIT - 1) + [Verdict.WAITS] * (61 - LIMIT)
    assert patient.reason == "storm"

    assert patient.tried(b"fine", TOOK) is Verdict.DELIVERED
    assert patient.reason is None
    assert [patient.tried(b"p%d" % n, REFUSES) for n in range(24, 50)].count(Verdict.REFUSED) == LIMIT - 1


def test_requests_that_were_begun_before_the_fault_do_not_end_it() -> None:
    patient = Patient()
    patient.tried(b"a", NO_TLS)
    assert patient.tried(b"b", TOOK, is_probe=False) is Verdict.DELIVERED
    assert patient.tried(b"c", REFUSES, is_probe=False) is Verdict.WAITS
    assert patient.reason == "tls-failed"

    assert patient.tried(b"d", TOOK) is Verdict.DELIVERED
    assert patient.reason is None


def test_one_forbidden_profile_is_refused_once_another_was_delivered_and_brings_no_second_fault() -> None:
    patient, faults = Patient(), 0
    assert patient.tried(b"x", FORBIDS) is Verdict.WAITS
    assert patient.reason == "forbidden"
    patient.tried(b"a", TOOK)
    for _ in range(10):
        assert patient.tried(b"x", FORBIDS) is Verdict.REFUSED
        faults += patient.reason is not None

    assert faults == 0


def test_of_an_outage_nobody_is_refused_however_many_met_it_first() -> None:
    patient = Patient()
    for n in range(50):
        assert patient.tried(b"p%d" % (n % 10), FORBIDS) is Verdict.WAITS
    for n in range(10):
        assert patient.tried(b"p%d" % n, TOOK) is Verdict.DELIVERED


def test_several_forbidden_profiles_make_one_fault_and_are_all_refused() -> None:
    patient, faults, refused = Patient(), 0, 0
    for n in range(200):
        key = b"bad%d" % (n % 5)
        was_at_fault = patient.reason is not None
        refused += patient.tried(key, FORBIDS) is Verdict.REFUSED
        faults += patient.reason is not None and not was_at_fault
        patient.tried(b"good", TOOK)
        patient.tried(b"good", TOOK)

    assert faults == 1
    assert refused >= 190


def test_a_selective_endpoint_is_at_fault_once_three_profiles_meet_it_and_none_is_delivered() -> None:
    patient = Patient()
    patient.tried(b"x", FORBIDS)
    patient.tried(b"a", TOOK)
    patient.tried(b"x", FORBIDS)
    assert [patient.tried(key, FORBIDS) for key in (b"u", b"v")] == [Verdict.RETRY] * 2
    assert patient.reason is None

    assert patient.tried(b"w", FORBIDS) is Verdict.WAITS
    assert patient.reason == "forbidden"


def test_after_so_long_at_fault_records_end_again_and_a_delivery_ends_it() -> None:
    patient = Patient(max_pause_seconds=60.0)
    patient.tried(b"a", NO_TLS)
    patient.now += 59.0
    assert patient.tried(b"a", NO_TLS) is Verdict.WAITS
    patient.now += 1.0
    assert [patient.tried(key, NO_TLS) for key in (b"a", b"b")] == [Verdict.GIVEN_UP] * 2

    patient.tried(b"c", TOOK)
    assert patient.reason is None


def test_the_time_for_which_nothing_may_be_sent_is_no_time_at_fault() -> None:
    patient = Patient(max_pause_seconds=60.0)
    patient.tried(b"a", NO_TLS)
    patient.now += 50.0
    patient.health.hold(patient.now)
    patient.now += 10_000.0
    patient.health.hold(patient.now)  # another member holds it, too
    patient.health.go_on(patient.now)
    patient.now += 9.0
    patient.health.go_on(patient.now)
    assert patient.tried(b"a", NO_TLS) is Verdict.WAITS
    patient.now += 1.0
    assert patient.tried(b"a", NO_TLS) is Verdict.GIVEN_UP


def test_the_reason_follows_what_a_probe_finds() -> None:
    patient = Patient()
    patient.tried(b"a", NO_TLS)
    patient.tried(b"b", FORBIDS, is_probe=False)
    assert patient.reason == "tls-failed"
    patient.tried(b"b", FORBIDS)

    assert patient.reason == "forbidden"
