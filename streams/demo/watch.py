"""What is seen of a run, put together: what the worker says, what stands on Kafka, what the endpoint receives.

Whenever something of it changes the screen is told, and whoever waits for it is woken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, BinaryIO

import aiohttp

from streams.demo import books as bookkeeping
from streams.demo.board import Board, Exported
from streams.demo.books import Books, Seen
from streams.demo.child import POLL_SECONDS
from streams.demo.exported import Parked, Topics
from streams.demo.reception import as_line
from streams.demo.sample import APP
from streams.demo.screen import Screen
from streams.demo.stage import Stage
from streams.ends import RecordEnd


class Watch:
    """Watches a stage while what ``ways`` returns runs; *lines* is where each request is written as JSON."""

    def __init__(
        self, stage: Stage, screen: Screen, session: aiohttp.ClientSession, lines: BinaryIO | None = None
    ) -> None:
        self._stage, self._screen, self._session, self._lines = stage, screen, session, lines
        self._board, self._sent = Board(), Counter[str]()
        self._topics = Topics(APP, self._exported, self._parked)
        self._changed = asyncio.Event()
        self.books = Books()

    def ways(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what is to be run at a time, none of which ends by itself."""
        return self._polled(), self._received(), self._topics.follow(self._stage.bootstrap)

    async def ready(self) -> None:
        """Return when the worker has joined its groups."""
        await self._stage.worker.ready(self._session)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when *is_so*; it is asked whenever something has changed."""
        while not is_so():
            await self._changed.wait()

    def note(self, text: str) -> None:
        """Show what is done to the whole."""
        self._board.note(text, _now())
        self._tell()

    def sent(self, topic: str, source: str, *, who: str, what: str) -> int:
        """Show a record that was sent, and return how many were sent to its topic."""
        self._sent[topic] += 1
        self._board.sent(source, who=who, what=what, at=_now())
        self._tell()
        return self._sent[topic]

    def ended(self, topic: str, source: str, before: Books) -> None:
        """Show how a record ended, as far as the figures since *before* tell it from others of its topic."""
        was, now = before.topic(topic).ends, self.books.topic(topic).ends
        ends = [end for end in RecordEnd if now.get(end, 0) > was.get(end, 0)]
        if len(ends) == 1:
            why = _excluded_since(before, self.books) if ends[0] is RecordEnd.EXCLUDED else ""
            self._board.ended(source, ends[0], why)
            self._tell()

    @property
    def seen(self) -> Seen:
        """What was seen so far without asking the worker."""
        reception, topics = self._stage.reception, self._topics
        return Seen(
            sent=self._sent,
            exports=topics.exports,
            dead_letters=topics.dead_letters,
            requests=reception.requests,
            taken=reception.taken,
        )

    def missing(self) -> list[str]:
        """Return, as sentences, what is still under way."""
        return bookkeeping.missing(self.books, self.seen)

    async def _polled(self) -> None:
        while True:
            books = await self._stage.worker.books(self._session)
            if books is not None and books != self.books:
                self.books = books
                self._tell()
            await asyncio.sleep(POLL_SECONDS)

    async def _received(self) -> None:
        arrived = self._stage.reception.arrived
        while True:
            request = await arrived.get()
            if self._lines is not None:
                self._lines.write(as_line(request, root=self._stage.endpoint))
                self._lines.flush()
            self._board.answered(request.export_id, request.status, request.at)
            self._tell()

    def _exported(self, export: Exported) -> None:
        self._board.exported(export, _now())
        self._tell()

    def _parked(self, parked: Parked) -> None:
        self._board.parked(*parked, _now())
        self._tell()

    def _tell(self) -> None:
        """Tell the screen of a change, and whoever waits for one."""
        self._screen.filled(self._board, self.books, self._stage.reception.last)
        self._changed.set()
        self._changed = asyncio.Event()


def _excluded_since(before: Books, now: Books) -> str:
    """Return why a record was excluded, by the figures before and after it."""
    reasons = [
        why
        for name, book in now.destinations.items()
        for why, count in book.exclusions.items()
        if count > before.destination(name).exclusions.get(why, 0)
    ]
    return ", ".join(dict.fromkeys(reasons))


def _now() -> datetime:
    return datetime.now().astimezone()
