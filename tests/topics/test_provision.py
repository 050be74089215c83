"""The worker's topics are planned without a change, created once, and a wrong one is told and left alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.demo.broker import EmbeddedBroker
from streams.destinations import Account, Destination
from streams.topics.provision import needed
from tests.brokers.client import Client

SETTINGS = """\
app: shop
inputs: {memberships: memberships, profiles: [profiles]}
documents: [crm.yaml]
kafka: {replicationFactor: 1}
"""
DOCUMENT = """\
kind: destination
name: crm
account: {httpEndpoint: "https://api.example.com/v1"}
segments: [readers]
attributes: [person.email]
"""
OURS = [
    "shop.exports.crm.1",
    "shop.dead-letters",
    "shop.commands",
    "shop-profiles-changelog",
    "shop.destinations",
    "shop.status",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "streams.yaml").write_text(SETTINGS)
    (tmp_path / "crm.yaml").write_text(DOCUMENT)
    return tmp_path


async def streams(folder: Path, bootstrap: str, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *arguments),
        cwd=folder,
        env={**os.environ, "STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def create(bootstrap: str, names: Sequence[str], partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    await admin.close()


def test_each_destination_needs_its_queue() -> None:
    destinations = [Destination(name, Account("https://api.example.com")) for name in ("ads", "crm")]

    topics = needed("shop", destinations, 7)

    assert [topic.name for topic in topics][:2] == ["shop.exports.ads.1", "shop.exports.crm.1"]
    assert {topic.partitions for topic in topics[:4]} == {7}


@pytest.mark.embedded
async def test_what_is_missing_is_planned_then_created_then_there(folder: Path, embedded: EmbeddedBroker) -> None:
    await create(embedded.bootstrap, ["memberships", "profiles"])

    async def states() -> dict[str, str]:
        code, out, err = await streams(folder, embedded.bootstrap, "topics", "plan", "--output", "json")
        assert (code, [line for line in err.splitlines() if not line.startswith("warning: ")]) == (0, [])
        return {each["topic"]["name"]: each["state"] for each in json.loads(out)}

    assert await states() == dict.fromkeys(OURS, "missing")
    assert await states() == dict.fromkeys(OURS, "missing"), "a plan changes nothing"
    code, out, _ = await streams(folder, embedded.bootstrap, "topics", "apply")
    assert (code, out) == (0, "".join(f"created {name}\n" for name in OURS))
    assert await states() == dict.fromkeys(OURS, "exists")
    code, out, _ = await streams(folder, embedded.bootstrap, "topics", "apply")
    assert (code, out) == (0, "nothing to create\n")
    code, out, _ = await streams(folder, embedded.bootstrap, "topics", "apply", "--output", "json")
    assert (code, json.loads(out)) == (0, {"created": []})


@pytest.mark.embedded
@pytest.mark.parametrize("command", ["plan", "apply"])
async def test_a_topic_that_is_there_and_wrong_is_told_and_ends_with_2(
    folder: Path, embedded: EmbeddedBroker, command: str
) -> None:
    await create(embedded.bootstrap, ["memberships", "profiles"])
    await create(embedded.bootstrap, ["shop.dead-letters"], partitions=3)

    code, out, err = await streams(folder, embedded.bootstrap, "topics", command)

    assert code == 2
    assert "topic shop.dead-letters has 3 partitions, expected 2" in err
    assert "created" not in out


@pytest.mark.embedded
async def test_inputs_that_are_missing_are_all_told(folder: Path, embedded: EmbeddedBroker) -> None:
    code, out, err = await streams(folder, embedded.bootstrap, "topics", "plan")

    assert (code, out) == (2, "")
    assert "memberships" in err
    assert "profiles" in err
    assert "Traceback" not in err


@pytest.mark.kafka
async def test_what_is_doubted_of_the_inputs_is_a_warning_with_its_reason(
    folder: Path, client: Client, unique: str
) -> None:
    (folder / "streams.yaml").write_text(
        SETTINGS.replace("memberships: memberships", f"memberships: {unique}")
        .replace("shop", unique)
        .replace("[profiles]", f"[{unique}-p]")
    )
    await client.create_topic(unique, 2, cleanup_policy="compact")
    await client.create_topic(f"{unique}-p", 2, retention_ms="604800000")

    code, _, err = await streams(folder, client.bootstrap, "topics", "plan")

    warnings = err.splitlines()
    assert code == 0
    assert len(warnings) == 2
    assert warnings[0].startswith(
        f"warning: membership input {unique} has cleanup.policy=compact: only the last record"
    )
    assert warnings[1].startswith(f"warning: profile input {unique}-p has cleanup.policy=delete")
