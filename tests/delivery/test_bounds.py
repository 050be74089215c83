from __future__ import annotations

import asyncio

from streams.delivery.bounds import Slots


async def test_who_asked_first_is_served_first() -> None:
    slots, served = Slots(1), list[int]()
    assert slots.take()

    async def ask(number: int) -> None:
        await slots.taken()
        served.append(number)

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    for _ in asking:
        slots.give()
    await asyncio.gather(*asking)

    assert served == [0, 1, 2]
    assert not slots.take()


async def test_a_slot_handed_to_a_cancelled_asker_is_not_lost() -> None:
    slots = Slots(1)
    assert slots.take()
    waiting, cancelled = asyncio.create_task(slots.taken()), asyncio.create_task(slots.taken())
    await asyncio.sleep(0)
    slots.give()
    waiting.cancel()
    cancelled.cancel()
    await asyncio.wait([waiting, cancelled])

    assert slots.take()
    assert not slots.take()


async def test_askers_that_went_away_are_not_remembered_while_no_slot_comes_back() -> None:
    slots = Slots(1)
    assert slots.take()
    for _ in range(100):
        waiting = asyncio.create_task(slots.taken())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    assert slots.waiting == 0
