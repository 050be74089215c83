"""The walk counts every profile once, leaves the loop to others, and gives up when a partition goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from streams.activation.cataloguing import AT_ONCE, FRESH_SECONDS, Catalogue, Counted
from streams.activation.profiles import encode_profile
from streams.engine.states import MemoryState
from streams.engine.store import Table
from tests.records import Life, a_membership
from tests.waiting import until


class Shelf:
    """A table of some partitions, and the clock."""

    def __init__(self, *sizes: int) -> None:
        self.states = {number: MemoryState() for number in range(len(sizes))}
        self.ours, self.now = set(self.states), 1_000.0
        life = Life()
        life.take("memberships", a_membership("a", status="realized"))
        state = encode_profile(life.profile)
        for number, size in enumerate(sizes):
            self.states[number].apply([(b"%d-%d" % (number, key), state) for key in range(size)], 0)
        self.catalogue = Catalogue(Table("changelog", self.states), lambda: self.ours, lambda: self.now, lambda: 0.0)

    async def done(self) -> Counted:
        """Look until it is done."""
        await until(lambda: self.catalogue.look().seen is not None, what="all is counted")
        return self.catalogue.look()


async def test_every_profile_of_every_partition_is_counted_once_in_several_turns() -> None:
    shelf = Shelf(AT_ONCE * 2 + 1, 0, AT_ONCE)

    first = shelf.catalogue.look()
    await asyncio.sleep(0)
    under_way = shelf.catalogue.look()
    counted = await shelf.done()

    assert (first.profiles, first.seen) == (0, None)
    assert 0 < under_way.profiles < counted.profiles
    assert counted.seen is not None
    assert (counted.partitions, counted.profiles, counted.seen.profiles) == ((0, 1, 2), 301, 301)
    assert counted.seen.segments[0].statuses == {"realized": 301}


async def test_a_fresh_count_is_told_again_and_an_old_one_is_made_anew() -> None:
    shelf = Shelf(3)
    counted = await shelf.done()
    shelf.states[0].apply([(b"new", b"")], 1)

    assert shelf.catalogue.look() is counted
    shelf.now += FRESH_SECONDS + 1
    assert shelf.catalogue.look().seen is None
    await shelf.catalogue.stop()


async def test_it_is_given_up_when_a_partition_goes_and_begins_anew_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf(AT_ONCE * 3, AT_ONCE)
    read, rows = list[bytes](), list(shelf.states[0].walk())

    def walk() -> Iterator[tuple[bytes, bytes]]:
        for key, state in rows:
            read.append(key)
            yield key, state

    monkeypatch.setattr(shelf.states[0], "walk", walk)
    shelf.catalogue.look()
    await asyncio.sleep(0)
    shelf.ours = {1}
    del shelf.states[0]

    counted = await shelf.done()

    assert len(read) == AT_ONCE, "nothing is read of what may be closed"
    assert (counted.partitions, counted.profiles) == ((1,), AT_ONCE)


async def test_a_store_that_fails_is_told_and_who_asks_next_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf(1)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(shelf.states[0], "walk", lambda *_: 1 / 0)
        shelf.catalogue.look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert [line["event"] for line in logs] == ["catalogue.failed"]
    assert (await shelf.done()).profiles == 1


async def test_a_stop_ends_a_walk_and_one_that_never_began() -> None:
    shelf = Shelf(AT_ONCE * 3)
    await shelf.catalogue.stop()
    shelf.catalogue.look()
    await shelf.catalogue.stop()
