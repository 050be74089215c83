"""Which states are open, believed since when, and what is said about one that is not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.engine.app import ProfileTable
from streams.engine.directory import KEPT, Directory
from streams.engine.engine import Engine
from streams.engine.states import MemoryState
from streams.engine.store import Store
from streams.engine.trust import DistrustedError, Doubt, UnusableError
from tests.engine.fakes import engine_settings

RETENTION = 100.0


class Places:
    """Memory, at a time that the test tells."""

    def __init__(self) -> None:
        self.now, self.ours = 1000.0, True
        self.aside: list[tuple[int, Doubt]] = []

    def open(self, partition: int) -> MemoryState:
        return MemoryState(None, self.now)

    def set_aside(self, partition: int, why: Doubt) -> Path | None:
        self.aside.append((partition, why))
        return None


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
async def store(places: Places) -> Store:
    app = Engine(engine_settings()).app
    table: Any = ProfileTable(app, name="profiles", partitions=1)
    return Store(
        "memory://", app, table, places=places, retention=RETENTION, ours=lambda: places.ours, now=lambda: places.now
    )


async def test_a_state_that_stayed_open_while_others_wrote_is_not_believed(store: Store, places: Places) -> None:
    state = await store.open(0)
    state.apply([(b"dead", b"1")], 5)
    store.whole([0], places.now)
    places.ours = False  # the process slept longer than its session
    places.now += RETENTION
    store.touch()
    await store.release()
    places.ours = True

    assert (await store.open(0)).get(b"dead") is None
    assert places.aside == [(0, Doubt.STALE)]
    assert store.doubts == {Doubt.STALE: 1}


async def test_a_state_that_was_ours_all_the_time_is_believed_however_old_it_is(store: Store, places: Places) -> None:
    state = await store.open(0)
    state.apply([(b"a", b"1")], 5)
    store.whole([0], places.now)
    for _ in range(10):
        places.now += RETENTION / 4
        store.touch()
    places.now += RETENTION / 4
    await store.release()
    places.now += RETENTION * 0.4

    assert await store.open(0) is state


async def test_a_state_ages_from_its_release_on(store: Store, places: Places) -> None:
    (await store.open(0)).apply([(b"a", b"1")], 5)
    store.whole([0], places.now)
    await store.release()
    places.now += RETENTION
    store.touch()

    assert (await store.open(0)).get(b"a") is None


async def test_a_state_that_is_half_loaded_does_not_grow_younger(store: Store, places: Places) -> None:
    (await store.open(0)).apply([(b"a", b"1")], 5)
    places.now += RETENTION
    store.touch()
    await store.release()

    assert (await store.open(0)).get(b"a") is None


async def test_a_state_that_holds_nothing_cannot_be_stale(store: Store, places: Places) -> None:
    state = await store.open(0)
    places.now += RETENTION

    assert await store.open(0) is state


async def test_what_was_set_aside_is_told_and_the_newest_two_are_kept(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    settings = engine_settings(directory=tmp_path)
    directory = Directory(settings, "unit-profiles-changelog", now=lambda: now[0])
    app = Engine(settings).app
    store = Store(
        "memory://", app, ProfileTable(app, name="profiles", partitions=1), places=directory, retention=RETENTION,
        now=lambda: now[0],
    )  # fmt: skip
    with capture_logs() as lines:
        for round_ in range(KEPT + 1):
            (await store.open(0)).apply([(b"round", b"%d" % round_)], 5)
            now[0] += RETENTION
        (await store.open(0)).apply([(b"round", b"last")], 5)
        store.close([0])

    profiles = tmp_path / "profiles"
    names = sorted(each.name for each in profiles.iterdir())
    assert names == ["0", "0.set-aside-20231114T221640.000000Z-stale", "0.set-aside-20231114T221820.000000Z-stale"]
    told = [(line["event"], line["partition"], line["why"], line["moved_to"]) for line in lines]
    assert told[1:] == [("state.set-aside", 0, "stale", str(profiles / name)) for name in names[1:]]
    assert store.doubts == {Doubt.STALE: KEPT + 1}


async def test_what_was_released_does_not_grow_younger_even_if_its_last_time_cannot_be_noted(
    store: Store, places: Places
) -> None:
    def fail(now: float) -> None:
        raise UnusableError("no space is left")

    state: Any = await store.open(0)
    store.whole([0], places.now)
    state.touch, noted = fail, state.touch
    with pytest.raises(UnusableError):
        await store.release()
    state.touch = noted
    places.now += 1
    store.touch()

    assert state.used == 1000.0


async def test_other_errors_of_an_opening_are_not_doubts(store: Store, places: Places) -> None:
    def fail(partition: int) -> MemoryState:
        raise LookupError("encoding 9")

    places.open = fail  # type: ignore[method-assign]  # what another release's state does
    with pytest.raises(LookupError):
        await store.open(0)

    assert places.aside == []


async def test_a_doubt_knows_its_partition(store: Store, places: Places) -> None:
    first = [DistrustedError(Doubt.CORRUPT, "damaged")]
    real = places.open

    def open_(partition: int) -> MemoryState:
        if first:
            raise first.pop()
        return real(partition)

    places.open = open_  # type: ignore[method-assign]  # damaged the first time
    await store.open(3)

    assert places.aside == [(3, Doubt.CORRUPT)]


def test_a_disk_that_fails_all_partitions_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("no directory")
    directory = Directory(engine_settings(directory=tmp_path), "unit-profiles-changelog")
    with capture_logs() as lines:
        for partition in (0, 1):
            with pytest.raises(UnusableError, match=rf"profiles/{partition} cannot be used: "):
                directory.open(partition)

    assert [(line["event"], line["directory"]) for line in lines] == [("state.unusable", f"{tmp_path}/profiles/0")]
