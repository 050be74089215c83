"""All deliveries of a process: started, changed, supervised and stopped, each apart from the others."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mode import Service

from streams.delivery.bounds import Shared
from streams.delivery.confirmed import new_asking, new_dead_letters
from streams.delivery.keeper import Keeper
from streams.delivery.limiting import Limiter
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import State
from streams.delivery.tools import Pause, Telemetry, Tools
from streams.delivery.ways import Reach
from streams.destinations import Destination
from streams.exports import Posted
from streams.outcomes import Outcome


class Deliveries(Service):  # type: ignore[misc]  # mode is untyped
    """Delivers *destinations* from ``start()`` to ``stop()``, or those that it follows since.

    A crash of one makes a new instance of that one. Before one begins with its partitions it waits for *documents*:
    that returns when what was written of documents before the call has been handed to ``follow``. *forgotten* is told
    of a destination that is delivered no more.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        connection: Connection,
        reach: Reach,
        telemetry: Callable[[Destination], Telemetry],
        pause: Pause,
        shared: Shared,
        now: Callable[[], float],
        random: Callable[[], float],
        wall: Callable[[], float],
        documents: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0),
        forgotten: Callable[[Destination], None] = lambda _: None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._connection, self._reach, self._documents = connection, reach, documents
        self._telemetry, self._pause, self._shared, self._forgotten = telemetry, pause, shared, forgotten
        self._now, self._random, self._wall = now, random, wall
        self._dead_letters, self._asking = new_dead_letters(connection), new_asking(connection)
        self._wanted = {each.name: each for each in destinations}
        self._first: frozenset[str] = frozenset()
        self._is_running = False
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._keepers: dict[str, Keeper] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}

    @property
    def live(self) -> Iterable[Delivery]:
        """The deliveries of this moment."""
        return [keeper.delivery for keeper in self._keepers.values() if keeper.delivery is not None]

    @property
    def destinations(self) -> list[Destination]:
        """What is delivered at this moment, each by the version that is in force here."""
        return [keeper.destination for keeper in self._keepers.values()]

    @property
    def followed(self) -> Mapping[str, int]:
        """The version of each incarnation that is in force: nothing that was begun by another is under way."""
        return {keeper.followed.incarnation: keeper.followed.version for keeper in self._keepers.values()}

    @property
    def ready(self) -> bool:
        """Whether each delivery of the start has joined its group.

        One that fails on its own does not hold the worker back, nor does one that was added since.
        """
        return all(keeper.is_settled for name, keeper in self._keepers.items() if name in self._first)

    def oldest_poll_seconds(self) -> float:
        """Return how long ago the slowest delivery came back from a poll; it comes back every second, or hangs."""
        polls = [delivery.polled_at for delivery in self.live if delivery.polled_at is not None]
        return max((self._now() - poll for poll in polls), default=0.0)

    async def on_start(self) -> None:
        """Start all deliveries; none is waited for, since one may be long in joining."""
        self._is_running, self._first = True, frozenset(self._wanted)
        for destination in self._wanted.values():
            self._add(destination)

    async def on_stop(self) -> None:
        """Stop all deliveries at once; bounded by the slowest."""
        self._is_running, self._wanted = False, {}
        await asyncio.gather(*map(self._settle, list(self._keepers)))
        await self._dead_letters.close()
        await self._asking.close()

    async def follow(self, destinations: Iterable[Destination]) -> dict[str, str]:
        """Deliver *destinations* from now on, and no others; returns as ``settled``."""
        self.want(destinations)
        return await self.settled()

    def want(self, destinations: Iterable[Destination]) -> None:
        """Begin nothing any more but by *destinations*; they come to be in force as ``settled`` says."""
        self._wanted = {each.name: each for each in destinations}

    async def settled(self) -> dict[str, str]:
        """Return when what is wanted is in force; why a destination, by name, cannot be: it is delivered as before.

        Nothing is then under way by what it was before, and no delivery whose destination is the same was touched. A
        later call need not wait for an earlier one, and is the one that counts.
        """
        names = list(self._wanted.keys() | self._keepers.keys())
        answers = await asyncio.gather(*map(self._settle, names))
        return {name: why for name, why in zip(names, answers, strict=True) if why is not None}

    async def _settle(self, name: str) -> str | None:
        """Make what is delivered under *name* what is wanted; return why that cannot be."""
        async with self._turns[name]:
            wanted, keeper = self._wanted.get(name), self._keepers.get(name)
            if keeper is not None and (wanted is None or wanted.incarnation != keeper.destination.incarnation):
                await self._remove(name)
                keeper = None
            if wanted is None or not self._is_running:
                return None
            if keeper is None:
                self._add(wanted)
            elif wanted != keeper.followed:
                return await self._change(keeper, wanted)
            return None

    async def _change(self, keeper: Keeper, wanted: Destination) -> str | None:
        try:
            await keeper.follow(wanted)
        except Exception as error:  # such as a URL that cannot be requested: the destination's own trouble
            if self._wanted.get(wanted.name) == wanted:
                stays = self._wanted[wanted.name] = _no_freer(keeper.destination, wanted)
                await (keeper.stay() if stays == keeper.followed else keeper.follow(stays))
            return f"its endpoint cannot be reached: {type(error).__name__}"
        return None

    def _add(self, destination: Destination) -> None:
        """Start to deliver *destination*."""
        lasting = self._tools(destination)
        keeper = Keeper(lasting, self._connection, self._reach, self._dead_letters, self._is_current)
        keeping = asyncio.get_running_loop().create_task(keeper.keep())
        self._keepers[destination.name], self._keeping[destination.name] = keeper, keeping
        keeping.add_done_callback(self._kept)

    async def _remove(self, name: str) -> None:
        """Stop to deliver a destination: drain, commit, leave its group."""
        keeping = self._keeping.pop(name)
        keeping.cancel()
        await asyncio.wait([keeping])
        self._forgotten(self._keepers.pop(name).destination)

    async def _is_current(self, destination: Destination) -> bool:
        await self._documents()
        return self._wanted.get(destination.name) == destination

    def _kept(self, keeping: asyncio.Task[None]) -> None:
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            self.add_future(self.crash(error))  # a defect of the supervision itself is the worker's

    def _tools(self, destination: Destination) -> Tools:
        """Return what outlives each instance: what was learned of the destination; the rest is each one's own."""
        telemetry = self._telemetry(destination)
        return Tools(
            destination=destination,
            attempt=_unreachable,
            park=self._dead_letters.park,
            ask=self._asking.ask,
            pause=self._pause,
            telemetry=telemetry,
            shared=self._shared,
            state=State(telemetry.state, destination),
            lease=self._connection.lease(),
            now=self._now,
            random=self._random,
            wall=self._wall,
            is_current=partial(self._is_current, destination),
            limiter=Limiter(telemetry.held),
        )


def _no_freer(destination: Destination, wanted: Destination) -> Destination:
    """Return what a destination stays where *wanted* cannot be: what forbids that forbids it, too."""
    return replace(destination, forbidden=destination.forbidden or wanted.forbidden)


async def _unreachable(posted: Posted) -> Outcome:
    raise NotImplementedError("a destination is reached through what its reach yields")
