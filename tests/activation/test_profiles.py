from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.activation.events import Status
from streams.activation.profiles import (
    Forgotten,
    MembershipSlot,
    Profile,
    TextSlot,
    Told,
    UnknownEncoding,
    check_encoding,
    decode_profile,
    due_of,
    encode_profile,
    is_marked,
)
from streams.exports import Position
from tests.records import NOW_MS

positions = st.builds(
    Position, st.text(max_size=5), st.integers(0, 2**31), st.integers(0, 2**63 - 1), st.integers(-1, 2**62)
)
names = st.text(max_size=4)
texts = st.dictionaries(names, st.builds(TextSlot, st.none() | st.binary(max_size=20), positions), max_size=3)
memberships = st.dictionaries(
    names,
    st.dictionaries(
        names,
        st.builds(
            MembershipSlot,
            st.sampled_from(Status),
            st.integers(-(2**60), 2**60),
            positions,
            st.none() | st.integers(-(2**60), 2**60),
        ),
        max_size=3,
    ),
    max_size=2,
)
whats_left = st.builds(
    Forgotten,
    positions,
    st.none() | st.binary(max_size=20),
    memberships,
    memberships,
    st.dictionaries(names, st.booleans(), max_size=2),
    st.dictionaries(names, st.integers(0, 2**63 - 1), max_size=2),
    st.dictionaries(names, st.binary(max_size=9), max_size=2),
    st.dictionaries(names, st.binary(max_size=9), max_size=2),
)
told = st.builds(Told, st.integers(0, 2**62), st.booleans(), st.none() | names, st.none() | st.binary(max_size=9))
profiles = st.builds(
    Profile,
    forgotten=st.none() | whats_left,
    revision=st.integers(0, 2**62),
    memberships=memberships,
    fragments=texts,
    identities=texts,
    told=st.dictionaries(names, told, max_size=2),
    exits=memberships,
    owed=st.none() | st.dictionaries(names, positions, min_size=1, max_size=2),
    due=st.none() | st.integers(0, 2**62),
)

PROFILE = Profile(
    revision=7,
    memberships={"ups": {"a": MembershipSlot(Status.EXITED, 5, Position("q", 1, 2, 3))}},
    fragments={"p": TextSlot(b"{}", Position("p", 1, 4, 5))},
    identities={"p": TextSlot(None, Position("p", 1, 4, 5))},
    told={"crm.1": Told(6, inside=True, trigger="entered")},
    exits={"ups": {"b": MembershipSlot(Status.EXITED, 4, Position("q", 1, 1, 2))}},
)
VERSION_3 = bytes.fromhex(
    "99 03 c0 c0 07"
    "81 a3757073 81 a161 93 a6657869746564 05 94 a171 01 02 03"
    "81 a170 92 c4027b7d 94 a170 01 04 05"
    "81 a170 92 c0 94 a170 01 04 05"
    "81 a563726d2e31 92 06 c3"
    "81 a3757073 81 a162 93 a6657869746564 04 94 a171 01 01 02"
)
"""What the release before writes, byte by byte."""
REST_4 = bytes.fromhex(
    "07"
    "81 a3757073 81 a161 94 a6657869746564 05 94 a171 01 02 03 c0"
    "81 a170 92 c4027b7d 94 a170 01 04 05"
    "81 a170 92 c0 94 a170 01 04 05"
    "81 a563726d2e31 94 06 c3 a7656e7465726564 c0"
    "81 a3757073 81 a162 94 a6657869746564 04 94 a171 01 01 02 c0"
)
VERSION_4 = bytes.fromhex("9a 04 c0 c0 c0") + REST_4
"""What this release writes, byte by byte: whoever changes it raises the version."""
OWED_4 = bytes.fromhex("9a 04 c0 81 a563726d2e31 94 a171 01 07 08 c0") + REST_4
DUE_4 = bytes.fromhex("9a 04 c0 c0 cf 0000018bcfe56800") + REST_4
ENDED = MembershipSlot(Status.EXITED, 5, Position("q", 1, 2, 3), until_us=9)
ENDED_4 = bytes.fromhex("94 a6657869746564 05 94 a171 01 02 03 09")
FORGOTTEN = Forgotten(Position("p", 1, 6, 7), b"{}", {"ups": {}}, {}, told={"crm.1": True}, seen={"p": 6})
FORGOTTEN_3 = bytes.fromhex("96 94 a170 01 06 07 c4027b7d 81 a3757073 80 80 81 a563726d2e31 c3 81 a170 06")
KEPT_4 = (
    b"\x99"
    + FORGOTTEN_3[1:]
    + bytes.fromhex("81 a161 c4 03 223122 81 a563726d2e31 c4 02 7b7d 81 a563726d2e31 c4 02 7b7d")
)


@settings(deadline=None)
@given(profiles)
def test_a_profile_is_the_same_after_encoding(profile: Profile) -> None:
    assert decode_profile(encode_profile(profile)) == profile


def test_this_version_stays_as_it_was_written() -> None:
    assert encode_profile(PROFILE) == VERSION_4
    assert encode_profile(replace(PROFILE, owed={"crm.1": Position("q", 1, 7, 8)})) == OWED_4
    assert encode_profile(replace(PROFILE, due=NOW_MS)) == DUE_4
    assert ENDED_4 in encode_profile(replace(PROFILE, memberships={"ups": {"a": ENDED}}))
    kept = replace(FORGOTTEN, keys={"a": b'"1"'}, only={"crm.1": b"{}"}, said={"crm.1": b"{}"})
    assert encode_profile(Profile(forgotten=kept)) == b"\x9a\x04" + KEPT_4 + encode_profile(Profile())[3:]


def test_the_version_before_is_read_as_what_it_says() -> None:
    """But for when something of it is due (it may be at any time), and why the last exports went out."""
    then = replace(PROFILE, due=0, told={"crm.1": Told(6, inside=True)})
    assert decode_profile(VERSION_3) == then
    forgotten = b"\x99\x03" + FORGOTTEN_3 + VERSION_3[3:]
    assert decode_profile(forgotten) == replace(then, forgotten=FORGOTTEN)


def test_the_release_before_refuses_what_it_would_misread() -> None:
    """It reads versions 2 and 3 only, by the second byte."""
    assert encode_profile(Profile())[1] not in (2, 3)


@settings(deadline=None)
@given(profiles)
def test_the_first_bytes_tell_from_when_on_something_is_due(profile: Profile) -> None:
    state = encode_profile(profile)

    assert due_of(state) == profile.due
    assert due_of(VERSION_3) == 0


def test_what_neither_owes_nor_was_forgotten_is_not_decoded_for_that() -> None:
    assert due_of(DUE_4[:13]) == NOW_MS
    assert due_of(VERSION_4[:5]) is None


def test_a_membership_that_ended_by_itself_is_shown_with_its_end() -> None:
    """Only then: until it ends, and where an event said that it is over, it is shown with the event's time."""
    assert ENDED.shown_us == 9
    assert replace(ENDED, status=Status.REALIZED).shown_us == 5
    assert replace(ENDED, until_us=None).shown_us == 5


@settings(deadline=None)
@given(profiles)
def test_the_first_bytes_tell_that_something_is_still_to_be_done(profile: Profile) -> None:
    assert is_marked(encode_profile(profile)[:4]) is (profile.forgotten is not None or profile.owed is not None)


@pytest.mark.parametrize(
    "value", [b"", b"\x9a", b"\x9a\x04\xc0", b"\x98\x02\xc0\x81", VERSION_3, VERSION_4, DUE_4, b"{}"]
)
def test_nothing_else_is_taken_for_that(value: bytes) -> None:
    assert not is_marked(value)


@pytest.mark.parametrize(
    "value", [b"", b"\x96", b"\x96\x00\x07", b"\x98\x02\x07", b"\x96\x05\x07", b"{}", b'{"version":1}', b"\x81\x01\x01"]
)
def test_another_versions_state_is_refused(value: bytes) -> None:
    for read in (check_encoding, decode_profile):
        with pytest.raises(UnknownEncoding, match="version"):
            read(value)


def test_a_damaged_state_is_refused() -> None:
    with pytest.raises(UnknownEncoding, match="does not decode"):
        decode_profile(VERSION_4[:-3])


def test_checking_looks_at_the_beginning_only() -> None:
    check_encoding(VERSION_3[:2])
    check_encoding(VERSION_4[:2])


def test_a_profile_shows_nothing_of_itself() -> None:
    slot = TextSlot(b'{"email":"one@example.com"}', Position("p", 0, 0, 0))

    assert "example" not in repr(slot)
    assert "example" not in repr(Profile(fragments={"p": slot}))
