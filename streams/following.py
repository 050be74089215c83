"""Makes the stages of this worker follow the documents, and says which versions are in force here.

It hears of each record in the moment in which the journal reads it. So whoever waits until the journal has caught up,
as each stage does after an assignment and before its first record, begins by the documents of that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

import structlog
from mode import Service

from streams.destinations import Destination
from streams.documents import Documents
from streams.groups.journal import Journal

AGAIN_SECONDS = 5.0
"""How soon a document is tried again that cannot be followed: its secret may be there by then."""


class Activation(Protocol):
    """What is asked of the stage that exports."""

    def follow(self, destinations: list[Destination], gone: frozenset[str]) -> None:
        """Export to these from the next record on."""

    async def flushed(self) -> None:
        """Wait until what was rendered before is written."""


class Deliveries(Protocol):
    """What is asked of the stage that delivers."""

    @property
    def followed(self) -> Mapping[str, int]:
        """The version of each incarnation that is in force."""

    def want(self, destinations: Iterable[Destination]) -> None:
        """Deliver these from now on."""

    async def settled(self) -> dict[str, str]:
        """Wait until that is in force; return why one, by name, cannot be."""


class Following(Service):  # type: ignore[misc]  # mode is untyped
    """Hands what *documents* say to the stages, None for one that runs elsewhere, from ``begin()`` to ``stop()``.

    *only* names what is delivered, None for all; *forgotten* is told the name of what is exported no more.
    """

    def __init__(
        self,
        journal: Journal,
        documents: Documents,
        activation: Activation | None,
        deliveries: Deliveries | None,
        only: frozenset[str] | None,
        *,
        forgotten: Callable[[str], None],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._journal, self._documents, self._only = journal, documents, only
        self._activation, self._deliveries, self._forgotten = activation, deliveries, forgotten
        self._names: set[str] = set()
        self._exported: dict[str, int] = {}
        """What activation follows with nothing of what was before still to be written."""
        self._handed_over = self._flushed = self._settled = 0
        self._governed: dict[int, Mapping[str, int]] = {0: {}}
        """What governed what was handed over, by number: what all stages here follow, and all that came after."""
        self._unreached: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.told: Callable[[], None] = lambda: None
        """Called when *followed* or *refused* may be different."""

    @property
    def followed(self) -> Mapping[str, int]:
        """The version of each incarnation that all stages here follow; see `streams.status.shapes.Worker`.

        No request that was rendered by what is not allowed any more is open, and none that is forbidden. What is not
        delivered here is no matter of delivery's, and what is gone is followed as long as one of its requests may be
        open.
        """
        return {**self._destinations, **self._governed[min(self._governed)]}

    @property
    def _destinations(self) -> Mapping[str, int]:
        exported = self._exported
        if self._deliveries is None:
            return exported
        delivered = self._deliveries.followed
        if self._activation is None:
            return delivered
        both = {each: min(version, exported[each]) for each, version in delivered.items() if each in exported}
        going = {each: version for each, version in delivered.items() if each in self._documents.gone}
        others = {each: version for each, version in exported.items() if not self._is_chosen(each.rpartition(".")[0])}
        return {**others, **going, **both}

    @property
    def refused(self) -> Mapping[str, str]:
        """By name, or kind and name, why the version in force is not followed here."""
        return {**self._unreached, **self._documents.refused}

    def begin(self) -> None:
        """Follow from now on, from what is read by now."""
        self._journal.listen(self._look)
        self._hand_over()
        for name in sorted((self._only or frozenset()) - {each.name for each in self._documents.exported}):
            structlog.get_logger().warning("destination.awaited", destination=name, why="no document in force has it")

    async def on_stop(self) -> None:
        """Follow no more."""
        self._journal.listen(lambda: None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @Service.task  # type: ignore[untyped-decorator]
    async def _try_again(self) -> None:
        while not self.should_stop:
            await self.sleep(AGAIN_SECONDS)
            if self._documents.refused:
                self._look(again=True)

    def _look(self, *, again: bool = False) -> None:
        try:
            if self._documents.look(again=again):
                self._hand_over()
        except Exception as error:  # of a callback nobody else hears
            self._spawn(self.crash(error))

    def _hand_over(self) -> None:
        """Give the stages what they are to go by; both have taken it when this returns."""
        documents = self._documents
        self._handed_over += 1
        number = self._handed_over
        self._governed[number] = documents.governing
        if self._activation is not None:
            before, self._names = self._names, {each.name for each in documents.exported}
            for name in before - self._names:
                self._forgotten(name)
            self._activation.follow(documents.exported, documents.gone)
            exported = {each.incarnation: each.version for each in documents.exported}
            self._spawn(self._flush(exported, number))
        if self._deliveries is not None:
            self._deliveries.want(each for each in documents.delivered if self._is_chosen(each.name))
            self._spawn(self._settle(self._deliveries, number))
        self.told()

    async def _flush(self, exported: dict[str, int], number: int) -> None:
        assert self._activation is not None, "it is what was handed over to"
        await self._activation.flushed()
        if number > self._flushed:
            self._flushed, self._exported = number, exported
        self._go_by()
        self.told()

    async def _settle(self, deliveries: Deliveries, number: int) -> None:
        self._unreached = await deliveries.settled()
        self._settled = max(number, self._settled)
        self._go_by()
        self.told()

    def _go_by(self) -> None:
        """Forget what governed what the stages follow no more."""
        flushed = self._handed_over if self._activation is None else self._flushed
        settled = self._handed_over if self._deliveries is None else self._settled
        for number in [each for each in self._governed if each < min(flushed, settled)]:
            del self._governed[number]

    def _is_chosen(self, name: str) -> bool:
        return self._only is None or name in self._only

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._spawn(self.crash(error))
