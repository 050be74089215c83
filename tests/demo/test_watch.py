"""Whatever is seen of a run wakes who waits for it, by whichever way it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiokafka import ConsumerRecord

from streams.demo.books import Books, TopicBook
from streams.demo.child import WorkerChild
from streams.demo.endpoint import Received
from streams.demo.reception import Reception
from streams.demo.screen import Screen, new_console
from streams.demo.stage import Stage
from streams.demo.watch import Watch
from streams.ends import RecordEnd
from tests.demo.test_exported import EXPORT, LETTER, Found


class FakeWorker:
    """A worker whose figures the test decides."""

    told = Books()

    async def books(self, session: aiohttp.ClientSession) -> Books:
        return self.told


def read(watch: Watch, record: Found) -> None:
    watch._topics.take(cast(ConsumerRecord, record))


ENDED = Books({"exits": TopicBook({RecordEnd.ACTIVATED: 1})})

SEEN: dict[str, tuple[Callable[[Watch, Reception, FakeWorker], object], Callable[[Watch], bool]]] = {
    "an export": (
        lambda w, r, f: read(w, Found("demo.exports.crm.1", 0, EXPORT)),
        lambda w: w.seen.exports["crm"] == 1,
    ),
    "a dead letter": (
        lambda w, r, f: read(w, Found("demo.dead-letters", 0, LETTER)),
        lambda w: w.seen.dead_letters == 1,
    ),
    "a request": (lambda w, r, f: r.decide(Received("POST", "/", (), b"{}")), lambda w: w.seen.requests["?"] == 1),
    "figures": (lambda w, r, f: setattr(f, "told", ENDED), lambda w: w.books.topic("exits").records == 1),
}


@pytest.mark.parametrize("what", SEEN)
async def test_what_is_seen_wakes_who_waits_for_it(what: str) -> None:
    console, worker, reception = new_console(StringIO()), FakeWorker(), Reception((), bool)
    stage = Stage("127.0.0.1:9", "", cast(WorkerChild, worker), reception, (), Path("streams.yaml"), {})
    happens, is_seen = SEEN[what]
    async with aiohttp.ClientSession() as session:
        watch = Watch(stage, Screen(console, console), session)
        polled, received, followed = watch.ways()
        followed.close()
        ways = [asyncio.create_task(way) for way in (polled, received)]
        waiting = asyncio.create_task(watch.until(lambda: is_seen(watch)))
        await asyncio.sleep(0)
        assert not waiting.done()

        happens(watch, reception, worker)

        await asyncio.wait_for(waiting, 90)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
