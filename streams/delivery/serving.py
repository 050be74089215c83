"""How a head is taken one step further: to its end, or to an attempt and what follows it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from streams.delivery.attempting import attempted
from streams.delivery.batches import frame_bytes
from streams.delivery.confirming import LAPSE_SECONDS
from streams.delivery.consequences import Consequences
from streams.delivery.ending import Ends
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending, read_export
from streams.delivery.superseding import Superseding
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.ends import ExportEnd, Reason
from streams.exports import Export, Posted
from streams.groups.lease import LapsedError
from streams.outcomes import Outcome

log = logging.getLogger(__name__)


class Serving:
    """Of one dispatch; its runners are among *tasks*."""

    def __init__(
        self,
        tools: Tools,
        superseding: Superseding,
        lanes: Lanes[Pending],
        pace: Pace,
        tasks: Tasks,
        ends: Ends,
        consequences: Consequences,
    ) -> None:
        self._tools, self._lanes, self._pace, self._tasks, self._ends = tools, lanes, pace, tasks, ends
        self._superseding, self._consequences = superseding, consequences
        self._version, self._min_version = tools.destination.version, tools.destination.min_version
        bounds = tools.destination.delivery
        limit = sys.maxsize if bounds.max_payload_bytes is None else bounds.max_payload_bytes
        self._max_payload_bytes = limit - frame_bytes(bounds.batch)
        self._is_behind = False
        self.closed = False
        """Whether nothing more may be begun."""
        self.lapsed = False
        """Whether the lease had lapsed at the last attempt."""

    @property
    def due(self) -> int:
        """How many requests may be begun for want of nothing but pace."""
        return self._lanes.ready

    async def next(self) -> bool:
        """Take the next head one step further; false if there is none."""
        pending, is_probe = self._lanes.take(), self._pace.at_fault
        if pending is None:
            return False
        if (export := self.deliverable(pending)) is not None:
            outcome = await self.posted((pending,), export, is_probe=is_probe)
            if outcome is None:
                self._lanes.again(pending)
            else:
                self._consequences.follow(pending, export, outcome, is_probe=is_probe)
        return True

    def close(self) -> None:
        """Begin nothing more."""
        self.closed = True

    def deliverable(self, pending: Pending) -> Export | None:
        """Return the export of a taken head; where it is not to be posted, do with it what is to be done."""
        export = pending.export
        if export is None:
            export = pending.export = read_export(pending.record)
        if export is None:
            self._ends.give_up(pending, Reason.INVALID_EXPORT, "not written by activation")
        elif export.meta.version < self._min_version:
            self._ends.withdraw(pending, export)
        elif export.meta.version > self._version:
            self._stand_still(export)
        elif self._tools.revisions.overtaken(pending.key, export.meta.revision):
            self._ends.end(pending, ExportEnd.OVERTAKEN)
        elif len(export.body) > self._max_payload_bytes:
            self._ends.give_up(pending, Reason.TOO_LARGE, f"more than {self._max_payload_bytes} bytes")
        elif pending.untold and not pending.is_told:
            self._superseding.hold(pending)
        elif self._tools.refusals and (refusal := self._tools.refusals.accepted(pending.place)) is not None:
            pending.status, pending.attempts = refusal.status, refusal.attempts
            self._ends.give_up(pending, Reason.REFUSED, refusal.detail)
        else:
            return export
        return None

    def _stand_still(self, export: Export) -> None:
        """Leave the lane as it is: what a later version of the document rendered goes out by that one, or never."""
        if not self._is_behind:
            self._is_behind = True
            name, version = self._tools.destination.name, export.meta.version
            log.info("%s: exports of version %s wait until it is followed here", name, version)

    async def posted(self, members: Sequence[Pending], posted: Posted, *, is_probe: bool) -> Outcome | None:
        """Make an attempt, unless another worker may have the partitions by now; None if nothing is to follow.

        It is a probe if it was begun while the destination was at fault.
        """
        if self._tools.asked:
            for pending in members:
                self._tools.asked.answered(pending.key)
        if not await self._slot():
            return None
        if self._pace.at_fault and not is_probe:  # since it waited for the slot
            self._tools.shared.slots.give()
            return None
        try:
            self._tools.lease.check()
            self.lapsed = False
            if not self._admitted():
                return None
            outcome = await attempted(self._tools, members, posted)
        except LapsedError:
            if not self._ends.closed:
                self._lapse()
            return None
        finally:
            self._tools.shared.slots.give()
        return None if self._ends.closed else outcome

    async def _slot(self) -> bool:
        """Take a slot of the process; false if nothing may be begun by the time that one is free.

        Meanwhile the endpoint may have asked us to wait: then so does what waited here.
        """
        slots = self._tools.shared.slots
        if slots.take():
            return True
        with self._tasks.idle():
            await slots.taken()
        may_begin = not self.closed and self._pace.limit > 0
        if not may_begin:
            slots.give()
        return may_begin

    def _admitted(self) -> bool:
        """Begin a request if the destination's rate allows one; otherwise begin none until it does."""
        seconds = self._tools.limiter.take()
        if seconds:
            self._pace.hold(seconds)
        return not seconds

    def _lapse(self) -> None:
        """Begin nothing until the lease is renewed, or all is handed over; what was tried without it is no attempt."""
        if not self.lapsed:
            self.lapsed = True
            self._tools.telemetry.lapsed()
            log.warning("%s: the lease has lapsed: nothing is posted until it is renewed", self._tools.destination.name)
        self._tools.progress.stopped(self._tools.now())
        self._tools.health.unheard()
        self._pace.hold(LAPSE_SECONDS)
