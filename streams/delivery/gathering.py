"""How heads travel together where an endpoint takes batches: gathered for a request, and parted where it is refused.

A head stays in its lane until a request is begun: those that wait for others hold nothing up, and a drain leaves them.
A batch that is refused goes back to its lanes, and its members may travel in half their company from then on. So
whoever is refused comes to be refused alone, after as many requests as a batch can be halved; whatever stops the
halving meanwhile (a drain, a lapse, what the endpoint asks for) stops it as it stops anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from streams.delivery.batches import Batching, half
from streams.delivery.consequences import Consequences
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending
from streams.delivery.serving import Serving
from streams.delivery.tools import Tools
from streams.exports import Export
from streams.outcomes import DestinationFault, Outcome, Refused

Member = tuple[Pending, Export]


class Gathering:
    """Of one dispatch; *go_on* is called when those that wait for others need wait no longer."""

    def __init__(
        self,
        batching: Batching,
        tools: Tools,
        lanes: Lanes[Pending],
        pace: Pace,
        serving: Serving,
        consequences: Consequences,
        go_on: Callable[[], None],
    ) -> None:
        self._batching, self._tools, self._lanes, self._pace = batching, tools, lanes, pace
        self._serving, self._consequences, self._go_on = serving, consequences, go_on
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        """Before this no head was ready; None while none is."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def due(self) -> int:
        """How many requests may be begun for want of nothing but pace: the others wait for more exports."""
        count = self._lanes.ready
        if not count:
            self._since = None
            return 0
        now = self._loop.time()
        if self._since is None:
            self._since = now
        if self._pace.at_fault or now >= self._since + self._batching.linger_seconds:
            return -(-count // self._batching.max_exports)
        if self._timer is None:
            self._timer = self._loop.call_at(self._since + self._batching.linger_seconds, self._lingered)
        return self._batching.filled(count, self._lanes.ready_bytes)

    async def next(self) -> bool:
        """Post the next batch; false if none is due."""
        if not self.due:
            return False
        is_probe = self._pace.at_fault
        if members := self._gathered():
            heads, joined = [pending for pending, _ in members], self._batching.joined([each for _, each in members])
            outcome = await self._serving.posted(heads, joined, is_probe=is_probe)
            self._follow(members, outcome, is_probe=is_probe)
        return True

    def close(self) -> None:
        """Begin nothing more."""
        self._serving.close()
        if self._timer is not None:
            self._timer.cancel()

    def _lingered(self) -> None:
        self._timer = None
        self._go_on()

    def _gathered(self) -> list[Member]:
        """Take heads for one request: the oldest, and those that may travel with it."""
        members: list[Member] = []
        most, size = 1, 0
        while len(members) < most and (pending := self._lanes.take()) is not None:
            if (export := self._serving.deliverable(pending)) is None:
                continue
            if not members:
                most = self._most(pending)
            elif pending.most != members[0][0].most or not self._batching.fits(len(members), size, len(export.body)):
                self._lanes.again(pending)
                break
            members.append((pending, export))
            size += len(export.body)
        if not self._lanes.ready:
            self._since = None
        return members

    def _most(self, pending: Pending) -> int:
        """Return how many a request may carry that begins with *pending*: a probe has nobody else's verdict."""
        if self._pace.at_fault:
            return 1
        return self._batching.max_exports if pending.most is None else pending.most

    def _follow(self, members: Sequence[Member], outcome: Outcome | None, *, is_probe: bool) -> None:
        if outcome is not None:
            self._tools.telemetry.batched(len(members))
        if outcome is None:
            self._put_back(members)
        elif len(members) > 1 and _may_blame_one(outcome):
            self._part(members)
        else:
            for pending, export in members:
                self._consequences.follow(pending, export, outcome, is_probe=is_probe)

    def _part(self, members: Sequence[Member]) -> None:
        """Let the members of a refused batch travel in half the company, at once."""
        self._tools.telemetry.halved()
        for pending, _ in members:
            pending.most = half(len(members))
        self._put_back(members)

    def _put_back(self, members: Sequence[Member]) -> None:
        """Let heads be ready once more; they have waited for others."""
        for pending, _ in members:
            self._lanes.again(pending)
        self._since = float("-inf")


def _may_blame_one(outcome: Outcome) -> bool:
    """Whether several got an answer that ends one of them, or stops all: perhaps it is about one of them.

    Who gets a 401, a 403 or a 410 twice is refused for itself if another was delivered meanwhile; so nobody may have
    got it for another's sake.
    """
    return isinstance(outcome, Refused) or (isinstance(outcome, DestinationFault) and outcome.status is not None)
