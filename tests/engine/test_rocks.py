"""A directory says whose it is, since when it is complete and what is marked; damage is seen, and remembered."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from streams.engine.rocks import RocksState, rocks_options
from streams.engine.trust import DistrustedError, Doubt, LockedError, Origin
from tests.engine.damage import AT_OPENING, Damage, cut, flip, flip_rows

CACHE = Cache(1024 * 1024)
ORIGIN = Origin("crm", "crm-profiles-changelog", 0, "cluster")
ROWS = 20_000


def accept(_: bytes) -> None:
    pass


def marked(value: bytes) -> bool:
    return value.startswith(b"gone")


@contextmanager
def rocks(path: Path, **options: Any) -> Iterator[RocksState]:
    state = RocksState(path, rocks_options(CACHE), accept, **{"origin": ORIGIN, "now": lambda: 1000.0, **options})
    try:
        yield state
    finally:
        state.close()


def filled(path: Path) -> Path:
    """Return a closed directory whose rows stand in a file of their own."""
    dice = random.Random(3)
    with rocks(path) as state:
        state.apply([(b"%d" % n, dice.randbytes(100)) for n in range(ROWS)], ROWS - 1, ours=True)
    return path


@pytest.mark.parametrize("damage", AT_OPENING.values(), ids=AT_OPENING.keys())
def test_damage_is_seen_when_the_directory_is_opened(tmp_path: Path, damage: Damage) -> None:
    damage(filled(tmp_path / "0"))

    with pytest.raises(DistrustedError) as raised, rocks(tmp_path / "0"):
        pass
    assert raised.value.why is Doubt.CORRUPT


def killed(path: Path) -> Path:
    """Return a directory as a SIGKILL leaves it, with rows in files and in RocksDB's log."""
    with rocks(path / "0") as state:
        for number in range(3):
            state.apply([(b"%d" % number, b"v" * 100)], number)
            if number < 2:
                state._db.flush()
        shutil.copytree(path / "0", path / "killed")
    return path / "killed"


def test_a_directory_that_a_kill_left_is_believed(tmp_path: Path) -> None:
    with rocks(killed(tmp_path)) as state:
        assert [state.get(b"%d" % number) for number in range(3)] == [b"v" * 100] * 3


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("damage", [cut, flip])
def test_a_list_of_files_that_lost_its_end_does_not_lose_the_rows_between_in_silence(
    tmp_path: Path, damage: Callable[[Path, float], None], share: float
) -> None:
    path = killed(tmp_path)
    damage(min(path.glob("MANIFEST*")), share)

    with pytest.raises(DistrustedError, match="cut off or altered"), rocks(path):
        pass


def test_damage_that_a_read_finds_keeps_the_directory_from_being_opened_again(tmp_path: Path) -> None:
    flip_rows(filled(tmp_path / "0"))
    with rocks(tmp_path / "0") as state, pytest.raises(DistrustedError, match="checksum") as raised:
        all(state.get(b"%d" % n) for n in range(ROWS))

    assert raised.value.why is Doubt.CORRUPT
    with pytest.raises(DistrustedError, match="checksum"), rocks(tmp_path / "0"):
        pass


def test_a_directory_that_was_never_damaged_is_believed(tmp_path: Path) -> None:
    with rocks(filled(tmp_path / "0")) as state:
        assert all(state.get(b"%d" % n) is not None for n in range(ROWS))


def test_an_empty_directory_that_a_crash_left_is_believed(tmp_path: Path) -> None:
    with rocks(tmp_path / "0", origin=None):
        pass
    with rocks(tmp_path / "0") as state:
        assert state.offset is None


def test_a_directory_that_is_open_elsewhere_is_locked_and_not_damaged(tmp_path: Path) -> None:
    with rocks(tmp_path / "0"), pytest.raises(LockedError), rocks(tmp_path / "0"):
        pass


def test_a_directory_is_of_who_made_it(tmp_path: Path) -> None:
    filled(tmp_path / "0")
    with (
        pytest.raises(DistrustedError, match="partition 0, not 1"),
        rocks(tmp_path / "0", origin=replace(ORIGIN, partition=1)),
    ):
        pass


def test_a_directory_of_an_earlier_release_becomes_ours_with_the_age_of_its_files(tmp_path: Path) -> None:
    with rocks(tmp_path / "0", origin=None) as state:
        state.apply([(b"a", b"1"), (b"b", b"gone"), (b"\0c", b"gone")], 7)
    for file in (tmp_path / "0").iterdir():
        os.utime(file, (500.0, 500.0))
    with rocks(tmp_path / "0", marks=marked) as state:
        assert (state.offset, state.used, state.marked) == (7, 500.0, {b"b", b"\0c"})
    with rocks(tmp_path / "0", marks=marked) as state:
        assert (state.used, state.marked) == (500.0, {b"b", b"\0c"})
    with pytest.raises(DistrustedError), rocks(tmp_path / "0", origin=replace(ORIGIN, app="other")):
        pass


def test_the_time_of_use_is_the_last_one_noted(tmp_path: Path) -> None:
    with rocks(tmp_path / "0") as state:
        assert state.used == 1000.0
        state.touch(1234.5)
    with rocks(tmp_path / "0", now=lambda: 9999.0) as state:
        assert state.used == 1234.5


def test_marks_follow_the_values_and_survive_a_restart(tmp_path: Path) -> None:
    with rocks(tmp_path / "0", marks=marked) as state:
        state.apply([(b"a", b"gone"), (b"b", b"here"), (b"c", b"gone"), (b"\0", b"gone"), (b"d", b"gone")], 1)
        state.apply([(b"a", b"here"), (b"b", b"gone"), (b"c", None), (b"d", b"gone too")], 2)
        assert state.marked == {b"b", b"\0", b"d"}
    with rocks(tmp_path / "0", marks=marked) as state:
        assert state.marked == {b"b", b"\0", b"d"}
        assert sorted(state.all_keys()) == [b"\0", b"a", b"b", b"d"]


def bytes_read() -> int:
    """What this thread has read from files."""
    io = Path(f"/proc/self/task/{threading.get_native_id()}/io").read_text()
    return int(io.split()[1])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux says what a thread has read")
def test_to_read_a_value_no_index_of_all_keys_is_read(tmp_path: Path) -> None:
    small, dice = Cache(32 * 1024), random.Random(3)
    state = RocksState(tmp_path / "0", rocks_options(small), accept, origin=ORIGIN, now=lambda: 1000.0)
    try:
        for first in range(0, 100_000, 10_000):
            rows = [(b"profile-%08d" % number, dice.randbytes(100)) for number in range(first, first + 10_000)]
            state.apply(rows, first, ours=True)
        state._db.flush()
        state._db.compact_range(None, None)
        before = bytes_read()
        for number in range(0, 100_000, 1_000):
            assert len(state.get(b"profile-%08d" % number) or b"") == 100
        assert (bytes_read() - before) / 100 < 32 * 1024, "the index of a file is larger than what is read here"
    finally:
        state.close()
