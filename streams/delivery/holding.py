"""Which records hold up everything behind them: nothing can be fetched until they have ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from streams.delivery.backlog import Backlog
from streams.delivery.pending import Pending


def holders(backlog: Backlog, retrying: Iterable[Pending]) -> list[Pending]:
    """Return those of the heads in retry that hold their partition at ``maxAhead``, or the window at ``maxPending``.

    A head holds its partition if it is the oldest there, and the window if what stands in its lane is what fills it.
    """
    ahead, is_full = backlog.ahead, backlog.full_by_itself
    if not (ahead or is_full):
        return []
    return [each for each in retrying if _holds_partition(backlog, each) or (is_full and _fills(backlog, each))]


def _holds_partition(backlog: Backlog, head: Pending) -> bool:
    window = head.window
    return backlog.is_ahead(window) and window.oldest == head.record.offset


def _fills(backlog: Backlog, head: Pending) -> bool:
    count, size, each = 0, 0, cast("Pending | None", head)
    while each is not None:
        count, size, each = count + 1, size + each.size, each.behind
    return backlog.has_room_without(count, size)
