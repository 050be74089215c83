"""The watch on the inputs: it tells what has changed, once, and nothing where nothing has or the broker is away."""

from __future__ import annotations

import asyncio

import pytest

from streams.brokers import Brokers
from streams.topics.watch import Watch
from tests.brokers.client import Client
from tests.brokers.processes import free_ports
from tests.reaching import brokers_of

SOON = 0.05


async def watched(watch: Watch, changed: asyncio.Event, seconds: float) -> bool:
    """Run a watch until it tells a change, at most so long; whether it did."""
    await watch.start()
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        return False
    finally:
        await watch.stop()
    return True


@pytest.mark.kafka
async def test_another_number_and_a_topic_that_is_gone_are_told_with_what_mends_them(
    client: Client, unique: str
) -> None:
    await client.create_topic(unique, 2)
    changed = asyncio.Event()
    watch = Watch(brokers_of(client), [unique, f"{unique}-gone"], 3, changed.set, every_seconds=SOON)

    assert await watched(watch, changed, 30)
    assert [problem.partition(":")[0] for problem in watch.problems] == [
        f"input topic {unique} has 2 partitions now, and had 3",
        f"input topic {unique}-gone is gone",
    ]
    assert await client.partitions(f"{unique}-gone") == []


@pytest.mark.kafka
async def test_partitions_that_do_not_belong_together_are_told_although_the_numbers_are_right(
    client: Client, unique: str
) -> None:
    await client.create_topic(unique, 2)
    changed, suspicion = asyncio.Event(), asyncio.Event()
    suspicion.set()
    watch = Watch(brokers_of(client), [unique], 2, changed.set, suspicion=suspicion)

    assert await watched(watch, changed, 30)
    assert "do not belong together" in watch.problems[0]


async def test_a_broker_that_is_away_tells_nothing() -> None:
    (port,) = free_ports(1)
    changed = asyncio.Event()
    watch = Watch(Brokers((f"127.0.0.1:{port}",)), ["events"], 2, changed.set, every_seconds=SOON)

    assert not await watched(watch, changed, 1)
    assert watch.problems == []
