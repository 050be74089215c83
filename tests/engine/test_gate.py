"""What of other inputs waits, and when: until the first inputs are handled to the end they had at their birth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.gate import Gate

A0, B0, A1 = ("a", 0), ("b", 0), ("a", 1)


def nothing_open(_: object) -> None:
    return None


def test_an_empty_first_input_shuts_no_gate() -> None:
    assert Gate({A0: 0, A1: 0}).shut == frozenset()


def test_a_number_waits_for_every_first_input_and_for_no_other_number() -> None:
    gate = Gate({A0: 10, B0: 5, A1: 10})

    assert gate.look({A0: 10, B0: 4, A1: 3}, nothing_open) == frozenset()
    assert gate.remaining == {0: 1, 1: 7}
    assert gate.look({A0: 10, B0: 5, A1: 3}, nothing_open) == {0}
    assert gate.remaining == {1: 7}


def test_what_is_read_and_not_acknowledged_counts_as_not_handled() -> None:
    gate = Gate({A0: 10})

    assert gate.look({A0: 30}, {A0: 9}.get) == frozenset()
    assert gate.remaining == {0: 1}
    assert gate.look({A0: 30}, {A0: 10}.get) == {0}, "what came after the birth need not be handled"


def test_an_input_whose_position_is_unknown_keeps_its_gate_shut() -> None:
    gate = Gate({A0: 10, B0: 10})
    gate.look({A0: 10}, nothing_open)

    assert gate.shut == {0}


def test_nothing_is_awaited_beyond_what_compaction_left() -> None:
    gate = Gate({A0: 10})
    gate.look({A0: 7}, nothing_open)
    gate.pass_over(A0, 7)

    assert gate.look({A0: 7}, nothing_open) == {0}


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.integers(0, 9)), st.data())
def test_a_gate_opens_once_and_never_shuts_again(ends: dict[tuple[str, int], int], data: st.DataObject) -> None:
    gate, opened = Gate(ends), list[int]()
    positions = dict.fromkeys(ends, 0)
    while gate.shut:
        moving = data.draw(st.sampled_from(sorted(ends)))
        positions[moving] += data.draw(st.integers(1, 4))
        opened += gate.look(positions, nothing_open)

        for number in {number for _, number in ends} - gate.shut:
            assert all(positions[each] >= end for each, end in ends.items() if each[1] == number)
    assert sorted(opened) == sorted({number for (_, number), end in ends.items() if end})
