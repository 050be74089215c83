from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.bitmaps import Finished, decode
from streams.delivery.windows import Mark, Window

OFFSETS = st.sets(st.integers(0, 200), min_size=1, max_size=60).map(sorted)
"""Ascending, with gaps: a transaction's marker or a compacted record takes an offset and is never fetched."""


def the_mark(window: Window) -> Mark:
    mark = window.due
    assert mark is not None
    return mark


def a_window(offsets: list[int]) -> Window:
    window = Window()
    for offset in offsets:
        window.fetched(offset, 1_000 + offset)
    return window


@given(OFFSETS, st.data())
def test_a_commit_never_passes_an_unfinished_export(offsets: list[int], data: st.DataObject) -> None:
    window, unfinished = a_window(offsets), set(offsets)
    for offset in data.draw(st.permutations(offsets)):
        window.finished(offset)
        unfinished.discard(offset)
        position = window.position

        assert position is not None
        assert all(position <= left for left in unfinished)


@given(OFFSETS, st.data())
def test_a_commit_takes_all_that_is_finished_below_the_oldest_unfinished(
    offsets: list[int], data: st.DataObject
) -> None:
    window = a_window(offsets)
    finished = data.draw(st.sets(st.sampled_from(offsets)))
    for offset in finished:
        window.finished(offset)

    assert window.position == min(set(offsets) - finished, default=offsets[-1] + 1)


@given(OFFSETS, OFFSETS)
def test_what_is_fetched_again_is_not_let_in_twice(first: list[int], again: list[int]) -> None:
    window = a_window(first)
    let_in = [offset for offset in again if window.fetched(offset, 0)]

    assert let_in == [offset for offset in again if offset > first[-1]]
    assert len(window) == len(first) + len(let_in)


def test_before_the_first_export_nothing_is_committed() -> None:
    assert Window().due is None


def test_a_position_is_due_until_the_broker_took_it() -> None:
    window = a_window([5, 6, 7])
    window.finished(5)
    mark = the_mark(window)
    assert (mark.offset, mark.metadata) == (6, "")

    window.committed(mark)
    assert window.due is None

    window.finished(6)
    assert the_mark(window).offset == 7


def test_an_end_that_is_told_twice_is_an_error() -> None:
    window = a_window([1])
    window.finished(1)

    with pytest.raises(KeyError):
        window.finished(1)


def test_ahead_counts_from_the_oldest_unfinished_to_the_newest_fetched() -> None:
    window = a_window([10, 11, 30])
    assert (window.ahead, window.oldest_timestamp) == (20, 1_010)

    window.finished(10)
    assert (window.ahead, window.oldest_timestamp) == (19, 1_011)

    window.finished(11)
    window.finished(30)
    assert (window.ahead, window.oldest_timestamp) == (0, None)


def test_only_the_bitmap_changed_and_it_is_due_too() -> None:
    window = a_window([5, 6, 9])
    window.committed(the_mark(window))
    window.finished(6)
    mark = the_mark(window)

    assert mark.offset == 5
    assert mark.finished is not None
    assert [offset for offset in (5, 6, 9) if offset in mark.finished] == [6]


def test_a_mark_that_is_confirmed_late_takes_no_later_one_back() -> None:
    window = a_window([1, 2, 3])
    window.finished(1)
    early = the_mark(window)
    window.finished(2)
    late = the_mark(window)
    window.committed(late)
    window.committed(early)

    assert window.due is None


class Partition:
    """A partition with its records, and the member that has it; a takeover gives it to another, by the last commit."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets
        self.committed = Mark(offsets[0], None, 0)
        self.ended: set[int] = set()
        self.ended_at_commit: set[int] = set()
        self.take_over()

    def take_over(self) -> None:
        """Begin as the next member does: at the commit, and with what its text says."""
        self.window = Window(decode(self.committed.metadata, self.committed.offset))
        self.left = [offset for offset in self.offsets if offset >= self.committed.offset]
        self.pending: list[int] = []
        self.known = set(self.ended_at_commit)

    def fetch(self, count: int) -> None:
        for offset in self.left[:count]:
            if self.window.inherited is not None and self.window.skipped(offset, 1_000 + offset):
                assert offset in self.ended, "an export that had not ended was passed over"
            elif self.window.fetched(offset, 1_000 + offset):
                self.pending.append(offset)
        del self.left[:count]

    def end(self, index: int) -> None:
        if self.pending:
            offset = self.pending.pop(index % len(self.pending))
            assert offset not in self.ended_at_commit, "it had ended, and that was committed"
            self.ended.add(offset)
            self.known.add(offset)
            self.window.finished(offset)

    def dies_early(self, count: int) -> None:
        """Die when a little of what was inherited has been fetched, and that is committed."""
        self.commit()
        self.take_over()
        self.fetch(count)
        self.end(0)
        self.commit()
        self.take_over()

    def commit(self) -> None:
        mark = self.window.due
        if mark is not None:
            assert all(offset in self.ended for offset in self.offsets if offset < mark.offset)
            self.committed, self.ended_at_commit = mark, set(self.known)
            self.window.committed(mark)


STEPS = st.lists(
    st.tuples(st.just("fetch"), st.integers(1, 30))
    | st.tuples(st.just("end"), st.integers(0, 100))
    | st.tuples(st.just("end"), st.integers(0, 100))
    | st.tuples(st.just("commit"), st.just(0))
    | st.tuples(st.just("take_over"), st.just(0))
    | st.tuples(st.just("dies_early"), st.integers(1, 5)),
    min_size=30,
    max_size=120,
)


@given(OFFSETS, STEPS)
def test_whoever_dies_when_nothing_is_passed_over_and_only_what_ended_since_the_commit_is_repeated(
    offsets: list[int], steps: list[tuple[str, int]]
) -> None:
    partition = Partition(offsets)
    for step, argument in steps:
        if step == "commit":
            partition.commit()
        elif step == "take_over":
            partition.take_over()
        else:
            getattr(partition, step)(argument)

    partition.take_over()
    partition.fetch(len(offsets))
    while partition.pending:
        partition.end(0)
    partition.commit()
    assert partition.ended == set(offsets)
    assert (partition.committed.offset, partition.committed.metadata) == (offsets[-1] + 1, "")


@given(OFFSETS.filter(lambda offsets: len(offsets) > 2), st.data())
def test_what_is_inherited_of_other_exports_is_not_believed(offsets: list[int], data: st.DataObject) -> None:
    """The topic was made anew: the record at the committed offset is another one, or there is none."""
    window = a_window(offsets)
    for offset in offsets[1:]:
        window.finished(offset)
    mark = the_mark(window)
    other = Window(decode(mark.metadata, mark.offset))
    first = data.draw(st.integers(offsets[0], offsets[0] + 3))
    assert not other.skipped(first, 5_000 if first == offsets[0] else 1_000 + first)

    assert other.mistrusted
    assert other.inherited is None
    assert not any(other.skipped(offset, 1_000 + offset) for offset in offsets)


def test_a_commit_far_ahead_carries_all_that_has_ended() -> None:
    window = a_window(list(range(10_000)))
    for offset in range(1, 10_000):
        window.finished(offset)
    mark = the_mark(window)
    read = decode(mark.metadata, 0)

    assert mark.offset == 0
    assert read == Finished(0, 1_000, read.bits if read else b"")
    assert read is not None
    assert all(offset in read for offset in range(1, 10_000))
    assert 0 not in read


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_inherited_and_not_fetched_yet_is_in_the_next_commit_too(*, ended: bool) -> None:
    window = a_window(list(range(100)))
    for offset in range(1, 100):
        window.finished(offset)
    mark = the_mark(window)
    heir = Window(decode(mark.metadata, 0))
    assert not heir.skipped(0, 1_000)
    assert heir.fetched(0, 1_000)
    assert heir.skipped(1, 1_001)
    if ended:
        heir.finished(0)
    again = the_mark(heir)
    read = decode(again.metadata, again.offset)

    assert read is not None
    assert all(offset in read for offset in range(2, 100))
    assert again.offset == (1 if ended else 0)


@given(OFFSETS, st.data())
def test_the_oldest_age_is_that_of_what_is_unfinished_and_of_what_it_stands_in_for(
    offsets: list[int], data: st.DataObject
) -> None:
    window = a_window(offsets)
    ages = {offset: 1_000 + offset for offset in offsets}
    for offset in data.draw(st.permutations(offsets)):
        others = sorted(ages.keys() - {offset})
        heir: int | None = data.draw(st.sampled_from([None, *others]))
        if heir is not None:
            ages[heir] = min(ages[heir], ages[offset])
            window.inherits(heir, window.age(offset))
        window.finished(offset)
        del ages[offset]

        assert window.oldest_timestamp == min(ages.values(), default=None)
        assert all(window.age(each) == age for each, age in ages.items())


def test_a_window_knows_how_many_ends_a_commit_has_told() -> None:
    window = a_window([0, 1, 2])
    window.finished(1)
    mark = the_mark(window)
    window.finished(2)
    assert (window.told, window.ends) == (0, 2)

    window.committed(mark)
    assert window.told == 1
    window.committed(the_mark(window))
    assert window.told == 2
