"""How the exports of one dispatch end: let go, counted and told once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from streams.delivery.backlog import Backlog
from streams.delivery.confirming import Confirming, Writing
from streams.delivery.giving_up import given_up, withdrawn
from streams.delivery.lanes import Lanes
from streams.delivery.pending import Pending, stand_in
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.ends import ExportEnd, Reason
from streams.exports import Export


class Ends:
    """What *tasks* it takes runs apart from those who serve; *go_on* is called when a lane may go on after one."""

    def __init__(
        self, tools: Tools, backlog: Backlog, lanes: Lanes[Pending], tasks: Tasks, go_on: Callable[[], None]
    ) -> None:
        self._tools, self._backlog, self._lanes, self._go_on = tools, backlog, lanes, go_on
        self._confirming = Confirming(tools, tasks)
        self.closed = False
        """Whether what has not ended is handed over."""

    def end(self, pending: Pending, end: ExportEnd, reason: Reason | None = None) -> None:
        """End a head now."""
        self._lanes.done(pending)
        self.end_placeless(pending, end, reason)

    def end_placeless(self, pending: Pending, end: ExportEnd, reason: Reason | None = None) -> None:
        """End what is in no lane any more."""
        tools = self._tools
        self._backlog.ended(pending)
        if tools.health.retrying:
            tools.health.ended(pending)
        if tools.refusals:
            tools.refusals.ended(pending.place)
        tools.telemetry.ended(
            pending.export or stand_in(pending.record),
            end,
            reason=reason,
            status=pending.status,
            attempts=pending.attempts,
            seconds=tools.now() - pending.fetched_at,
        )

    def give_up(self, pending: Pending, reason: Reason, detail: str) -> None:
        """End a head as a dead letter."""
        write = partial(given_up, self._tools, pending, reason, detail)
        self._end_when_written("a dead letter", pending, write, ExportEnd.DEAD_LETTERED, reason)

    def withdraw(self, pending: Pending, export: Export) -> None:
        """End a head that must not be posted, once activation was asked to export its profile anew."""
        if self._tools.asked.covers(export, self._tools.destination.min_version):
            self.end(pending, ExportEnd.WITHDRAWN)
        else:
            write = partial(withdrawn, self._tools, export)
            self._end_when_written("a request to export a profile anew", pending, write, ExportEnd.WITHDRAWN)

    def close(self) -> None:
        """Let nothing end any more: what has not ended is handed over."""
        self.closed = True
        self._confirming.close()

    def _end_when_written(
        self,
        what: str,
        pending: Pending,
        write: Callable[[], Awaitable[None]],
        end: ExportEnd,
        reason: Reason | None = None,
    ) -> None:
        """End a head once what stands for it is confirmed; the broker may be long in that, and its offset is held."""

        def done() -> None:
            if not self.closed:
                self.end(pending, end, reason)
                self._go_on()

        self._confirming.add(Writing(what, write, done))
