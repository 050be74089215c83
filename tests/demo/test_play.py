"""The sample's course is bounded: what has not ended in time is named."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from io import StringIO
from typing import cast

import aiohttp
import pytest

from streams.demo.books import Books, TopicBook
from streams.demo.broker import EmbeddedBroker
from streams.demo.child import WorkerChild
from streams.demo.play import NotDeliveredError, Play
from streams.demo.reception import Reception
from streams.demo.screen import Screen, new_console
from streams.demo.stage import Stage
from streams.ends import RecordEnd

WITHIN_SECONDS = 1.0


@dataclass
class FakeWorker:
    """A worker that says what it is told to."""

    told: Books
    is_ready: bool = True
    url: str = "http://127.0.0.1:9"
    pid: int = 1
    last_lines: tuple[str, ...] = ("the last line",)

    async def ready(self, session: aiohttp.ClientSession) -> None:
        if not self.is_ready:
            await asyncio.Event().wait()

    async def books(self, session: aiohttp.ClientSession) -> Books | None:
        return self.told


def play(worker: FakeWorker, bootstrap: str, session: aiohttp.ClientSession, shown: StringIO | None = None) -> Play:
    stage = Stage(bootstrap, "", cast(WorkerChild, worker), Reception((), bool), ())
    console = new_console(shown or StringIO())
    return Play(stage, Screen(console, console), session, within_seconds=WITHIN_SECONDS)


@pytest.mark.embedded
async def test_a_sample_that_is_not_delivered_in_time_says_what_is_missing(embedded: EmbeddedBroker) -> None:
    stuck = FakeWorker(Books({"profiles": TopicBook({RecordEnd.NOT_TRIGGERED: 3})}))

    async with aiohttp.ClientSession() as session:
        with pytest.raises(NotDeliveredError, match="the sample was not delivered within 1 seconds") as raised:
            await play(stuck, embedded.bootstrap, session).run()

    assert raised.value.missing == ("profiles: 3 of 4 records have ended",)


def ended(**counts: int) -> Books:
    none = dict.fromkeys(RecordEnd, 0)
    return Books({topic: TopicBook({**none, RecordEnd.EXCLUDED: count}) for topic, count in counts.items()})


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("profiles", "closed", "said"),
    [(5, True, "They close: 13 records sent"), (6, False, "profiles: 5 records were sent, 6 have ended")],
)
async def test_a_difference_in_the_books_is_told_and_fails_the_run(
    embedded: EmbeddedBroker, profiles: int, closed: bool, said: str
) -> None:
    shown = StringIO()
    worker = FakeWorker(ended(profiles=profiles, qualifications=6, exits=2))

    async with aiohttp.ClientSession() as session:
        assert await play(worker, embedded.bootstrap, session, shown).run() is closed

    assert said in shown.getvalue()


async def test_a_worker_that_does_not_join_in_time_is_told_with_its_last_lines() -> None:
    lost = FakeWorker(Books(), is_ready=False)

    async with aiohttp.ClientSession() as session:
        with pytest.raises(NotDeliveredError, match="the worker was not ready within 1 seconds") as raised:
            await play(lost, "127.0.0.1:9", session).run()

    assert raised.value.missing == ("the last line",)
