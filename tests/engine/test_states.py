"""Rows and offset are written at once, any profile id is just an id, and another release's state is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rocksdict import Cache

from streams.engine.rocks import MARKER_KEY, OFFSET_KEY, RocksState, rocks_options
from streams.engine.states import MemoryState, State
from streams.engine.store import Table

CACHE = Cache(1024 * 1024)
KEYS = st.sampled_from([OFFSET_KEY, MARKER_KEY, b"", b"\0", b"\0" + OFFSET_KEY, b"a", b"b"]) | st.binary(max_size=4)
BATCHES = st.lists(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=5)), max_size=6), max_size=6)


def accept(_: bytes) -> None:
    pass


@contextmanager
def rocks(path: Path, check: Callable[[bytes], None] = accept) -> Iterator[RocksState]:
    state = RocksState(path, rocks_options(CACHE), check)
    try:
        yield state
    finally:
        state.close()


@settings(max_examples=25, deadline=None)
@given(BATCHES, st.booleans())
def test_both_stores_hold_what_was_written_last_whatever_the_ids(
    batches: list[list[tuple[bytes, bytes | None]]], ours: bool
) -> None:
    model: dict[bytes, bytes | None] = {}
    with tempfile.TemporaryDirectory() as directory, rocks(Path(directory) / "0") as state:
        stores: list[State] = [state, MemoryState()]
        for offset, rows in enumerate(batches):
            model.update(rows)
            for store in stores:
                store.apply(rows, offset, ours=ours)
        for store in stores:
            assert {key: store.get(key) for key in model} == model
            assert store.offset == (len(batches) - 1 if batches else None)
            assert dict(store.walk()) == {key: value for key, value in model.items() if value is not None}


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_walk_finds_all_that_stays_while_others_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("streams.engine.rocks.WALKED_AT_ONCE", at_once)
    with rocks(tmp_path / "0") as state:
        stores: list[State] = [state, MemoryState()]
        for store in stores:
            store.apply([(b"%d" % number, b"stays") for number in range(8)] + [(b"", b"stays"), (b"\0", b"stays")], 0)
            found = {}
            for count, (key, value) in enumerate(store.walk(), 1):
                found[key] = value
                store.apply([(b"%dx" % count, b"comes"), (b"%dx" % (count - 1), None)], count)

            staying = {key: value for key, value in found.items() if value == b"stays"}
            assert staying == {b"": b"stays", b"\0": b"stays"} | {b"%d" % number: b"stays" for number in range(8)}


def test_rows_and_offset_are_there_after_a_restart(tmp_path: Path) -> None:
    with rocks(tmp_path / "0") as state:
        state.apply([(b"a", b"1")], 41)
    with rocks(tmp_path / "0") as state:
        assert (state.offset, state.get(b"a")) == (41, b"1")


def test_a_directory_of_a_release_that_is_not_understood_is_not_touched(tmp_path: Path) -> None:
    def refuse_two(value: bytes) -> None:
        if value.startswith(b"2"):
            raise ValueError("another encoding")

    with rocks(tmp_path / "0") as state:
        state.apply([(b"a", b"1 old")], 0, ours=True)
    with rocks(tmp_path / "0") as state:
        state.apply([(b"b", b"2 new")], 1, ours=True)
    with pytest.raises(ValueError, match="another encoding"):
        RocksState(tmp_path / "0", rocks_options(CACHE), refuse_two)
    with rocks(tmp_path / "0") as state:
        assert state.get(b"b") == b"2 new"


def test_confirmed_rows_are_written_with_their_offset() -> None:
    state = MemoryState()
    Table("t", {0: state}).write(0, {b"a": b"1", b"b": None}, 7)

    assert (state.get(b"a"), state.offset) == (b"1", 7)


def test_rows_that_come_after_their_partition_went_are_ignored() -> None:
    table = Table("t", {})
    table.write(0, {b"a": b"1"}, 7)

    with pytest.raises(KeyError):
        table.get(0, b"a")


def test_rows_that_a_recovery_has_read_past_do_not_bring_back_what_was_before() -> None:
    state = MemoryState()
    state.apply([(b"a", b"newer")], 9)
    Table("t", {0: state}).write(0, {b"a": b"older"}, 7)

    assert (state.get(b"a"), state.offset) == (b"newer", 9)
