"""The relay does to a connection what it was told, and to nothing else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.protocol.commit import OffsetCommitRequest_v2, OffsetCommitRequest_v3

from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.brokers.processes import free_ports
from tests.brokers.properties import Options
from tests.faults.frames import Api, Code, read_frame, refused_commit, request_api, request_correlation
from tests.faults.links import abort
from tests.faults.proxy import Proxy
from tests.faults.toxics import Fate, Way
from tests.waiting import until

MOMENT = 0.3
"""Long enough for a frame to pass on the loopback many times; only to see that one does *not*."""


def request(api: int, correlation: int, body: bytes = b"") -> bytes:
    frame = struct.pack(">hhih", api, 3, correlation, -1) + body
    return struct.pack(">i", len(frame)) + frame


@dataclass
class Broker:
    """Answers each request by its correlation."""

    requests: list[int] = field(default_factory=list)
    resets: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await read_frame(reader)
                self.requests.append(request_api(frame))
                writer.write(struct.pack(">ii", 4, request_correlation(frame)))
        except asyncio.IncompleteReadError:
            writer.close()
        except OSError:
            self.resets += 1
            writer.close()


@dataclass
class Worker:
    """A connection to the relay."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def ask(self, api: int, correlation: int) -> None:
        self.writer.write(request(api, correlation))

    async def answer(self) -> int:
        return int(struct.unpack_from(">i", await asyncio.wait_for(read_frame(self.reader), 5), 4)[0])


@asynccontextmanager
async def relayed() -> AsyncIterator[tuple[Broker, Proxy, Worker]]:
    broker = Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    proxy = Proxy(free_ports(1)[0], f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await proxy.open()
    worker = Worker(*await asyncio.open_connection("127.0.0.1", proxy.port))
    try:
        yield broker, proxy, worker
    finally:
        worker.writer.close()
        await proxy.close()
        server.close()


async def silent(answer: Awaitable[int]) -> bool:
    try:
        await asyncio.wait_for(answer, MOMENT)
    except TimeoutError:
        return True
    return False


async def test_a_request_passes_and_its_answer_comes_back() -> None:
    async with relayed() as (broker, proxy, worker):
        worker.ask(Api.HEARTBEAT, 7)

        assert await worker.answer() == 7
        assert broker.requests == [Api.HEARTBEAT]
        assert proxy.count(Api.HEARTBEAT, Fate.PASS) == 1
        assert proxy.connections == 1


async def test_latency_holds_each_frame_both_ways() -> None:
    async with relayed() as (_, proxy, worker):
        proxy.latency_seconds = 0.1
        began = asyncio.get_running_loop().time()
        worker.ask(Api.FETCH, 1)
        await worker.answer()

        assert asyncio.get_running_loop().time() - began >= 0.2


@pytest.mark.parametrize("way", [*Way])
async def test_what_is_cut_one_way_stands_still_there_and_arrives_when_it_is_mended(way: Way) -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.cut(way)
        worker.ask(Api.PRODUCE, 1)

        assert await silent(worker.answer())
        assert broker.requests == ([] if way is Way.TO_BROKER else [Api.PRODUCE])

        proxy.mend()
        assert await worker.answer() == 1


async def test_what_a_worker_sent_before_it_reset_the_connection_is_lost_in_the_cut() -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.cut()
        worker.ask(Api.PRODUCE, 1)
        await until(lambda: proxy.count(Api.PRODUCE, Fate.PASS) == 1)
        abort(worker.writer)
        await until(lambda: proxy.connections == 0)
        proxy.mend()

        again = Worker(*await asyncio.open_connection("127.0.0.1", proxy.port))
        again.ask(Api.METADATA, 2)
        assert await again.answer() == 2
        assert broker.requests == [Api.METADATA]
        again.writer.close()


async def test_what_a_worker_sent_before_it_closed_the_connection_arrives_after_the_cut() -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.cut()
        worker.ask(Api.PRODUCE, 1)
        worker.writer.close()
        await until(lambda: proxy.count(Api.PRODUCE, Fate.PASS) == 1)
        proxy.mend()

        await until(lambda: broker.requests == [Api.PRODUCE])


async def test_a_reset_is_seen_on_both_sides() -> None:
    async with relayed() as (broker, proxy, worker):
        worker.ask(Api.FETCH, 1)
        await worker.answer()
        proxy.reset()

        with pytest.raises(OSError):  # noqa: PT011 - any of them
            await asyncio.wait_for(read_frame(worker.reader), 5)
        await until(lambda: broker.resets == 1)


async def test_who_is_refused_cannot_connect_and_who_is_connected_goes_on() -> None:
    async with relayed() as (_, proxy, worker):
        worker.ask(Api.FETCH, 1)
        await worker.answer()
        proxy.refuse()

        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", proxy.port)):  # noqa: PT011
            pass
        worker.ask(Api.FETCH, 2)
        assert await worker.answer() == 2


async def test_a_swallowed_request_does_not_arrive_and_its_neighbours_do() -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.fates[Api.OFFSET_COMMIT] = Fate.SWALLOW
        worker.ask(Api.OFFSET_COMMIT, 1)
        worker.ask(Api.HEARTBEAT, 2)

        assert await worker.answer() == 2
        assert broker.requests == [Api.HEARTBEAT]
        assert proxy.count(Api.OFFSET_COMMIT, Fate.SWALLOW) == 1


async def test_an_unanswered_request_arrives_and_nothing_is_said() -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.fates[Api.OFFSET_COMMIT] = Fate.UNANSWERED
        worker.ask(Api.OFFSET_COMMIT, 1)
        worker.ask(Api.HEARTBEAT, 2)

        assert await worker.answer() == 2
        assert broker.requests == [Api.OFFSET_COMMIT, Api.HEARTBEAT]


async def test_a_request_can_cost_its_connection() -> None:
    async with relayed() as (broker, proxy, worker):
        proxy.fates[Api.HEARTBEAT] = Fate.RESET
        worker.ask(Api.HEARTBEAT, 1)

        with pytest.raises(OSError):  # noqa: PT011 - any of them
            await asyncio.wait_for(read_frame(worker.reader), 5)
        assert broker.requests == []


async def test_a_delayed_request_waits_and_what_comes_after_it_too() -> None:
    async with relayed() as (_, proxy, worker):
        proxy.delays[Api.PRODUCE] = MOMENT
        began = asyncio.get_running_loop().time()
        worker.ask(Api.PRODUCE, 1)
        worker.ask(Api.METADATA, 2)

        assert [await worker.answer(), await worker.answer()] == [1, 2]
        assert asyncio.get_running_loop().time() - began >= MOMENT


@pytest.mark.parametrize("version", [OffsetCommitRequest_v2, OffsetCommitRequest_v3])
def test_a_refused_commit_names_each_partition_with_the_error(version: type[OffsetCommitRequest_v3]) -> None:
    topics = [("orders", [(0, 17, ""), (3, 5, "note")]), ("other", [(1, 1, "")])]
    asked = struct.pack(">hhih", Api.OFFSET_COMMIT, version.API_VERSION, 42, 2) + b"me"
    asked += version("group", 7, "member", -1, topics).encode()

    answer = refused_commit(struct.pack(">i", len(asked)) + asked, Code.NOT_COORDINATOR)
    size, correlation = struct.unpack_from(">ii", answer)
    told = version.RESPONSE_TYPE.decode(answer[8:])

    assert (size, correlation) == (len(answer) - 4, 42)
    assert told.topics == [("orders", [(0, 16), (3, 16)]), ("other", [(1, 16)])]


@pytest.mark.kafka
async def test_a_real_consumer_behind_the_relay_reads_and_its_refused_commit_fails_until_it_may_pass(
    unique: str,
) -> None:
    proxy = Proxy(free_ports(1)[0])
    try:
        with real.running(options=Options(advertised=proxy.port)) as kafka:
            proxy.target = kafka.relayed
            await proxy.open()
            await _read_and_commit(Client(kafka.bootstrap), proxy, unique)
    except real.UnavailableError as unavailable:
        pytest.skip(str(unavailable))
    finally:
        await proxy.close()


async def _read_and_commit(direct: Client, proxy: Proxy, topic: str) -> None:
    await direct.create_topic(topic, partitions=1)
    await direct.produce(topic, [(b"k", b"v")])
    there = {TopicPartition(topic, 0): 1}
    async with Client(proxy.bootstrap).consumer(group_id=topic, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([topic])
        record = await asyncio.wait_for(consumer.getone(), 20)
        proxy.fates[Api.OFFSET_COMMIT] = Fate.REFUSE
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(consumer.commit(there), 2)
        refused = await direct.committed(topic, topic)
        proxy.fates.clear()
        await asyncio.wait_for(consumer.commit(there), 10)

    assert record.value == b"v"
    assert refused == {}
    assert proxy.count(Api.OFFSET_COMMIT, Fate.REFUSE) > 0
    assert await direct.committed(topic, topic) == {0: 1}
