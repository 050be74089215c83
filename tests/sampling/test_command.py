"""``streams inputs check`` on a real Kafka: strangers' topics, told before anything else is set up."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.activation.test_partitioners import JAVA, LIBRDKAFKA, MURMUR2_RANDOM, PARTITIONS, PLACES
from tests.brokers import jars
from tests.brokers.client import Client
from tests.engine.test_recovery import transaction
from tests.records import a_fragment, a_membership

pytestmark = pytest.mark.kafka


async def check(folder: Path, client: Client, *arguments: str, settings: Any = None) -> tuple[int, dict[str, Any], str]:
    """Run the command with these settings; return its exit code, its report and its standard error."""
    code, out, err = await streams(folder, client, *arguments, "--output", "json", settings=settings)
    return code, json.loads(out) if out else {}, err


async def streams(folder: Path, client: Client, *arguments: str, settings: Any = None) -> tuple[int, str, str]:
    (folder / "streams.yaml").write_text(json.dumps(settings or {}))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "inputs", "check", *arguments),
        cwd=folder,
        env={**inherited, "STREAMS_KAFKA_BOOTSTRAP_SERVERS": client.bootstrap},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def place(client: Client, topic: str, producer: int, value: bytes) -> None:
    """Put a record of each key where a real producer puts it."""
    for key, places in PLACES.items():
        await client.produce(topic, [(key.encode(), value)], partition=places[producer])


async def test_inputs_that_are_well_end_with_0_and_commit_nothing(client: Client, unique: str, tmp_path: Path) -> None:
    names = {"memberships": f"{unique}-m", "profiles": [f"{unique}-p"]}
    await client.create_topic(f"{unique}-m", PARTITIONS)
    await client.create_topic(f"{unique}-p", PARTITIONS, cleanup_policy="compact")
    await place(client, f"{unique}-m", JAVA, a_membership("spring", status="realized"))
    await place(client, f"{unique}-p", MURMUR2_RANDOM, a_fragment(a=1))
    settings = {"app": unique, "inputs": names, "partitioner": "murmur2"}

    code, report, err = await check(tmp_path, client, settings=settings)

    assert (code, err) == (0, "")
    for found in report["inputs"]:
        assert (found["records"], found["decoded"], found["problems"]) == (len(PLACES), len(PLACES), [])
        assert (found["placement"]["explained"], found["placement"]["agrees"]) == ("murmur2", True)
    assert report["inputs"][0]["segments"] == [{"namespace": "ups", "id": "spring", "count": len(PLACES)}]
    assert report["overlaps"][0]["share_of_memberships"] == 1.0
    async with client.admin() as admin:
        assert unique not in {name for name, *_ in await admin.list_consumer_groups()}

    code, out, _ = await streams(tmp_path, client, settings=settings)
    assert code == 0
    assert "murmur2 (murmur2 explains 100.0% of 12 keys" in out
    assert "ups/spring (12)" in out


async def test_keys_by_librdkafka_s_default_are_told_and_a_setting_that_contradicts_ends_with_1(
    client: Client, unique: str, tmp_path: Path
) -> None:
    await client.create_topic(f"{unique}-m", PARTITIONS)
    await client.create_topic(f"{unique}-p", PARTITIONS, cleanup_policy="compact")
    await place(client, f"{unique}-m", LIBRDKAFKA, a_membership(status="realized"))
    await place(client, f"{unique}-p", JAVA, a_fragment(a=1))
    names = {"memberships": f"{unique}-m", "profiles": [f"{unique}-p"]}

    code, report, _ = await check(tmp_path, client, settings={"inputs": names})
    assert code == 1
    assert [each["placement"]["explained"] for each in report["inputs"]] == ["crc32", "murmur2"]
    assert f"{unique}-m by crc32, {unique}-p by murmur2" in report["problems"][0]

    code, report, err = await check(tmp_path, client, settings={"inputs": names, "partitioner": "murmur2"})
    assert code == 1
    assert "see above" in err
    memberships, profiles = report["inputs"]
    assert (memberships["placement"]["agrees"], profiles["placement"]["agrees"]) == (False, True)
    assert memberships["refused"][0]["reason"] == "wrong-partition"
    assert profiles["problems"] == []


async def test_a_stranger_s_flat_topic_is_explained_before_anything_is_declared(
    client: Client, unique: str, tmp_path: Path
) -> None:
    topic = await client.create_topic(unique, 4)
    events = [
        (f"user-{n}".encode(), json.dumps({"audience_id": "spring", "action": ("add", "remove")[n % 2]}).encode())
        for n in range(60)
    ]
    await client.produce(topic, [*events, (b"user-1", b"{cut off")])

    code, report, _ = await check(tmp_path, client, "--topic", topic)
    (found,) = report["inputs"]
    assert code == 1, "one record is no JSON"
    assert (found["role"], found["records"], found["decoded"]) == (None, 61, 60)
    assert found["refused"][0]["reason"] == "invalid-json"
    assert found["placement"]["explained"] == "murmur2"

    pasted = tmp_path / "pasted.yaml"
    pasted.write_text(found["proposal"])
    code, out, _ = await streams(tmp_path, client, "--config", str(pasted))
    assert code == 1
    assert "60 (98.4%)" in out
    assert "30 realized; 30 exited" in out or "30 exited; 30 realized" in out


async def test_the_newest_records_are_looked_at_or_the_first(client: Client, unique: str, tmp_path: Path) -> None:
    topic = await client.create_topic(unique, 2)
    old = [(f"k{n}".encode(), b"{old") for n in range(200)]
    new = [(f"k{n}".encode(), a_membership(status="realized")) for n in range(200)]
    await client.produce(topic, [*old, *new])
    asked = ("--topic", topic, "--records", "100")

    code, report, _ = await check(tmp_path, client, *asked)
    assert (code, report["inputs"][0]["records"], report["inputs"][0]["decoded"]) == (0, 100, 100)
    code, report, _ = await check(tmp_path, client, *asked, "--from", "beginning")
    assert (code, report["inputs"][0]["records"], report["inputs"][0]["decoded"]) == (1, 100, 0)


async def test_records_of_transactions_are_looked_at_to_the_end_and_aborted_ones_are_not(
    client: Client, unique: str, tmp_path: Path
) -> None:
    topic = await client.create_topic(unique, 1)
    await transaction(client, topic, [(b"a", b"{aborted")], commit=False)
    await transaction(client, topic, [(b"a", a_membership(status="realized"))], commit=True)
    await transaction(client, topic, [(b"a", b"{aborted")], commit=False)

    code, report, _ = await check(tmp_path, client, "--topic", topic)

    assert (code, report["inputs"][0]["records"], report["inputs"][0]["decoded"]) == (0, 1, 1)


async def test_missing_inputs_and_other_numbers_of_partitions_end_with_2(
    client: Client, unique: str, tmp_path: Path
) -> None:
    await client.create_topic(f"{unique}-m", 2)
    await client.create_topic(f"{unique}-p", 3, cleanup_policy="compact")
    names = {"memberships": f"{unique}-m", "profiles": [f"{unique}-p"]}

    code, report, err = await check(tmp_path, client, settings={"inputs": names})
    assert code == 2
    assert f"{unique}-m has 2, {unique}-p has 3" in err
    assert [each["notes"][0] for each in report["inputs"]] == ["it is empty: nothing can be said of it yet"] * 2

    code, _, err = await check(tmp_path, client, "--topic", f"{unique}-none")
    assert code == 2
    assert f"input topic {unique}-none does not exist" in err
    assert await client.partitions(f"{unique}-none") == []

    code, _, err = await check(tmp_path, client, settings={"app": unique})
    assert code == 2
    assert "no input is declared" in err


async def test_a_sample_by_the_java_client_itself_is_where_murmur2_puts_it(
    client: Client, unique: str, tmp_path: Path
) -> None:
    if (reason := jars.missing()) is not None:
        pytest.skip(f"no Java client: {reason}")
    topic = await client.create_topic(unique, PARTITIONS)
    lines = [f"{key}\t{a_membership(status='realized').decode()}\n" for key in PLACES]
    await asyncio.to_thread(_by_java, client.bootstrap, topic, lines)

    code, report, _ = await check(tmp_path, client, "--topic", topic)

    assert code == 0
    (found,) = report["inputs"]
    assert (found["records"], found["placement"]["explained"]) == (len(PLACES), "murmur2")


def _by_java(bootstrap: str, topic: str, lines: Sequence[str]) -> None:
    """Produce lines of key and value by Kafka's own console producer."""
    command = ["java", "-Xmx96m", "-cp", f"{jars.fetch()}/*", "org.apache.kafka.tools.ConsoleProducer"]
    command += ["--bootstrap-server", bootstrap, "--topic", topic, "--reader-property", "parse.key=true"]
    subprocess.run(command, input="".join(lines).encode(), check=True, capture_output=True, timeout=120)
