"""Where brokers create each topic that is asked for by its name, nothing of a user's comes to be because we asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.topics.cluster import partitions_of
from streams.topics.plan import TopicError
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.brokers.properties import BRIEF, Options
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import fragment
from tests.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def willing() -> Iterator[str]:
    """Run a real Kafka that creates what is asked for, as brokers do by default; skipped as ``kafka``."""
    try:
        with real.running(options=Options(overrides={"auto.create.topics.enable": "true"}, heap=BRIEF)) as broker:
            yield broker.bootstrap
    except real.UnavailableError as unavailable:
        pytest.skip(str(unavailable))


async def test_no_client_of_ours_creates_a_topic_by_asking_for_it(willing: str, unique: str) -> None:
    brokers, client = Brokers((willing,)), Client(willing)
    names = [f"{unique}-{who}" for who in ("member", "assigned", "producer", "admin", "named")]
    member = brokers.consumer(group_id=unique, auto_offset_reset="earliest")
    assigned = brokers.consumer()
    producer, admin = brokers.producer(request_timeout_ms=1_000), brokers.admin()
    clients: list[Any] = [member, assigned, producer, admin]
    for each in clients:
        await each.start()
    try:
        member.subscribe([names[0]])
        await member.getmany(timeout_ms=1_000)
        await assigned.topics()
        assert not assigned.partitions_for_topic(names[1])
        with suppress(KafkaError):
            await asyncio.wait_for(producer.send_and_wait(names[2], b"x"), 90)
        await admin.describe_topics([names[3]])
        with pytest.raises(TopicError):
            await partitions_of(brokers, [names[4]])
    finally:
        for each in clients[:-1]:
            await each.stop()
        await admin.close()

    assert [await client.partitions(name) for name in names] == [[]] * len(names)


async def test_a_worker_whose_input_is_missing_or_goes_away_ends_with_2_and_it_is_not_created(
    willing: str, unique: str, tmp_path: Path
) -> None:
    client = Client(willing)
    names = {"memberships": f"{unique}-memberships", "profiles": [f"{unique}-profiles"]}
    settings = {
        "app": unique,
        "kafka": {"bootstrapServers": willing},
        "inputs": names,
        "activation": {"sessionTimeoutSeconds": 6},
    }
    worker = WorkerProcess(tmp_path / "worker", settings, [])
    profiles = await client.create_topic(f"{unique}-profiles", 4, cleanup_policy="compact")
    try:
        await worker.start(until_ready=False)
        assert await worker.ended(60) == 2
        assert f"input topic {unique}-memberships does not exist" in worker.log
        assert await client.partitions(f"{unique}-memberships") == []

        await client.create_topic(f"{unique}-memberships", 4)
        await worker.start()
        await client.produce(profiles, [(b"ada", fragment("ada"))])
        await until(lambda: _read(worker, profiles), what="the profile is read")
        await client.delete_topics(profiles)

        assert await worker.ended(60) == 2
        assert f'"worker.refused","problems":["input topic {profiles} is gone: make it again' in worker.log
        assert await client.partitions(profiles) == []
    finally:
        await worker.close()


async def _read(worker: WorkerProcess, topic: str) -> bool:
    return await worker.metric("streams_records_total", topic=topic) == 1
