"""Of the producers that were abandoned none connects, writes, complains or stays."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.activation.producing import Producing
from streams.groups.clock import suspended
from streams.groups.lease import Lease
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.waiting import until

NOWHERE = "127.0.0.1:1"


def held() -> Lease:
    """Return a lease that lasts as long as a test."""
    lease = Lease(600, suspended)
    lease.renewed(suspended())
    return lease


class Producer(AIOKafkaProducer):  # type: ignore[misc]  # untyped
    """Reaches no broker; tells whether it tried."""

    def __init__(self) -> None:
        super().__init__(bootstrap_servers=NOWHERE, enable_idempotence=True)
        self.tried = asyncio.Event()

    async def start(self) -> None:
        self.tried.set()
        await asyncio.sleep(0)
        raise KafkaConnectionError("away")


async def test_who_was_to_follow_and_was_abandoned_too_tries_no_longer() -> None:
    made: list[Producer] = []

    def new() -> Producer:
        made.append(Producer())
        return made[-1]

    producing = Producing(new, held())
    producing.abandon()
    await made[1].tried.wait()
    first = producing._replacing
    producing.abandon()
    await made[2].tried.wait()

    assert first is not None
    assert first.done()
    await until(lambda: not producing._dropping, what="the abandoned are gone")
    await producing.stop()
    assert all(each._closed for each in made)


@pytest.mark.kafka
async def test_what_was_abandoned_on_its_way_is_not_written_and_ends_in_silence(
    kafka: real.Kafka, client: Client, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    await client.create_topic(unique, 1)

    def new() -> Any:
        return AIOKafkaProducer(bootstrap_servers=client.bootstrap, acks="all", enable_idempotence=True)

    async def send(value: bytes) -> Any:
        batch: Any = producing.create_batch()
        batch.append(timestamp=None, key=None, value=value)
        batch.close()
        return await producing.send_batch(batch, unique, partition=0)

    producing = Producing(new, held())
    await producing.start()
    await (await send(b"before"))
    await asyncio.to_thread(kafka.freeze)
    try:
        producing._lease.ended()  # what is on the wire when the broker stands still may be written all the same
        answer = await send(b"abandoned")
        producing.abandon()
        with pytest.raises(KafkaError):
            await answer
        producing._lease.renewed(suspended())
    finally:
        await asyncio.to_thread(kafka.thaw)
    await (await send(b"after"))
    await producing.stop()

    assert [record.value for record in await client.read(unique)] == [b"before", b"after"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.kafka
async def test_what_a_topic_would_refuse_is_asked_and_a_topic_that_is_not_there_is_not_made_by_asking(
    client: Client, unique: str
) -> None:
    await client.create_topic(unique, 1)
    producing = Producing(lambda: AIOKafkaProducer(bootstrap_servers=client.bootstrap), held())
    await producing.start()
    try:
        assert await producing.refusal(unique) is None
        assert await producing.refusal(unique, 0) is None
        assert await producing.refusal(unique, 1) == "topic-missing"
        assert await producing.refusal(f"{unique}-other", 0) == "topic-missing"
        assert await producing.refusal("not/a/name", 0) == "topic-missing"
    finally:
        await producing.stop()

    assert await client.partitions(f"{unique}-other") == []
