"""The journal's records are read whole, in any order of writers, and whatever else stands on the topic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.groups.entries import (
    Acceptance,
    Entries,
    acceptance_name,
    birth_name,
    remaking_name,
    value_of,
)
from streams.groups.gaps import Birth, Cause, Gap, Resume

ORDERS = ("orders", 3)
BIRTHS = st.builds(Birth, st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62))


def key(name: str, random: str = "r") -> bytes:
    return f"{name}/{random}".encode()


@given(st.lists(BIRTHS, min_size=1, max_size=5))
def test_of_several_births_the_first_counts(births: list[Birth]) -> None:
    entries = Entries()
    for index, birth in enumerate(births):
        entries.read(key(birth_name("shop", ORDERS), str(index)), value_of(birth))

    assert entries.birth("shop", ORDERS) == births[0]
    assert entries.birth("shop", ("orders", 4)) is None
    assert entries.birth("other", ORDERS) is None


def test_each_time_that_offsets_began_again_counts() -> None:
    entries = Entries()
    for random in "abb":
        entries.read(key(remaking_name("shop", ORDERS), random), value_of(5))

    assert entries.remakings("shop", ORDERS) == 2
    assert entries.remakings("shop", ("orders", 4)) == 0


def test_a_tombstone_takes_its_own_entry_away_and_the_next_counts() -> None:
    entries = Entries()
    name, first, second = birth_name("shop", ORDERS), Birth(1, 1, 1), Birth(2, 2, 2)
    entries.read(key(name, "a"), value_of(first))
    entries.read(key(name, "b"), value_of(second))
    assert entries.birth("shop", ORDERS) == first

    entries.read(key(name, "a"), None)

    assert entries.birth("shop", ORDERS) == second
    assert [entry.key for entry in entries.under((name,))] == [f"{name}/b"]


@given(st.sampled_from(Cause), st.none() | st.integers(0, 2**62), st.sampled_from(Resume), st.integers(0, 2**62))
def test_an_acceptance_is_read_as_it_was_written_and_answers_its_gap(
    cause: Cause, committed: int | None, resume: Resume, at: int
) -> None:
    entries, name = Entries(), key(acceptance_name("shop", ORDERS))
    written = Acceptance(name.decode(), cause, committed, resume, at)
    entries.read(name, value_of(written))

    (read,) = entries.acceptances("shop", ORDERS)

    assert read == written
    assert read.answers(Gap(cause, committed, 5, 9))
    assert not read.answers(Gap(cause, 2**62 + 1, 5, 9))


@given(
    st.none() | st.binary(max_size=20) | st.sampled_from([b"birth/shop/orders/3/x", b"account/partner/1/x"]),
    st.none() | st.binary(max_size=20) | st.sampled_from([b"[1]", b"{}", b'{"offset": "many"}', b'{"at": null}']),
)
def test_what_is_no_entry_changes_nothing(other: bytes | None, value: bytes | None) -> None:
    entries, birth = Entries(), Birth(1, 2, 3)
    entries.read(other, value)
    entries.read(key(birth_name("shop", ORDERS)), value_of(birth))
    entries.read(other, value)

    assert entries.birth("shop", ORDERS) == birth
