from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.activation.events import (
    Change,
    FragmentChange,
    Input,
    Kind,
    Malformed,
    Membership,
    MembershipChange,
    Status,
)
from streams.activation.profiles import Profile, decode_profile, encode_profile
from streams.ends import Reason
from streams.exports import Position
from tests.json_texts import FRAGMENTS, strictly, texts, values
from tests.records import INPUTS, KEY, NOW_MS, a_destination, a_fragment, a_membership, an_activation, decoded

QUALIFICATION = INPUTS["qualifications"]


def read(topic: str, value: bytes | None, key: bytes | None = KEY) -> Change | Malformed:
    return decoded(INPUTS[topic], value, key)


def reason(topic: str, value: bytes | None, key: bytes | None = KEY) -> Reason | None:
    change = read(topic, value, key)
    return change.reason if isinstance(change, Malformed) else None


def membership(entry: Any) -> bytes:
    return json.dumps({"segmentMembership": {"ups": {"a": entry}}}).encode()


entries = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["realized", "existing", "exited", "gone", "", 5, None]),
        "lastQualificationTime": st.sampled_from(
            ["2020-05-25T21:24:39Z", "2099-01-01T00:00:00Z", "2020-05-25", 5, None]
        ),
        "payload": values,
    },
)
memberships = st.dictionaries(
    st.sampled_from(["ups", "é", ""]),
    st.dictionaries(st.text(max_size=3), entries | values, max_size=2) | values,
    max_size=2,
)
identity_maps = st.dictionaries(
    st.text(max_size=3), st.lists(st.fixed_dictionaries({"id": st.text(max_size=3)}) | values), max_size=2
)
records = st.fixed_dictionaries(
    {}, optional={"segmentMembership": memberships | values, "identityMap": identity_maps | values, "person": values}
).map(lambda record: json.dumps(record).encode())


@settings(deadline=None)
@given(
    st.sampled_from(sorted(INPUTS)),
    st.none() | st.binary(max_size=4),
    st.none() | records | texts() | st.binary(max_size=30) | st.sampled_from(FRAGMENTS),
)
@example("profiles", KEY, b'{"identityMap":{"ecid":[{"id":"1","deep":' + b"[" * 100_000)
@example("profiles", KEY, b'{"person":{"email":1e999}}')
@example("profiles", KEY, b'{"person":{"email":NaN}}')
@example("profiles", KEY, b'\xef\xbb\xbf{"person":{"email":1}}')
@example("profiles", KEY, b'{"person":{"email":"\\ud800"}}')
@example("profiles", KEY, b'{"person":5,"person":{"email":-%s}}' % (b"9" * 4_300))
@example("profiles", KEY, b'{"person":' + b'{"email":' * 63 + b"1" + b"}" * 64)
def test_whatever_comes_is_decoded_and_what_is_decoded_renders_to_the_same_values(
    topic: str, key: bytes | None, value: bytes | None
) -> None:
    change = read(topic, value, key)

    if isinstance(change, FragmentChange) and value is not None:
        activation = an_activation(
            a_destination(attributes=["person", "other"]), a_destination("b", attributes=["person.email"])
        )
        profile = Profile()
        activation.apply(profile, change, Position(topic, 0, 0, NOW_MS), NOW_MS)
        entered = read("qualifications", a_membership("a"))
        assert isinstance(entered, MembershipChange)
        step = activation.apply(decode_profile(encode_profile(profile)), entered, Position("q", 0, 0, NOW_MS), NOW_MS)
        came = strictly(value)
        whole, part = (json.loads(export.body) for export in step.exports)
        assert repr(whole.get("person")) == repr(came.get("person"))
        if isinstance(came.get("person"), dict):
            assert repr(part.get("person", {}).get("email")) == repr(came["person"].get("email"))


def test_a_membership_is_read_with_namespace_status_and_time() -> None:
    value = a_membership("a", 1.5, status="existing", ids={"ecid": [{"id": "1"}]})

    assert read("qualifications", value) == MembershipChange(
        "qualifications",
        (Membership("ups", "a", Status.EXISTING, 1_590_364_801_500_000),),
        b'{"ecid": [{"id": "1"}]}',
    )


SECOND_US = 1_590_364_801_000_000
"""The event time of ``a_membership(second=1)``."""


def until(topic: str, end: object, now_ms: int = NOW_MS) -> Membership | Reason:
    """Return what is read of a membership with this ``validUntil``."""
    record = json.loads(a_membership("a", 1, status="exited" if topic == "exits" else None))
    record["segmentMembership"]["ups"]["a"]["validUntil"] = end
    change = decoded(INPUTS[topic], json.dumps(record).encode(), now_ms=now_ms)
    if isinstance(change, Malformed):
        return change.reason
    assert isinstance(change, MembershipChange)
    return change.memberships[0]


@pytest.mark.parametrize("end", ["2023-11-14T22:13:20.001Z", "2023-11-14T23:13:20.001+01:00"])
def test_a_membership_may_say_when_it_ends(end: str) -> None:
    wanted = Membership("ups", "a", Status.REALIZED, SECOND_US, (NOW_MS + 1) * 1_000)

    assert until("qualifications", end) == wanted
    assert not wanted.has_ended


def test_a_membership_that_is_over_when_it_is_read_has_exited() -> None:
    at_its_end = until("qualifications", "2023-11-14T22:13:20Z")

    assert at_its_end == Membership("ups", "a", Status.EXITED, SECOND_US, NOW_MS * 1_000)
    assert isinstance(at_its_end, Membership)
    assert at_its_end.has_ended


@pytest.mark.parametrize(
    "end", ["2020-05-25T00:00:00.999Z", "2023-11-14", "2023-11-14T22:13:20", 1_700_000_000, True, {}, ""]
)
def test_an_end_that_cannot_be_is_malformed(end: object) -> None:
    assert until("qualifications", end) is Reason.INVALID_TIME


@pytest.mark.parametrize("end", [None, "9999-12-31T23:59:59-12:00"])
def test_a_membership_may_have_no_end_that_could_be_told(end: object) -> None:
    assert until("qualifications", end) == Membership("ups", "a", Status.REALIZED, SECOND_US)


@pytest.mark.parametrize("end", ["2020-05-25T00:00:00Z", "2999-01-01T00:00:00Z", "nonsense"])
def test_of_an_exit_it_does_not_matter_when_it_would_have_ended(end: str) -> None:
    """It must not be lost because of that: often it comes after its end."""
    assert until("exits", end) == Membership("ups", "a", Status.EXITED, SECOND_US)


def test_a_fragment_is_kept_letter_for_letter_unless_it_spans_lines() -> None:
    assert read("profiles", b'{"a": 1.50}') == FragmentChange("profiles", b'{"a": 1.50}')
    assert read("profiles", b'{\n "a": 1.50, "identityMap": {\n}\n}\n') == FragmentChange(
        "profiles", b'{"a":1.50,"identityMap":{}}', b"{}"
    )


def test_a_null_forgets_on_a_profile_topic_and_is_malformed_elsewhere() -> None:
    assert read("profiles", None) == FragmentChange("profiles", None)
    for topic in ("qualifications", "exits", "memberships"):
        assert reason(topic, None) is Reason.NULL_VALUE


@pytest.mark.parametrize("topic", sorted(INPUTS))
def test_a_record_without_a_key_belongs_to_nobody(topic: str) -> None:
    assert reason(topic, a_membership(status="exited"), key=None) is Reason.NULL_KEY


@pytest.mark.parametrize(
    ("topic", "word", "wanted"),
    [
        ("qualifications", None, Status.REALIZED),
        ("qualifications", "realized", Status.REALIZED),
        ("qualifications", "existing", Status.EXISTING),
        ("qualifications", "exited", Reason.CONTRADICTING_STATUS),
        ("exits", None, Status.EXITED),
        ("exits", "exited", Status.EXITED),
        ("exits", "realized", Reason.CONTRADICTING_STATUS),
        ("exits", "existing", Reason.CONTRADICTING_STATUS),
        ("memberships", None, Reason.MISSING_STATUS),
        ("memberships", "realized", Status.REALIZED),
        ("memberships", "existing", Status.EXISTING),
        ("memberships", "exited", Status.EXITED),
        ("memberships", "Realized", Reason.UNKNOWN_STATUS),
        ("memberships", "", Reason.UNKNOWN_STATUS),
    ],
)
def test_the_topic_and_the_status_must_agree(topic: str, word: str | None, wanted: Status | Reason) -> None:
    change = read(topic, a_membership(status=word))

    found = (
        change.memberships[0].status
        if isinstance(change, MembershipChange)
        else reason(topic, a_membership(status=word))
    )
    assert found is wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"{}", Reason.MISSING_MEMBERSHIP),
        (b'{"segmentMembership":null}', Reason.MISSING_MEMBERSHIP),
        (b'{"segmentMembership":{}}', Reason.MISSING_MEMBERSHIP),
        (b'{"segmentMembership":{"ups":{}}}', Reason.MISSING_MEMBERSHIP),
        (b'{"segmentMembership":5}', Reason.INVALID_MEMBERSHIP),
        (b'{"segmentMembership":{"ups":[]}}', Reason.INVALID_MEMBERSHIP),
        (b'{"segmentMembership":{"ups":{"a":"realized"}}}', Reason.INVALID_MEMBERSHIP),
        (membership({}), Reason.INVALID_TIME),
        (membership({"lastQualificationTime": 1_590_441_879}), Reason.INVALID_TIME),
        (membership({"lastQualificationTime": "2020-05-25T21:24:39"}), Reason.INVALID_TIME),
        (membership({"lastQualificationTime": "2020-05-25T21:24:39Z", "status": None}), Reason.UNKNOWN_STATUS),
        (membership({"lastQualificationTime": "2020-05-25T21:24:39Z", "status": ["realized"]}), Reason.UNKNOWN_STATUS),
        (a_membership(ids=[]), Reason.INVALID_IDENTITY_MAP),
        (a_membership(ids={"ecid": [{"id": 5}]}), Reason.INVALID_IDENTITY_MAP),
        (
            b'{"segmentMembership":5,"segmentMembership":{"ups":{"a":{"lastQualificationTime":"2020-05-25T21:24:39Z"}}}}',
            None,
        ),
    ],
)
def test_a_record_that_cannot_be_understood_says_why(value: bytes, wanted: Reason | None) -> None:
    assert reason("qualifications", value) is wanted


def test_one_bad_membership_makes_the_whole_record_malformed() -> None:
    good = {"lastQualificationTime": "2020-05-25T21:24:39Z"}
    value = json.dumps({"segmentMembership": {"ups": {"a": good, "b": {}}}}).encode()

    assert reason("qualifications", value) is Reason.INVALID_TIME


def test_a_time_more_than_ten_minutes_ahead_is_malformed() -> None:
    value = membership({"lastQualificationTime": "2023-11-14T22:23:20Z"})  # NOW_MS and ten minutes
    late = membership({"lastQualificationTime": "2023-11-14T22:23:20.001Z"})

    assert reason("qualifications", value) is None
    assert reason("qualifications", late) is Reason.FUTURE_TIME


def test_neither_a_reason_nor_a_change_shows_what_the_record_held() -> None:
    secret = "lovelace"
    for value in (
        a_membership(status=secret),
        a_membership(ids={secret: [{secret: 1}]}),
        a_membership(ids={secret: [{"id": secret}]}),
        membership({"lastQualificationTime": secret}),
        a_fragment(person={"name": secret}),
        b'{"lovelace": ',
    ):
        for topic in ("memberships", "qualifications", "profiles"):
            assert secret not in repr(read(topic, value))


def test_the_source_names_whose_fragment_it_is() -> None:
    change = decoded(Input(Kind.FRAGMENT, "crm"), a_fragment(a=1))

    assert isinstance(change, FragmentChange)
    assert change.source == "crm"
