"""What an operator has accepted is owed no more, and nothing else is forgiven with it."""

from __future__ import annotations

from tests.faults.gaps import Owed
from tests.faults.good_ledgers import Writer
from tests.faults.profiles import State

NOBODY = 0


def owed(*profiles: int) -> Owed:
    """Return what a run owes in which each of *profiles*, in that order, had a membership record."""
    writer = Writer(partitions=1)
    for number in profiles:
        writer.put(number, is_fragment=False)
    return Owed(writer.exports, writer.obligations, dict(writer.states))


def test_an_export_that_is_gone_takes_along_what_only_it_told() -> None:
    run = owed(1, 2)
    first, second = run.obligations

    assert run.forgive(exports=run.exports[:1]) == 1
    assert (run.obligations, len(run.exports)) == ([second], 1)
    assert run.states == {second.profile: State(0, 1)}
    assert first.profile not in run.states


def test_what_a_later_export_tells_too_stays_owed() -> None:
    run = owed(1, 1)
    both = list(run.obligations)

    assert run.forgive(exports=run.exports[:1]) == NOBODY
    assert (run.obligations, len(run.exports)) == (both, 1)
    assert run.states == {both[0].profile: State(0, 2)}


def test_an_export_that_is_gone_leaves_what_earlier_ones_told() -> None:
    run = owed(1, 1)
    earlier, later = run.obligations

    assert run.forgive(exports=run.exports[1:]) == 1
    assert run.obligations == [earlier]
    assert run.states == {later.profile: State(0, 1)}


def test_a_record_that_is_gone_is_forgiven_alone() -> None:
    run = owed(1, 2, 3)
    first, second, third = run.obligations

    assert run.forgive(inputs=[second]) == 1
    assert run.obligations == [first, third]
    assert len(run.exports) == 3
