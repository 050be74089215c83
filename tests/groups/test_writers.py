"""The bytes of a write go to the socket while the lease is held, and not one of them later.

So it is on either event loop, in the clear and over TLS.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trustme
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.groups.lease import Lease
from streams.groups.sockets import LeaseLapsedError, guard, reset
from streams.tls import Context
from tests.brokers.client import Client
from tests.waiting import until

Run = Callable[[Coroutine[Any, Any, None]], None]
Wire = tuple[ssl.SSLContext | None, ssl.SSLContext | None]
SIZE = 16 * 2**20
"""More than the kernel takes at once."""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on either loop: they write at different moments."""

    def run(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(test, 60))

    return run


class Line(AIOKafkaConnection):  # type: ignore[misc]  # untyped
    """A connection that does not ask which versions the other side speaks."""

    async def _do_version_lookup(self) -> None:
        self._versions = {ProduceRequest.API_KEY: (7, 7), MetadataRequest.API_KEY: (5, 5)}


class Guarded:
    """A guarded connection to a server that reads only when it is told, and counts the bytes; held until 8."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lease = Lease(10, self.clock)
        self.lease.renewed(0)
        self.reads, self.ended, self.count = asyncio.Event(), asyncio.Event(), 0
        self.line: Any = None
        self._conns: dict[int, Any] = {}

    async def _get_conn(self) -> Any:
        return self.line

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read to the end once it is told to."""
        await self.reads.wait()
        with suppress(ConnectionError):
            while read := await reader.read(2**20):
                self.count += len(read)
        writer.close()
        self.ended.set()

    def produce(self, size: int = SIZE) -> asyncio.Future[Any]:
        """Send a produce request; its answer never comes."""
        request = ProduceRequest(
            required_acks=-1, timeout=1000, topics=[("t", [(0, b"x" * size)])], transactional_id=None
        )
        answer: asyncio.Future[Any] = asyncio.ensure_future(self.line.send(request))
        return answer

    async def read_all(self) -> int:
        """Let the server read, to the end; return how many bytes came."""
        self.reads.set()
        await self.ended.wait()
        return self.count


@pytest.fixture(params=[False, True], ids=["in the clear", "over TLS"])
def wire(request: pytest.FixtureRequest) -> Wire:
    """The server's and the client's TLS, or none."""
    return a_wire() if request.param else (None, None)


def a_wire() -> Wire:
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), Context(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@asynccontextmanager
async def guarded(wire: Wire = (None, None), *, is_guarded: bool = True) -> AsyncIterator[Guarded]:
    """Lend a guarded connection."""
    server_tls, tls = wire
    it = Guarded()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=server_tls)
    protocol = "PLAINTEXT" if tls is None else "SSL"
    port = server.sockets[0].getsockname()[1]
    it.line = Line("127.0.0.1", port, ssl_context=tls, security_protocol=protocol)
    await it.line.connect()
    it._conns[0] = it.line
    client: Any = it
    if is_guarded:
        guard(client, it.lease)
    try:
        yield it
    finally:
        it.line.close()
        await it.read_all()
        server.close()
        await server.wait_closed()


def test_what_is_still_in_the_buffer_when_the_lease_lapses_is_never_written(run: Run, wire: Wire) -> None:
    async def test() -> None:
        async with guarded(wire) as it:
            answer = it.produce()
            await asyncio.sleep(0)
            it.clock.now = 9  # as after a freeze: no timer has had a chance to run

            assert await it.read_all() < SIZE
            with pytest.raises(KafkaConnectionError):
                await answer

    run(test())


def test_what_the_socket_takes_is_written_when_it_was_checked_and_not_later(run: Run) -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            it = Guarded()
            it.line = it._conns[0] = Line(*server.getsockname())
            await it.line.connect()
            client: Any = it
            guard(client, it.lease)
            with server.accept()[0] as other:
                other.settimeout(5)
                answer = it.produce(size=100)
                assert len(other.recv(1_000)) > 100  # and the loop has not turned meanwhile

                it.line.close()
                with pytest.raises(KafkaConnectionError):
                    await answer

    run(test())


def test_a_connection_that_was_given_up_is_not_flushed_after_a_lapse_either(run: Run, wire: Wire) -> None:
    async def test() -> None:
        async with guarded(wire) as it:
            answer = it.produce()
            await asyncio.sleep(0)
            await asyncio.wait_for(it.line.close(), 30)  # as aiokafka does when a request has timed out
            it.clock.now = 9

            assert await it.read_all() < SIZE
            with pytest.raises(KafkaConnectionError):
                await answer

    run(test())


def test_what_is_in_the_buffer_is_written_while_the_lease_is_held(run: Run, wire: Wire) -> None:
    async def test() -> None:
        async with guarded(wire) as it:
            answers = [it.produce(), it.produce(), it.produce(size=1)]
            await asyncio.sleep(0)
            it.clock.now = 7
            it.reads.set()

            await until(lambda: it.count > 2 * SIZE, 30)
            it.line.close()
            for answer in answers:
                with pytest.raises(KafkaConnectionError):
                    await answer

    run(test())


def test_a_connection_is_guarded_once_by_each_lease_and_needs_all_of_them(run: Run, wire: Wire) -> None:
    async def test() -> None:
        async with guarded(wire) as it:
            client: Any = it
            send, writer = it.line.send, it.line._writer
            guard(client, it.lease)
            other = Lease(10, it.clock)
            guard(client, other)
            assert (it.line.send, it.line._writer) == (send, writer)
            assert await client._get_conn() is it.line

            with pytest.raises(LeaseLapsedError) as refused:
                await it.produce(size=1)
            assert refused.value.retriable
            other.renewed(0)
            answer = it.produce(size=1)
            await asyncio.sleep(0)
            assert not answer.done()
            answer.cancel()

    run(test())


@pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "not guarded"])
def test_a_reset_ends_a_connection_with_what_it_holds(run: Run, wire: Wire, is_guarded: bool) -> None:
    async def test() -> None:
        async with guarded(wire, is_guarded=is_guarded) as it:
            client: Any = it
            answer = it.produce()
            await asyncio.sleep(0)
            reset(client)

            assert await it.read_all() < SIZE / 2  # the kernel had taken less
            with pytest.raises(KafkaConnectionError):
                await answer

    run(test())


def test_over_tls_what_goes_to_the_socket_is_whole_and_in_order_whatever_is_left_for_later(run: Run) -> None:
    async def test() -> None:
        async with guarded(a_wire()) as it:
            sizes = [100, SIZE, 70_000, 1]
            answers = [it.produce(size) for size in sizes]
            it.reads.set()
            await until(lambda: it.count > sum(sizes), 30)  # the server has found no record broken
            it.line.close()
            for answer in answers:
                with pytest.raises(KafkaConnectionError):
                    await answer

    run(test())


def test_tls_of_which_cannot_be_seen_what_is_written_is_not_guarded_in_vain(run: Run) -> None:
    server, client = a_wire()
    assert isinstance(client, Context)
    other = ssl.create_default_context()
    other.load_verify_locations(cadata="".join(map(ssl.DER_cert_to_PEM_cert, client.get_ca_certs(binary_form=True))))

    async def test() -> None:
        async with guarded((server, other), is_guarded=False) as it:
            connected: Any = it
            with pytest.raises(TypeError):
                guard(connected, it.lease)

    run(test())


@pytest.mark.kafka
def test_on_a_real_broker_all_goes_through_in_order_and_once_with_resets_in_the_middle(
    run: Run, client: Client, unique: str
) -> None:
    values = [b"%d" % number + b"x" * 2_000 for number in range(3_000)]
    clock = Clock()
    lease = Lease(10, clock)
    lease.renewed(0)

    async def test() -> None:
        topic = await client.create_topic(unique, 1)
        producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        guard(producer.client, lease)
        sent = []
        for number, value in enumerate(values):
            sent.append(await producer.send(topic, value, partition=0))
            if number % 500 == 250:
                reset(producer.client)
        await asyncio.gather(*sent)
        await producer.stop()
        assert [record.value for record in await client.read(topic)] == values

    run(test())
