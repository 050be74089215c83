"""The sample's course is bounded: what has not ended in time is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from streams.demo.acts import ACTS, Act, Outage
from streams.demo.books import Books, TopicBook
from streams.demo.broker import EmbeddedBroker
from streams.demo.child import WorkerChild
from streams.demo.play import NotDeliveredError, Play
from streams.demo.reception import Reception
from streams.demo.sample import CRM
from streams.demo.screen import Screen, new_console
from streams.demo.stage import Stage, create_topics
from streams.demo.watch import Watch
from streams.ends import RecordEnd

WITHIN_SECONDS = 1.0
QUIET = ACTS[:4]
"""The acts in which nothing has to be answered."""


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


@asynccontextmanager
async def play(
    worker: FakeWorker, bootstrap: str, shown: StringIO, *acts: Act, within_seconds: float = WITHIN_SECONDS
) -> AsyncIterator[Play]:
    await create_topics(bootstrap)
    stage = Stage(bootstrap, "", cast(WorkerChild, worker), Reception((), bool), (), Path("streams.yaml"), {})
    console = new_console(shown)
    screen = Screen(console, console)
    async with aiohttp.ClientSession() as session:
        watch = Watch(stage, screen, session)
        ways = [asyncio.create_task(way) for way in watch.ways()]
        try:
            yield Play(stage, screen, watch, acts=acts, within_seconds=within_seconds)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


@pytest.mark.embedded
async def test_a_sample_that_is_not_delivered_in_time_says_what_is_missing(embedded: EmbeddedBroker) -> None:
    stuck = FakeWorker(Books({"profiles": TopicBook({RecordEnd.NOT_TRIGGERED: 3})}))

    async with play(stuck, embedded.bootstrap, StringIO(), *QUIET) as course:
        with pytest.raises(NotDeliveredError, match="the sample was not delivered within 1 seconds") as raised:
            await course.run()

    assert raised.value.missing == ("profiles: 3 of 4 records have ended",)


def ended(**counts: int) -> Books:
    none = dict.fromkeys(RecordEnd, 0)
    return Books({topic: TopicBook({**none, RecordEnd.EXCLUDED: count}) for topic, count in counts.items()})


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("profiles", "closed", "said"),
    [(8, True, "They close: 16 records sent"), (9, False, "profiles: 8 records were sent, 9 have ended")],
)
async def test_a_difference_in_the_books_is_told_and_fails_the_run(
    embedded: EmbeddedBroker, profiles: int, closed: bool, said: str
) -> None:
    shown = StringIO()
    worker = FakeWorker(ended(profiles=profiles, qualifications=6, exits=2))

    async with play(worker, embedded.bootstrap, shown, *QUIET, within_seconds=30) as course:
        assert await course.run() is closed

    assert said in shown.getvalue()


@pytest.mark.embedded
async def test_an_outage_lasts_until_the_endpoint_was_tried(embedded: EmbeddedBroker) -> None:
    outage = Act("It fails.", "4-late-profile.jsonl", Outage(CRM, exports=1, attempts=1))

    async with play(FakeWorker(ended(profiles=1)), embedded.bootstrap, shown := StringIO(), outage) as course:
        with pytest.raises(NotDeliveredError):
            await course.run()

    assert "the endpoint of crm fails" in shown.getvalue()
    assert "the endpoint of crm is well again" not in shown.getvalue()


@pytest.mark.embedded
async def test_a_worker_that_does_not_join_in_time_is_told_with_its_last_lines(embedded: EmbeddedBroker) -> None:
    lost = FakeWorker(Books(), is_ready=False)

    async with play(lost, embedded.bootstrap, StringIO()) as course:
        with pytest.raises(NotDeliveredError, match="the worker was not ready within 1 seconds") as raised:
            await course.run()

    assert raised.value.missing == ("the last line",)
