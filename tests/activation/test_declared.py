"""A stranger's flat JSON means what the settings declare of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.activation.events import (
    FragmentChange,
    FragmentPaths,
    Input,
    Kind,
    Malformed,
    Membership,
    MembershipChange,
    MembershipPaths,
    Status,
)
from streams.ends import Reason
from tests.records import NOW_MS, decoded

WORDS = {"add": Status.REALIZED, "stay": Status.EXISTING, "remove": Status.EXITED}
PATHS = MembershipPaths(segment=("audience_id",), status=("action",), words=WORDS, time=("event", "ts"))
RECORD = {"audience_id": "spring", "action": "add", "event": {"ts": "2020-05-25T21:24:39Z"}, "other": [1]}


def membership(
    record: Any, paths: MembershipPaths = PATHS, kind: Kind = Kind.MEMBERSHIP, timestamp_ms: int = NOW_MS
) -> Membership | Reason:
    change = decoded(Input(kind, "events", paths), json.dumps(record).encode(), timestamp_ms=timestamp_ms)
    if isinstance(change, Malformed):
        return change.reason
    assert isinstance(change, MembershipChange)
    (only,) = change.memberships
    return only


def fragment(record: Any, paths: FragmentPaths) -> FragmentChange | Reason:
    change = decoded(Input(Kind.FRAGMENT, "crm", paths), json.dumps(record).encode())
    if isinstance(change, Malformed):
        return change.reason
    assert isinstance(change, FragmentChange)
    return change


def test_a_flat_record_is_one_membership() -> None:
    assert membership(RECORD) == Membership("ups", "spring", Status.REALIZED, 1_590_441_879_000_000)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"action": "remove"}, Status.EXITED),
        ({"action": "stay"}, Status.EXISTING),
        ({"action": "realized"}, Reason.UNKNOWN_STATUS),
        ({"action": ""}, Reason.UNKNOWN_STATUS),
        ({"action": ["add"]}, Reason.UNKNOWN_STATUS),
        ({"action": 1.0}, Reason.UNKNOWN_STATUS),
        ({"action": None}, Reason.MISSING_STATUS),
        ({"audience_id": None}, Reason.MISSING_MEMBERSHIP),
        ({"audience_id": ""}, Reason.MISSING_MEMBERSHIP),
        ({"audience_id": {"id": "spring"}}, Reason.INVALID_MEMBERSHIP),
        ({"audience_id": True}, Reason.INVALID_MEMBERSHIP),
        ({"audience_id": 1.5}, Reason.INVALID_MEMBERSHIP),
        ({"event": None}, Reason.INVALID_TIME),
        ({"event": "2020-05-25T21:24:39Z"}, Reason.INVALID_TIME),
        ({"event": {"ts": 1_590_441_879}}, Reason.INVALID_TIME),
        ({"event": {"ts": "2020-05-25"}}, Reason.INVALID_TIME),
        ({"event": {"ts": "2099-05-25T21:24:39Z"}}, Reason.FUTURE_TIME),
        ({"identityMap": []}, Reason.INVALID_IDENTITY_MAP),
    ],
)
def test_what_a_flat_record_lacks_or_gets_wrong_has_a_reason(change: Any, wanted: Status | Reason) -> None:
    found = membership(RECORD | change)

    assert (found.status if isinstance(found, Membership) else found) is wanted


def test_the_topic_says_the_status_where_no_path_is_declared_or_nothing_stands_there() -> None:
    without = MembershipPaths(segment=("audience_id",))
    for paths, record in ((without, RECORD), (PATHS, RECORD | {"action": None})):
        for kind, status in ((Kind.QUALIFICATION, Status.REALIZED), (Kind.EXIT, Status.EXITED)):
            found = membership(record, paths, kind)
            assert isinstance(found, Membership)
            assert found.status is status
    assert membership(RECORD, PATHS, Kind.EXIT) is Reason.CONTRADICTING_STATUS


def test_the_standard_words_count_where_no_others_are_declared() -> None:
    paths = MembershipPaths(segment=("audience_id",), status=("action",))

    found = membership(RECORD | {"action": "exited"}, paths)

    assert isinstance(found, Membership)
    assert found.status is Status.EXITED


@pytest.mark.parametrize(("word", "written"), [(True, "true"), (False, "false"), (1, "1"), (-7, "-7")])
def test_a_status_may_be_true_or_false_or_a_number_and_an_id_a_number(word: Any, written: str) -> None:
    paths = MembershipPaths(
        segment=("id",), namespace=("list",), status=("in",), words={written: Status.EXITED}, time=None
    )

    assert membership({"id": 42, "list": "crm", "in": word}, paths) == Membership(
        "crm", "42", Status.EXITED, NOW_MS * 1_000
    )


def test_without_a_path_to_a_time_the_records_timestamp_is_the_event_time() -> None:
    paths = MembershipPaths(segment=("audience_id",), namespace="lists", status=("action",), words=WORDS)

    assert membership(RECORD, paths) == Membership("lists", "spring", Status.REALIZED, NOW_MS * 1_000)
    assert membership(RECORD, paths, timestamp_ms=-1) is Reason.INVALID_TIME
    assert membership(RECORD, paths, timestamp_ms=NOW_MS + 600_001) is Reason.FUTURE_TIME


@pytest.mark.parametrize(
    ("unit_us", "number", "wanted"),
    [
        (1_000_000, 1_590_441_879, 1_590_441_879_000_000),
        (1_000_000, 1_590_441_879.25, 1_590_441_879_250_000),
        (1_000, 1_590_441_879_250, 1_590_441_879_250_000),
        (1_000, -1, -1_000),
        (1_000_000, -62_135_596_800, -62_135_596_800_000_000),
        (1_000_000, -62_135_596_801, Reason.INVALID_TIME),
        (1_000_000, -1.7e308, Reason.INVALID_TIME),
        (1_000_000, -(10**4_000), Reason.INVALID_TIME),
        (1_000_000, 1.7e308, Reason.FUTURE_TIME),
        (1_000, 10**4_000, Reason.FUTURE_TIME),
        (1_000, "1590441879", Reason.INVALID_TIME),
        (1_000, True, Reason.INVALID_TIME),
        (1_000, None, Reason.INVALID_TIME),
    ],
)
def test_a_time_may_be_a_number_where_its_unit_is_declared(unit_us: int, number: Any, wanted: int | Reason) -> None:
    paths = MembershipPaths(segment=("s",), time=("ts",), unit_us=unit_us)

    found = membership({"s": "a", "ts": number}, paths, Kind.QUALIFICATION)

    assert (found.time_us if isinstance(found, Membership) else found) == wanted


@pytest.mark.parametrize(
    ("unit_us", "end", "wanted"),
    [
        (1_000, NOW_MS + 1, (Status.REALIZED, (NOW_MS + 1) * 1_000)),
        (1_000, NOW_MS, (Status.EXITED, NOW_MS * 1_000)),
        (None, "2023-11-14T22:13:21Z", (Status.REALIZED, (NOW_MS + 1_000) * 1_000)),
        (1_000, None, (Status.REALIZED, None)),
        (1_000, 2**63 - 1, (Status.REALIZED, None)),
        (1_000_000, 1.7e308, (Status.REALIZED, None)),
        (1_000, 0, Reason.INVALID_TIME),
        (1_000, "2023-11-14T22:13:21Z", Reason.INVALID_TIME),
        (None, NOW_MS, Reason.INVALID_TIME),
        (1_000, False, Reason.INVALID_TIME),
    ],
)
def test_an_end_may_lie_at_a_path(unit_us: int | None, end: Any, wanted: Any) -> None:
    paths = MembershipPaths(segment=("s",), until=("end",), unit_us=unit_us)

    found = membership({"s": "a", "end": end}, paths, Kind.QUALIFICATION, timestamp_ms=NOW_MS - 1)

    assert ((found.status, found.until_us) if isinstance(found, Membership) else found) == wanted
    exited = membership({"s": "a", "end": end}, paths, Kind.EXIT)
    assert exited == Membership("ups", "a", Status.EXITED, NOW_MS * 1_000)


def test_a_fragment_is_the_object_at_its_path_letter_for_letter() -> None:
    source = Input(Kind.FRAGMENT, "crm", FragmentPaths(attributes=("data", "after")))

    change = decoded(source, b'{"data": {"after": 5, "after": {"a": 1.50, "identityMap": {"ecid": [{"id": "1"}]}}}}')

    assert change == FragmentChange(
        "crm", b'{"a": 1.50, "identityMap": {"ecid": [{"id": "1"}]}}', b'{"ecid": [{"id": "1"}]}'
    )
    assert decoded(source, None) == FragmentChange("crm", None)


@pytest.mark.parametrize("record", [{}, {"data": 5}, {"data": {"after": None}}, {"data": {"after": [{}]}}])
def test_a_record_without_an_object_at_its_path_is_no_fragment(record: Any) -> None:
    assert fragment(record, FragmentPaths(attributes=("data", "after"))) is Reason.NOT_AN_OBJECT


def test_ids_at_their_paths_become_the_identity_map_and_what_is_left_out_is_gone() -> None:
    paths = FragmentPaths(identities={"ecid": ("ecid",), "email": ("contact", "email")})

    def identities(record: Any) -> Any:
        change = fragment(record, paths)
        return change.identities if isinstance(change, FragmentChange) else change

    assert identities({"ecid": 123, "contact": {"email": 'a"b'}}) == b'{"ecid":[{"id":"123"}],"email":[{"id":"a\\"b"}]}'
    assert identities({"ecid": "", "contact": {"email": "a"}}) == b'{"email":[{"id":"a"}]}'
    assert identities({"ecid": None, "identityMap": 5}) == b"{}"
    assert identities({"ecid": ["1"]}) is Reason.INVALID_IDENTITY_MAP
    assert identities({"ecid": False}) is Reason.INVALID_IDENTITY_MAP


def test_a_message_names_the_path_and_shows_nothing_of_the_record() -> None:
    secret = "lovelace"
    for wrong, place in (
        ({"audience_id": {secret: secret}}, "$.audience_id"),
        ({"action": secret}, "$.action"),
        ({"event": {"ts": secret}}, "$.event.ts"),
    ):
        change = decoded(Input(Kind.MEMBERSHIP, "events", PATHS), json.dumps(RECORD | wrong).encode())
        assert isinstance(change, Malformed)
        assert place in change.detail
        assert secret not in repr(change)
