"""``streams gaps`` tells what stands still from the broker alone, and accepts what it is told to, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.exports import delivery_group, exports_topic
from streams.groups.gaps import Birth, Partition
from streams.groups.starts import accepted, stand
from tests.brokers.client import Client
from tests.groups.members import following, joined
from tests.reaching import brokers_of

pytestmark = pytest.mark.kafka


class App:
    """An app with an input and a destination's queue, of two partitions and ten records each, which has begun."""

    def __init__(self, client: Client, name: str, folder: Path) -> None:
        self.client, self.name, self.folder = client, name, folder
        self.memberships, self.exports = f"{name}.memberships", exports_topic(name, "crm.1")
        self.journal = f"{name}.destinations"
        self.groups = {self.memberships: name, self.exports: delivery_group(name, "crm.1")}

    async def begin(self, committed: int) -> None:
        """Create the topics and let both groups begin and commit."""
        await self.client.create_topic(self.journal, 1, cleanup_policy="compact")
        async with following(brokers_of(self.client), self.journal) as journal:
            for topic, group in self.groups.items():
                await self.client.create_topic(topic, 2)
                for number in (0, 1):
                    await self.client.produce(topic, [(b"k", b"v")] * 10, partition=number)
                births: Mapping[Partition, Birth] = {(topic, number): Birth(0, 0, 1) for number in (0, 1)}
                await journal.record_births(group, births)
                async with self.client.consumer(group_id=group) as consumer:
                    consumer.assign([TopicPartition(topic, 0), TopicPartition(topic, 1)])
                    await consumer.commit({TopicPartition(topic, number): committed for number in (0, 1)})

    async def streams(self, *arguments: str) -> tuple[int, str]:
        """Run ``streams gaps`` and return its exit code and output."""
        (self.folder / "streams.yaml").write_text(
            f"app: {self.name}\ninputs: {{memberships: {self.memberships}, profiles: [{self.name}.profiles]}}\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streams", "gaps", *arguments),
            cwd=self.folder,
            env={**os.environ, "STREAMS_KAFKA_BOOTSTRAP_SERVERS": self.client.bootstrap},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def listed(self) -> list[dict[str, Any]]:
        """Return what ``streams gaps list`` tells to scripts."""
        code, out = await self.streams("list", "--output", "json")
        assert code == 0, out
        told: list[dict[str, Any]] = json.loads(out)
        return told


@pytest.fixture
def app(client: Client, unique: str, tmp_path: Path) -> App:
    return App(client, unique, tmp_path)


async def test_an_app_that_has_not_begun_has_no_gaps(app: App) -> None:
    assert await app.listed() == []
    assert await app.streams("list") == (0, "no gaps\n")


async def test_gaps_of_both_stages_are_listed_with_what_is_gone(app: App) -> None:
    await app.begin(committed=2)
    await app.client.delete_records(app.memberships, {1: 5})
    await app.client.delete_offsets(app.groups[app.exports], app.exports)

    first, *others = await app.listed()

    assert first == {
        "stage": "activation",
        "group": app.name,
        "topic": app.memberships,
        "partition": 1,
        "cause": "retention",
        "committed": 2,
        "beginning": 5,
        "end": 10,
        "gone": 3,
        "accepted": None,
    }
    assert [(each["stage"], each["partition"], each["cause"], each["gone"]) for each in others] == [
        ("delivery", 0, "offsets-lost", None),
        ("delivery", 1, "offsets-lost", None),
    ]
    code, table = await app.streams("list")
    assert code == 0
    assert f"activation   {app.name}" in table


async def test_without_yes_nothing_is_accepted(app: App) -> None:
    await app.begin(committed=2)
    await app.client.delete_records(app.memberships, {1: 5})

    code, told = await app.streams("accept")

    assert code == 0
    assert f"would accept: activation goes on with {app.memberships}-1 at its beginning, which is 5 now" in told
    assert "--yes" in told
    assert [each["accepted"] for each in await app.listed()] == [None]


async def test_what_is_accepted_is_what_was_named_and_the_member_acts_upon_it(app: App) -> None:
    await app.begin(committed=2)
    await app.client.delete_records(app.memberships, {0: 5, 1: 5})

    code, told = await app.streams(
        *("accept", "--topic", app.memberships, "--partition", "1", "--resume", "end", "--yes")
    )

    assert code == 0
    assert f"accepted: activation goes on with {app.memberships}-1 at its end, which is 10 now" in told
    assert [each["accepted"] for each in await app.listed()] == [None, "end"]
    assert "nothing to accept" in (await app.streams("accept", "--partition", "1", "--yes"))[1]
    partition = (app.memberships, 1)
    async with (
        following(brokers_of(app.client), app.journal) as journal,
        joined(app.client.bootstrap, app.name, app.memberships) as member,
    ):
        gap = (await stand(member, app.name, member.partitions, journal, 5)).gaps[partition]
        assert await accepted(member, app.name, partition, gap, journal) == 10
    assert [each["partition"] for each in await app.listed()] == [0]


async def test_a_broker_that_does_not_answer_ends_it_with_one(app: App) -> None:
    app.client = Client("127.0.0.1:1")

    code, told = await app.streams("list")

    assert code == 1
    assert "no Kafka answered" in told
