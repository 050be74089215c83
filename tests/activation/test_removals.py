"""What waits is looked at in turn, and goes when nothing that it saw can be read again."""

from __future__ import annotations

from collections.abc import Callable

from streams.activation import removals
from streams.activation.removals import Removals

Offsets = dict[tuple[str, int], int]


def waiting(committed: Offsets, ended: Offsets, *inputs: str) -> Removals:
    def of(offsets: Offsets) -> Callable[[str, int], int | None]:
        return lambda topic, partition: offsets.get((topic, partition))

    return Removals(of(committed), of(ended), inputs or ("profiles", "exits"))


def test_a_profile_is_due_when_all_that_was_taken_before_it_was_forgotten_is_committed() -> None:
    committed, ended = {("profiles", 0): 5, ("exits", 0): 2}, {("profiles", 0): 0, ("exits", 0): 0}
    found = waiting(committed, ended)
    for profiles, exits, key in ((3, 1, b"ready"), (4, 2, b"exits too low"), (5, 2, b"both too low")):
        found.taken("profiles")[0], found.taken("exits")[0] = profiles, exits
        found.note(0, key)

    assert list(found.due()) == [(0, b"ready")]
    committed["exits", 0] = 3
    assert list(found.due()) == [(0, b"ready"), (0, b"exits too low")]


def test_who_was_forgotten_before_the_assignment_waits_for_the_ends_that_it_found() -> None:
    committed, ended = {("profiles", 0): 5, ("exits", 0): 2}, {("profiles", 0): 5, ("exits", 0): 3}
    found = waiting(committed, ended)
    found.found(0, [b"k"])

    assert list(found.due()) == []
    committed["exits", 0] = 3
    assert list(found.due()) == [(0, b"k")]


def test_nobody_is_due_while_an_end_or_a_commit_is_unknown_but_other_topics_do_not_count() -> None:
    for known in ({}, {("profiles", 0): 0}):
        found = waiting({("profiles", 1): 9, **known}, {("profiles", 1): 0}, "profiles")
        found.found(0, [b"k"])
        assert list(found.due()) == []
    found = waiting({("profiles", 0): 0}, {("profiles", 0): 0}, "profiles")
    found.taken("gone")[0] = 7
    found.note(0, b"k")

    assert list(found.due()) == [(0, b"k")]


def test_a_record_that_a_profile_meets_later_is_waited_for_too() -> None:
    found = waiting({("profiles", 0): 5}, {("profiles", 0): 0}, "profiles")
    found.taken("profiles")[0] = 4
    found.note(0, b"k")
    found.taken("profiles")[0] = 5
    assert list(found.due()) == [(0, b"k")]

    found.note(0, b"k")

    assert list(found.due()) == []


def test_those_that_are_not_due_do_not_keep_the_others_from_their_turn() -> None:
    found = waiting({("profiles", 0): 1, ("profiles", 1): 0}, {("profiles", 0): 1, ("profiles", 1): 1}, "profiles")
    found.found(1, [b"%d" % number for number in range(removals.LOOKED_AT)])
    found.found(0, [b"last"])

    assert list(found.due()) == []
    assert list(found.due()) == [(0, b"last")]


def test_what_is_done_or_cleared_is_due_no_more() -> None:
    found = waiting({("profiles", 0): 1}, {("profiles", 0): 1}, "profiles")
    taken = found.taken("profiles")
    found.found(0, [b"one", b"two", b"three"])
    found.done(0, b"one")
    assert list(found.due()) == [(0, b"two"), (0, b"three")]

    taken[0] = 9
    found.clear()

    assert (len(found), taken) == (0, {})
    assert found.taken("profiles") is taken  # who notes there goes on


def test_the_offsets_of_a_log_that_was_there_before_hold_nothing_up() -> None:
    found = Removals(lambda *_: 5, lambda *_: 0, ["profiles"], lambda topic, partition: 2 - partition)

    assert found.are_committed(0, {"profiles": 9, "profiles#1": 9, "profiles#2": 4})
    assert not found.are_committed(0, {"profiles#2": 5})
    assert not found.are_committed(1, {"profiles#1": 5})
    assert not found.are_committed(2, {"profiles": 5})


def test_the_offsets_of_a_topic_that_is_no_input_any_more_hold_nothing_up() -> None:
    found = waiting({("profiles", 0): 5}, {("profiles", 0): 0}, "profiles")

    assert found.are_committed(0, {"profiles": 4, "gone": 9})
    assert not found.are_committed(0, {"profiles": 5})
    assert not found.are_committed(1, {"profiles": 4})
