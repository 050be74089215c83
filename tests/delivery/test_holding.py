from __future__ import annotations

from typing import Any

from streams.delivery.backlog import Backlog
from streams.delivery.holding import holders
from streams.delivery.lanes import Lanes
from streams.delivery.pending import Pending
from streams.delivery.windows import Window
from tests.deliverables import a_destination, a_record, the_tools
from tests.delivery.polling import P0


def filled(keys: list[bytes], **delivery: Any) -> tuple[Backlog, list[Pending]]:
    """Return a backlog with an export per key, and these."""
    backlog = Backlog(the_tools(destination=a_destination(**delivery)), {P0: Window()})
    lanes: Lanes[Pending] = Lanes()
    arrived: list[Pending] = []

    def put(pending: Pending) -> None:
        arrived.append(pending)
        lanes.add(pending)

    backlog.fetched(P0, [a_record(offset, key) for offset, key in enumerate(keys)], put)
    return backlog, arrived


async def test_where_there_is_room_nobody_holds_anything_up() -> None:
    backlog, (first, *_) = filled([b"a", b"b", b"a"], max_pending=10, max_ahead=3)

    assert holders(backlog, [first]) == []


async def test_only_the_oldest_holds_its_partition_at_max_ahead() -> None:
    backlog, (first, second, *others) = filled([b"a", b"b", b"c", b"d"], max_ahead=3)
    assert holders(backlog, [first, second, *others]) == [first]
    assert holders(backlog, [second, *others]) == [], "the oldest has not failed"


async def test_who_fills_the_window_with_its_own_lane_holds_it_by_count_and_by_bytes() -> None:
    backlog, (hot, *_, cold) = filled([b"hot"] * 9 + [b"cold"], max_pending=10)
    assert holders(backlog, [hot, cold]) == [hot]

    size = len(b"hot") + len(b"{}")
    backlog, (hot, *_, cold) = filled([b"hot"] * 9 + [b"a"] * 9 + [b"b"], max_pending_bytes=11 * size)
    assert holders(backlog, [hot, cold]) == [hot]


async def test_of_many_that_fill_the_window_together_nobody_holds_it() -> None:
    backlog, arrived = filled([b"p%d" % number for number in range(10)], max_pending=10)

    assert backlog.full
    assert holders(backlog, arrived) == []
