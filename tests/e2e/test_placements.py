"""Keys as three real producers place them: each ``partitioner`` takes those of its own and refuses the others'."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.test_partitioners import JAVA, LIBRDKAFKA, MURMUR2_RANDOM, PARTITIONS, PLACES
from tests.brokers.client import Client
from tests.e2e.world import a_world, fragment
from tests.waiting import until

pytestmark = pytest.mark.kafka

TOPICS = {"profiles": JAVA, "qualifications": MURMUR2_RANDOM, "exits": LIBRDKAFKA}
"""The inputs, each written by a producer of its own."""


@pytest.mark.parametrize(
    ("partitioner", "refused"),
    [
        ("murmur2", {"profiles": 0, "qualifications": 0, "exits": 12}),
        ("crc32", {"profiles": 12, "qualifications": 12, "exits": 0}),
        ("any", {"profiles": 0, "qualifications": 0, "exits": 0}),
    ],
)
async def test_records_that_are_elsewhere_are_dead_letters_and_no_others(
    client: Client, unique: str, tmp_path: Path, partitioner: str, refused: dict[str, int]
) -> None:
    async with a_world(client, unique, tmp_path, PARTITIONS) as world:
        inputs = {"memberships": world.topic("memberships"), "profiles": [world.topic(name) for name in TOPICS]}
        worker = world.worker(settings=world.settings(inputs=inputs, partitioner=partitioner))
        for name, producer in TOPICS.items():
            for key, places in PLACES.items():
                await world.produce(name, [(key.encode(), fragment(key))], partition=places[producer])
        await worker.start()

        async def all_read() -> bool:
            read = [await worker.metric("streams_records_total", topic=world.topic(name)) for name in TOPICS]
            return read == [len(PLACES)] * len(TOPICS)

        await until(all_read, 60, what="each record has an end")
        for name, count in refused.items():
            told = {"topic": world.topic(name), "reason": "wrong-partition"}
            assert await worker.metric("streams_records_malformed_total", **told) == count
        letters = await client.read(f"{world.app}.dead-letters")
        assert len(letters) == sum(refused.values())
        assert {dict(each.headers)["streams.reason"] for each in letters} <= {b"wrong-partition"}
        assert await worker.terminate() == 0
