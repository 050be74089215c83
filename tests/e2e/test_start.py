"""How a worker starts: it waits for its broker, refuses what is wrong, and its stages can live apart."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from tests.brokers.processes import free_ports
from tests.e2e.crashing import RAISED
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEY = b"someone"


@asynccontextmanager
async def _relay(port: int, target: str) -> AsyncIterator[None]:
    """Pass connections on *port* to the broker at *target*: a broker that comes up when this does."""
    host, _, number = target.partition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(number))
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other side went away, and that is the end of it
    finally:
        writer.close()


async def test_a_worker_waits_for_a_broker_that_is_not_up_yet_and_says_so(world: World) -> None:
    (port,) = free_ports(1)
    worker = world.worker(settings=world.settings(kafka={"bootstrapServers": f"127.0.0.1:{port}"}))
    await worker.start(until_ready=False)
    await until(lambda: "kafka.awaited" in worker.log, 30, what="the worker says that it waits")

    async with _relay(port, world.client.bootstrap):
        await worker.ready()
        assert await worker.terminate() == 0


async def test_every_line_of_a_workers_output_is_one_object(world: World) -> None:
    worker = world.worker()
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone"))])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    await asyncio.wait_for(world.endpoint.served(1), 90)
    await until(lambda: "worker.ready" in worker.log, what="the worker says that it is ready")
    assert await worker.terminate() == 0
    lines = [json.loads(line) for line in worker.log.splitlines()]

    assert [line["event"] for line in lines].count("export.ended") == 1
    told = [line["event"] for line in lines if line["event"].startswith("worker.")]
    assert told == ["worker.starting", "worker.ready", "worker.stopped"]
    assert not any(line["event"].startswith("[^") for line in lines)


async def test_a_port_that_is_taken_is_refused_in_one_line(world: World) -> None:
    worker = world.worker()
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", worker.port)
    async with taken:
        await worker.start(until_ready=False)
        assert await worker.ended(60) == 2

    assert "http.port" in json.loads(worker.log.splitlines()[-1])["problems"][0]
    assert "Traceback" not in worker.log


async def test_a_state_directory_that_cannot_be_used_is_refused_in_one_line(world: World) -> None:
    worker = world.worker()
    (worker.directory / "data").write_text("a file")
    await worker.start(until_ready=False)
    assert await worker.ended(60) == 2

    assert "state.directory" in json.loads(worker.log.splitlines()[-1])["problems"][0]
    assert "Traceback" not in worker.log


async def test_a_topic_of_ours_with_the_wrong_policy_is_refused_with_what_mends_it(world: World) -> None:
    await world.client.create_topic(f"{world.app}-profiles-changelog", 4, cleanup_policy="delete")
    worker = world.worker()
    await worker.start(until_ready=False)

    assert await worker.ended(60) == 2
    assert f"topic {world.app}-profiles-changelog has cleanup.policy=delete, expected compact" in worker.log
    assert "kafka-configs.sh --alter" in worker.log


async def test_the_topics_of_ours_have_the_counts_and_policies_that_keep_what_they_hold(world: World) -> None:
    worker = world.worker()
    await worker.start()
    names = [f"{world.app}.exports.crm.1", f"{world.app}.dead-letters", f"{world.app}-profiles-changelog"]
    configs = [await world.client.config(name) for name in names]

    assert [len(await world.client.partitions(name)) for name in names] == [4, 4, 4]
    assert [config["cleanup.policy"] for config in configs] == ["delete", "delete", "compact"]
    assert [config["retention.ms"] for config in configs[:2]] == ["-1", str(30 * 24 * 60 * 60 * 1000)]
    assert await worker.terminate() == 0


async def test_two_stages_in_two_processes_deliver_as_one(world: World) -> None:
    activation, delivery = world.worker("activation"), world.worker("delivery")
    await activation.start("--stage", "activation")
    await delivery.start("--stage", "delivery", "--destination", "crm")
    await world.produce("profiles", [(KEY, fragment("someone"))])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    await asyncio.wait_for(world.endpoint.served(1), 90)

    assert await delivery.terminate() == 0
    assert await activation.terminate() == 0


async def test_a_record_that_is_no_json_is_one_dead_letter_and_its_neighbours_flow_on(world: World) -> None:
    worker = world.worker()
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone")), (KEY, b"{not json")])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized")), (None, b"{}")])
    await asyncio.wait_for(world.endpoint.served(1), 90)
    topic = f"{world.app}.dead-letters"
    await until(lambda: _holds(world, topic, 2), 30, what="both are parked")
    letters = await world.client.read(topic)

    parked = {(letter.key, letter.value, dict(letter.headers)["streams.reason"]) for letter in letters}
    assert parked == {(KEY, b"{not json", b"invalid-json"), (None, b"{}", b"null-key")}
    origin = {dict(letter.headers)["__connect.errors.topic"].decode() for letter in letters}
    assert origin == {world.topic("profiles"), world.topic("memberships")}
    assert await worker.terminate() == 0


async def test_records_are_read_however_their_producer_compressed_them(world: World) -> None:
    worker = world.worker()
    await worker.start()
    for codec in ("gzip", "lz4", "snappy", "zstd"):
        async with AIOKafkaProducer(bootstrap_servers=world.client.bootstrap, compression_type=codec) as producer:
            await producer.send_and_wait(world.topic("profiles"), fragment(codec), codec.encode())
            record = membership(SEGMENT, 2, "realized") + b" " * 1_000  # worth compressing
            await producer.send_and_wait(world.topic("memberships"), record, codec.encode())
    await asyncio.wait_for(world.endpoint.served(4), 90)

    assert await worker.terminate() == 0


async def test_a_profile_larger_than_a_batch_is_kept_and_sent(world: World) -> None:
    sources = [world.topic("profiles"), {"name": "loyalty", "topic": world.topic("exits")}]
    inputs = {"memberships": world.topic("memberships"), "profiles": sources}
    attributes = ["person.id", "letter", "loyalty.letter"]
    large, larger = "x" * 900_000, "y" * 1_000_000
    worker = world.worker(settings=world.settings(inputs=inputs), documents=[world.destination(attributes=attributes)])
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone", letter=large))])
    await world.produce("exits", [(KEY, json.dumps({"loyalty": {"letter": larger}}).encode())])
    await until(lambda: _read(worker, world, 2), 30, what="both fragments are read")
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    ((received, _),) = await asyncio.wait_for(world.endpoint.served(1), 90)
    body = json.loads(received.body)

    assert (body["letter"], body["loyalty"]["letter"]) == (large, larger)
    assert await worker.terminate() == 0


async def _read(worker: WorkerProcess, world: World, count: int) -> bool:
    topics = [world.topic("profiles"), world.topic("exits")]
    return sum([await worker.metric("streams_records_total", topic=topic) for topic in topics]) == count


async def _holds(world: World, topic: str, count: int) -> bool:
    return sum((await world.client.end_offsets(topic)).values()) == count


async def test_a_crash_is_one_clear_line_and_ends_with_1(world: World) -> None:
    worker = world.worker(command=("-m", "tests.e2e.crashing", RAISED))
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone"))])
    assert await worker.ended(60) == 1
    lines = [json.loads(line) for line in worker.log.splitlines()]
    telling = [line for line in lines if "crash" in line["event"].lower() or line["level"] == "critical"]

    assert telling == lines[-1:]
    assert (telling[0]["event"], telling[0]["error"]) == ("worker.crashed", "ZeroDivisionError")
    assert telling[0]["at"].startswith("crashing.py:")
    assert any(place.startswith("outbox.py:") for place in telling[0]["traceback"])
    assert "canary" not in worker.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_waits_for_its_broker_stops_when_it_is_told_to(
    world: World, number: signal.Signals
) -> None:
    worker = world.worker(settings=world.settings(kafka={"bootstrapServers": "127.0.0.1:1"}))
    await worker.start(until_ready=False)
    await until(lambda: "kafka.awaited" in worker.log, 30, what="the worker says that it waits")
    worker.send(number)

    assert await worker.ended() == 0
    assert json.loads(worker.log.splitlines()[-1])["event"] == "worker.stopped"
