"""``streams status`` on a real Kafka: with two workers, after one was killed, and where none runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import TopicPartition

from tests.brokers.client import Client
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, a_world, fragment, membership
from tests.waiting import until

SETTINGS = '{app: %s, kafka: {bootstrapServers: "%s"}, inputs: {memberships: memberships, profiles: [profiles]}}\n'


@pytest.fixture
async def world(client: Client, unique: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(client, unique, tmp_path) as world:
        yield world


async def status(settings: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "status", "--config", str(settings), *arguments),
        env={name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def shown(worker: WorkerProcess) -> dict[str, Any]:
    code, out, err = await status(worker.directory / "streams.yaml", "--output", "json")
    assert (code, err) == (0, "")
    overview: dict[str, Any] = json.loads(out)
    return overview


def owners(queue: dict[str, Any]) -> list[str]:
    return [owner for partition in queue["partitions"] for owner in partition["owners"]]


async def test_a_broker_that_does_not_answer_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text(SETTINGS % ("shop", "127.0.0.1:1"))
    code, out, err = await status(tmp_path / "streams.yaml")

    assert (code, out) == (1, "")
    assert "no Kafka answered at 127.0.0.1:1" in err
    assert "Traceback" not in err


async def test_wrong_settings_end_with_2(tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text("app: shop\n")

    assert (await status(tmp_path / "streams.yaml"))[0] == 2


@pytest.mark.kafka
async def test_lag_and_age_are_told_where_no_worker_ever_ran(client: Client, unique: str, tmp_path: Path) -> None:
    topic = await client.create_topic(f"{unique}.exports.crm.1", 2)
    await client.produce(topic, [(b"k", b"{}")] * 3, partition=1, timestamp_ms=1_700_000_000_000)
    (tmp_path / "streams.yaml").write_text(SETTINGS % (unique, client.bootstrap))
    code, out, _ = await status(tmp_path / "streams.yaml", "--output", "json")
    (crm,) = json.loads(out)["destinations"]

    assert code == 0
    assert (crm["name"], crm["state"], crm["queue"]["lag"], crm["queue"]["unowned"]) == ("crm", "unknown", 3, [0, 1])
    assert crm["queue"]["partitions"][1]["oldest"] == 1_700_000_000_000
    assert crm["queue"]["oldest_age_seconds"] > 0


@pytest.mark.kafka
async def test_records_that_retention_took_are_a_gap_though_no_worker_runs(
    client: Client, unique: str, tmp_path: Path
) -> None:
    topic = await client.create_topic(f"{unique}.exports.crm.1", 1)
    await client.produce(topic, [(b"k", b"{}")] * 5)
    async with client.consumer(group_id=f"{unique}.delivery.crm.1") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): 1})
    await client.delete_records(topic, {0: 4})
    (tmp_path / "streams.yaml").write_text(SETTINGS % (unique, client.bootstrap))
    _, out, _ = await status(tmp_path / "streams.yaml")
    _, as_json, _ = await status(tmp_path / "streams.yaml", "--output", "json")

    (gap,) = json.loads(as_json)["gaps"]
    assert (gap["topic"], gap["partition"], gap["cause"], gap["gone"]) == (topic, 0, "retention", 3)
    assert "streams gaps accept" in out


@pytest.mark.kafka
async def test_two_workers_are_shown_with_what_each_owns_until_one_is_killed_and_one_stops(world: World) -> None:
    documents = [world.destination(), world.destination(name="stuck", account={"httpEndpoint": "http://127.0.0.1:1/"})]
    one, other = world.worker("one", documents=documents), world.worker("other", documents=documents)
    await one.start()
    await other.start()
    keys = [f"p{number}" for number in range(30)]
    await world.produce("profiles", [(key.encode(), fragment(key)) for key in keys])
    await world.produce("memberships", [(key.encode(), membership(SEGMENT, 2, "realized")) for key in keys])

    async def settled() -> bool:
        overview = await shown(one)
        queues = [*overview["inputs"], *(each["queue"] for each in overview["destinations"])]
        delivered = overview["destinations"][0]["ends"].get("delivered") == 30
        return delivered and all(len(owners(queue)) == 4 and not queue["unowned"] for queue in queues)

    await until(settled, 60, what="each partition has one owner, and all is delivered")
    overview = await shown(one)
    assert [each["live"] for each in overview["workers"]] == [True, True]
    assert {each["report"]["pid"] for each in overview["workers"]} == {one.pid, other.pid}
    assert {len(set(owners(queue))) for queue in overview["inputs"]} == {2}
    crm, stuck = overview["destinations"]
    assert (crm["state"], crm["queue"]["lag"], crm["queue"]["oldest_age_seconds"]) == ("activated", 0, None)
    assert (stuck["queue"]["lag"], stuck["queue"]["oldest_age_seconds"] > 0) == (30, True)
    _, table, _ = await status(one.directory / "streams.yaml")
    for worker in overview["workers"]:
        assert worker["report"]["id"] in table
    for private in ("127.0.0.1:1/", "p17"):
        assert private not in json.dumps(overview) + table

    other.send(signal.SIGKILL)
    await other.ended()
    await until(lambda: _one_live(one), 40, what="the killed worker is stale, and its partitions are the other's")
    assert await one.terminate() == 0
    overview = await shown(one)
    assert [(each["live"], each["report"]["pid"]) for each in overview["workers"]] == [(False, other.pid)]
    assert overview["inputs"][0]["unowned"] == [0, 1, 2, 3]
    await other.start()
    await until(lambda: _alone(other), 20, what="who comes back takes its predecessor's reports away")
    assert await other.terminate() == 0


async def _one_live(worker: WorkerProcess) -> bool:
    overview = await shown(worker)
    live = [each["report"]["pid"] for each in overview["workers"] if each["live"]]
    return live == [worker.pid] and owners(overview["inputs"][0]) == owners(overview["inputs"][0])[:1] * 4


async def _alone(worker: WorkerProcess) -> bool:
    return [each["report"]["pid"] for each in (await shown(worker))["workers"]] == [worker.pid]


@pytest.mark.kafka
async def test_readyz_tells_how_each_stage_stands(world: World) -> None:
    worker = world.worker()
    await worker.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{worker.port}/readyz") as answer,
    ):
        body = await answer.json()

    assert body["status"] == "ok"
    stages = body["stages"]
    assert (stages["activation"]["ready"], stages["activation"]["partitions"]) == (True, [0, 1, 2, 3])
    assert stages["activation"]["recovery"]["remaining"] == 0
    assert stages["delivery"]["ready"]
    assert await worker.terminate() == 0


@pytest.mark.kafka
async def test_a_gap_is_told_by_readyz_metrics_and_status_until_it_is_accepted(world: World) -> None:
    worker = world.worker()
    await worker.start("--stage", "activation")
    await world.produce("memberships", [(b"p", membership(SEGMENT, 2, "realized"))], partition=1)
    await until(lambda: _is_counted(worker), 30, what="the record is read")
    assert await worker.terminate() == 0
    topic = world.topic("memberships")
    await world.client.delete_offsets(world.app, topic)

    (told,) = {(gap["topic"], gap["cause"]) for gap in (await shown(worker))["gaps"]}
    assert told == (topic, "offsets-lost"), "no worker runs"
    await worker.start("--stage", "activation")
    await until(lambda: _has_gaps(worker, topic, 4), 30, what="the worker stands still at four gaps")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{worker.port}/readyz") as answer,
    ):
        stage = (await answer.json())["stages"]["activation"]
    assert [(gap["topic"], gap["partition"]) for gap in stage["gaps"]] == [(topic, number) for number in range(4)]
    _, table, _ = await status(worker.directory / "streams.yaml")
    assert "streams gaps accept" in table

    settings = str(worker.directory / "streams.yaml")
    accepting = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "gaps", "accept", "--yes", "--config", settings),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(accepting.wait(), 60) == 0
    await until(lambda: _has_gaps(worker, topic, 0), 30, what="it goes on")
    assert await worker.terminate() == 0


async def _is_counted(worker: WorkerProcess) -> bool:
    return await worker.metric("streams_records_total") == 1


async def _has_gaps(worker: WorkerProcess, topic: str, count: int) -> bool:
    return await worker.metric("streams_gaps", stage="activation", topic=topic) == count
