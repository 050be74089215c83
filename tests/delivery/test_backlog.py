from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka import TopicPartition

from streams.delivery.backlog import Backlog
from streams.delivery.bounds import Shared
from streams.delivery.pending import Pending
from streams.delivery.windows import Window
from tests.deliverables import TOPIC, a_destination, a_record, the_tools

P0 = TopicPartition(TOPIC, 0)
SIZE = len(b"p1") + len(b"{}")


def a_backlog(shared: Shared | None = None, **delivery: Any) -> Backlog:
    return Backlog(the_tools(shared=shared, destination=a_destination(**delivery)), {P0: Window()})


def filled(backlog: Backlog, count: int) -> list[Pending]:
    pending: list[Pending] = []
    backlog.fetched(P0, [a_record(offset) for offset in range(count)], pending.append)
    return pending


async def test_it_is_full_by_count_and_has_room_again_for_a_whole_fetch() -> None:
    backlog = a_backlog(max_pending=10)
    first, *_ = filled(backlog, 6)
    assert backlog.full

    backlog.ended(first)
    assert not backlog.full
    assert backlog.next_fetch == 5


async def test_it_is_full_by_bytes_of_its_own_and_of_its_process() -> None:
    own = a_backlog(max_pending_bytes=3 * SIZE)
    filled(own, 3)
    assert own.full

    shared = Shared(max_pending_bytes=4 * SIZE, floor_bytes=1)
    one, other = a_backlog(shared), a_backlog(shared)
    filled(one, 3)
    filled(other, 1)
    assert (other.full, other.full_by_itself) == (True, False)

    one.hand_over()
    assert (other.full, shared.pending_bytes) == (False, SIZE)


async def test_who_holds_little_may_fetch_however_much_the_others_hold() -> None:
    shared = Shared(max_pending_bytes=3 * SIZE, floor_bytes=2 * SIZE)
    dead, healthy = a_backlog(shared), a_backlog(shared)
    filled(dead, 3)
    first, *_ = filled(healthy, 1)
    assert (dead.full, healthy.full) == (True, False)

    filled(healthy, 2)
    assert healthy.full
    healthy.ended(first)
    assert not healthy.full


async def test_a_partition_too_far_ahead_is_named() -> None:
    backlog = a_backlog(max_ahead=4)
    _, *others = filled(backlog, 5)
    for pending in others:
        backlog.ended(pending)

    assert backlog.ahead == {P0}


async def test_who_waits_for_room_is_woken_by_an_end_and_else_by_time() -> None:
    backlog = a_backlog(max_pending=10)
    first, *_ = filled(backlog, 6)
    began = time.monotonic()
    await backlog.room(0.05)
    assert time.monotonic() - began >= 0.04

    waiting = asyncio.create_task(backlog.room(600.0))
    await asyncio.sleep(0)
    backlog.ended(first)
    await asyncio.wait_for(waiting, 90)


async def test_the_oldest_unfinished_export_tells_its_age() -> None:
    backlog = a_backlog()
    assert backlog.oldest_timestamp is None

    filled(backlog, 2)
    assert backlog.oldest_timestamp == a_record().timestamp
