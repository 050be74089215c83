"""What a load takes from a changelog, and what it does when compaction is faster than the load."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from aiokafka import TopicPartition

from streams.engine.loader import Loader
from streams.engine.progress import RecoveryProgress
from streams.engine.states import MemoryState
from streams.engine.trust import DistrustedError, Doubt
from tests.engine.fakes import FakeRecord

PARTITION = TopicPartition("changelog", 0)


class Changelog:
    """Records by offset; two are fetched at a time, and after each fetch the test's compaction takes place."""

    def __init__(self, *rows: tuple[bytes, bytes | None], compact: Callable[[Changelog], None] | None = None) -> None:
        self.records = {offset: FakeRecord(offset, key=key, value=value) for offset, (key, value) in enumerate(rows)}
        self.end, self.beginning, self.fetches = len(rows), 0, 0
        self._position = 0
        self._compact = compact or (lambda _: None)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.beginning)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[FakeRecord]]:
        self.fetches += 1
        there = [self.records[offset] for offset in sorted(self.records) if offset >= self._position][:2]
        self._position = there[-1].offset + 1 if len(there) == 2 else self.end
        self._compact(self)
        return {PARTITION: there} if there else {}

    async def position(self, partition: TopicPartition) -> int:
        return self._position

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    def last_poll_timestamp(self, partition: TopicPartition) -> int:
        return self.fetches


async def load(source: Changelog, state: MemoryState, *clock: float, retention: float = 3600.0) -> RecoveryProgress:
    """Load; *clock* is what the time is, the last value for ever."""
    times, progress = list(clock or (0.0,)), RecoveryProgress([0])
    loader = Loader(
        source,
        lambda _: None,
        progress,
        retention=retention,
        now=lambda: times.pop(0) if len(times) > 1 else times[0],
    )
    await loader.load(PARTITION, state)
    return progress


def forget_the_dead(changelog: Changelog) -> None:
    """Drop what was removed, and the tombstone that says so, once the first rows are read."""
    for offset in (0, 3):
        changelog.records.pop(offset, None)


DEAD = ((b"dead", b"1"), (b"a", b"1"), (b"b", b"1"), (b"dead", None), (b"c", b"1"))


async def test_a_key_whose_tombstone_vanished_while_it_was_loaded_for_too_long_is_gone() -> None:
    state = MemoryState()
    await load(Changelog(*DEAD, compact=forget_the_dead), state, 0.0, 51.0, retention=100.0)

    assert (sorted(state.all_keys()), state.offset) == ([b"a", b"b", b"c"], 4)


async def test_a_load_within_half_of_what_tombstones_are_kept_reads_the_changelog_once() -> None:
    source, state = Changelog(*DEAD), MemoryState()
    await load(source, state, 0.0, 49.0, retention=100.0)

    assert source.fetches == 3
    assert sorted(state.all_keys()) == [b"a", b"b", b"c"]


async def test_time_out_of_use_before_a_load_counts_with_the_load() -> None:
    state = MemoryState()
    state.apply([(b"dead", b"1"), (b"a", b"1")], 1)
    state.touch(0.0)
    await load(Changelog(*DEAD, compact=forget_the_dead), state, 51.0, retention=100.0)

    assert sorted(state.all_keys()) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("value", [b"another", None])
async def test_a_state_whose_last_row_is_another_one_in_the_changelog_is_not_believed(value: bytes | None) -> None:
    state = MemoryState()
    state.apply([(b"a", b"1"), (b"b", b"2")], 1)

    with pytest.raises(DistrustedError) as raised:
        await load(Changelog((b"a", b"1"), (b"b", value), (b"c", b"3")), state)

    assert raised.value.why is Doubt.CHANGED
    assert state.get(b"c") is None


@pytest.mark.parametrize("last", [b"2", None])
async def test_a_state_goes_on_where_it_ends_and_counts_only_what_is_new(last: bytes | None) -> None:
    state = MemoryState()
    state.apply([(b"a", b"1"), (b"b", last)], 1)
    progress = await load(Changelog((b"a", b"never read again"), (b"b", last), (b"c", b"3")), state)

    assert (state.get(b"a"), state.get(b"b"), state.get(b"c"), state.offset) == (b"1", last, b"3", 2)
    assert (progress.loaded, progress.remaining, progress.done) == (1, 0, 1)


async def test_a_last_row_that_compaction_has_dropped_contradicts_nothing() -> None:
    state, source = MemoryState(), Changelog((b"a", b"1"), (b"b", b"2"), (b"b", b"3"))
    state.apply([(b"a", b"1"), (b"b", b"2")], 1)
    del source.records[1]
    await load(source, state)

    assert (state.get(b"b"), state.offset) == (b"3", 2)


async def test_a_state_that_lacks_nothing_is_complete_at_once_though_its_last_row_is_gone() -> None:
    state, source = MemoryState(), Changelog((b"a", b"1"), (b"b", None))
    state.apply([(b"a", b"1"), (b"b", None)], 1)
    del source.records[1]
    progress = await load(source, state)

    assert (progress.done, source.fetches) == (1, 1)
