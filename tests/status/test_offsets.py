"""What a group has committed is seen on the embedded broker, too, which cannot list all its commits."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from streams.demo.broker import EmbeddedBroker
from streams.groups.gaps import Found
from streams.status.offsets import looking
from tests.brokers.client import Client
from tests.reaching import brokers_of


@pytest.mark.embedded
async def test_the_commits_of_a_group_are_asked_for_by_name(embedded: EmbeddedBroker) -> None:
    client = Client(embedded.bootstrap)
    topic = await client.create_topic("orders", 2)
    for number in range(3):
        await client.produce(topic, [(b"k", b"%d" % number)], partition=0)
    async with client.consumer(group_id="shop") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): 2})
    async with looking(brokers_of(client)) as offsets:
        found = await offsets.found({"shop": [(topic, 0), (topic, 1)], "nobody": [(topic, 0)]})

    assert found == {
        "shop": {(topic, 0): Found(2, 0, 3), (topic, 1): Found(None, 0, 0)},
        "nobody": {(topic, 0): Found(None, 0, 3)},
    }
