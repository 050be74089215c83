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
    encode_profile,
    is_marked,
)
from streams.exports import Position

positions = st.builds(
    Position, st.text(max_size=5), st.integers(0, 2**31), st.integers(0, 2**63 - 1), st.integers(-1, 2**62)
)
names = st.text(max_size=4)
texts = st.dictionaries(names, st.builds(TextSlot, st.none() | st.binary(max_size=20), positions), max_size=3)
memberships = st.dictionaries(
    names,
    st.dictionaries(
        names, st.builds(MembershipSlot, st.sampled_from(Status), st.integers(-(2**60), 2**60), positions), max_size=3
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
)
profiles = st.builds(
    Profile,
    forgotten=st.none() | whats_left,
    revision=st.integers(0, 2**62),
    memberships=memberships,
    fragments=texts,
    identities=texts,
    told=st.dictionaries(names, st.builds(Told, st.integers(0, 2**62), st.booleans()), max_size=2),
    exits=memberships,
    owed=st.none() | st.dictionaries(names, positions, min_size=1, max_size=2),
)

PROFILE = Profile(
    revision=7,
    memberships={"ups": {"a": MembershipSlot(Status.EXITED, 5, Position("q", 1, 2, 3))}},
    fragments={"p": TextSlot(b"{}", Position("p", 1, 4, 5))},
    identities={"p": TextSlot(None, Position("p", 1, 4, 5))},
    told={"crm.1": Told(6, inside=True)},
    exits={"ups": {"b": MembershipSlot(Status.EXITED, 4, Position("q", 1, 1, 2))}},
)
VERSION_2 = bytes.fromhex(
    "98 02 c0 07"
    "81 a3757073 81 a161 93 a6657869746564 05 94 a171 01 02 03"
    "81 a170 92 c4027b7d 94 a170 01 04 05"
    "81 a170 92 c0 94 a170 01 04 05"
    "81 a563726d2e31 92 06 c3"
    "81 a3757073 81 a162 93 a6657869746564 04 94 a171 01 01 02"
)
"""What the release before writes, byte by byte."""
VERSION_3 = bytes.fromhex("99 03 c0 c0") + VERSION_2[3:]
"""What this release writes, byte by byte: whoever changes it raises the version."""
OWED_3 = bytes.fromhex("99 03 c0 81 a563726d2e31 94 a171 01 07 08") + VERSION_2[3:]
FORGOTTEN = Forgotten(Position("p", 1, 6, 7), b"{}", {"ups": {}}, {}, told={"crm.1": True}, seen={"p": 6})
FORGOTTEN_2 = bytes.fromhex("96 94 a170 01 06 07 c4027b7d 81 a3757073 80 80 81 a563726d2e31 c3 81 a170 06")


@settings(deadline=None)
@given(profiles)
def test_a_profile_is_the_same_after_encoding(profile: Profile) -> None:
    assert decode_profile(encode_profile(profile)) == profile


def test_this_version_stays_as_it_was_written() -> None:
    assert encode_profile(PROFILE) == VERSION_3
    assert encode_profile(Profile(forgotten=FORGOTTEN)) == b"\x99\x03" + FORGOTTEN_2 + encode_profile(Profile())[3:]
    assert encode_profile(replace(PROFILE, owed={"crm.1": Position("q", 1, 7, 8)})) == OWED_3


def test_the_version_before_is_read_as_what_it_says() -> None:
    assert decode_profile(VERSION_2) == PROFILE
    forgotten = b"\x98\x02" + FORGOTTEN_2 + VERSION_2[3:]
    assert decode_profile(forgotten) == replace(PROFILE, forgotten=FORGOTTEN)


def test_the_release_before_refuses_what_it_would_misread() -> None:
    """It reads versions 1 and 2 only, by the second byte."""
    assert encode_profile(Profile(owed={"crm.1": FORGOTTEN.position}))[1] not in (1, 2)


@settings(deadline=None)
@given(profiles)
def test_the_first_bytes_tell_that_something_is_still_to_be_done(profile: Profile) -> None:
    assert is_marked(encode_profile(profile)[:4]) is (profile.forgotten is not None or profile.owed is not None)


@pytest.mark.parametrize("value", [b"", b"\x99", b"\x99\x03\xc0", b"\x98\x02\xc0\x81", VERSION_2, VERSION_3, b"{}"])
def test_nothing_else_is_taken_for_that(value: bytes) -> None:
    assert not is_marked(value)


@pytest.mark.parametrize(
    "value", [b"", b"\x96", b"\x96\x00\x07", b"\x97\x01\x07", b"\x96\x04\x07", b"{}", b'{"version":1}', b"\x81\x01\x01"]
)
def test_another_versions_state_is_refused(value: bytes) -> None:
    for read in (check_encoding, decode_profile):
        with pytest.raises(UnknownEncoding, match="version"):
            read(value)


def test_a_damaged_state_is_refused() -> None:
    with pytest.raises(UnknownEncoding, match="does not decode"):
        decode_profile(VERSION_3[:-3])


def test_checking_looks_at_the_beginning_only() -> None:
    check_encoding(VERSION_2[:2])
    check_encoding(VERSION_3[:2])


def test_a_profile_shows_nothing_of_itself() -> None:
    slot = TextSlot(b'{"email":"one@example.com"}', Position("p", 0, 0, 0))

    assert "example" not in repr(slot)
    assert "example" not in repr(Profile(fragments={"p": slot}))
