"""Nothing is written for a lease that has lapsed, and a request that was given up never becomes whole."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import pytest
import trustme
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Delivery
from streams.endpoints.deadlines import Deadline
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from streams.endpoints.wires import PIECE_BYTES, Departures, Guarded, Wire
from streams.groups.lease import LapsedError
from streams.outcomes import Delivered, Retryable
from tests.exchanges import LOOPBACK, NO_CONTENT, WALL, FakeResolver, a_destination, a_request, an_export, raw_server
from tests.waiting import until

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
each_loop = pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
each_protocol = pytest.mark.parametrize("scheme", ["http", "https"])

Run = Callable[[], asyncio.AbstractEventLoop]


def run(new_loop: Run, work: Callable[[], Awaitable[None]]) -> None:
    """Run *work* in a loop as the worker has it, or in the standard library's."""

    async def bounded() -> None:
        await asyncio.wait_for(work(), 90)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(bounded())


@dataclass
class Lease:
    """As many seconds as a test says."""

    seconds: float = 1_000.0

    def left(self) -> float:
        return self.seconds


@asynccontextmanager
async def leased(
    url: str, lease: Lease, egress: Egress | None = None, tokens: Any = None, seconds: float = 5.0
) -> AsyncIterator[Endpoint]:
    destination = a_destination(url, seconds=seconds)
    endpoint = Endpoint(destination, egress or Egress(LOOPBACK), tokens, now=lambda: WALL, lease=lease.left)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


class SlowServer:
    """Takes connections into small buffers, and reads what came only when it is told to."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    async def __aenter__(self) -> SlowServer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def accepted(self) -> socket.socket:
        connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        return connection

    async def rest(self, connection: socket.socket) -> int:
        """Read until the connection ends, and return how much came."""
        count = 0
        with connection, suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(connection, 65_536):
                count += len(data)
        return count


BODY = b"x" * 12_000_000
"""More than both sockets' buffers take."""


@each_loop
def test_without_a_lease_nothing_is_even_connected(new_loop: Run) -> None:
    async def work() -> None:
        async with raw_server(_swallow) as server, leased(server.url, Lease(0.0)) as endpoint:
            with pytest.raises(LapsedError):
                await endpoint.post(an_export())
        assert server.connections == 0

    run(new_loop, work)


@each_loop
@each_protocol
def test_a_lease_that_lapses_while_it_connects_lets_nothing_out(new_loop: Run, scheme: str) -> None:
    lease = Lease()

    class Lapsing(FakeResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
            lease.seconds = 0.0
            return await super().resolve(host, port, family)

    async def work() -> None:
        came = bytearray()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                came.extend(data)

        serving, trust = _certificates("partner.test") if scheme == "https" else (None, None)
        async with raw_server(talk, serving) as server:
            url = server.url.replace("127.0.0.1", "partner.test")
            resolver = Lapsing("127.0.0.1")
            async with leased(url, lease, Egress(LOOPBACK, resolver=resolver, trust=trust)) as endpoint:
                with pytest.raises(LapsedError):
                    await endpoint.post(an_export())
            assert resolver.asked == ["partner.test"]
        assert came == b""

    run(new_loop, work)


async def test_a_lease_that_lapses_while_a_token_is_fetched_lets_nothing_out() -> None:
    lease = Lease()

    class Tokens:
        async def token(self, refused: str | None = None) -> str:
            lease.seconds = 0.0
            return "token"

        async def close(self) -> None:
            """Nothing is open."""

    came, ended = bytearray(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            came.extend(await reader.read(65_536))
        finally:
            ended.set()

    async with raw_server(talk) as server:
        async with leased(server.url, lease, tokens=Tokens()) as endpoint:
            with pytest.raises(LapsedError):
                await endpoint.post(an_export())
        await asyncio.wait_for(ended.wait(), 90)
    assert came == b""


@each_loop
def test_a_request_that_a_lapse_cuts_short_never_becomes_whole(new_loop: Run) -> None:
    """The rest would be written by the loop: after a freeze that comes before any timer."""

    async def work() -> None:
        lease = Lease()
        async with SlowServer() as server, leased(server.url, lease) as endpoint:
            post = asyncio.create_task(endpoint.post(an_export(body=BODY)))
            connection = await server.accepted()
            await _blocked(connection)
            lease.seconds = 0.0
            came = await server.rest(connection)
            with pytest.raises(LapsedError):
                await post
        assert 0 < came < len(BODY)

    run(new_loop, work)


@each_loop
def test_a_request_that_timed_out_never_becomes_whole(new_loop: Run) -> None:
    """What the kernel holds of it would arrive when the endpoint reads again, perhaps after a newer export."""
    body = BODY[:60_000]  # it lies in the kernel's buffers

    async def work() -> None:
        async with SlowServer() as server, leased(server.url, Lease(), seconds=0.5) as endpoint:
            post = asyncio.create_task(endpoint.post(an_export(body=body)))
            connection = await server.accepted()
            assert await post in (Retryable("timed-out"), Retryable("connect-timed-out"))
            came = await server.rest(connection)
        assert came < len(body)

    run(new_loop, work)


@each_loop
@each_protocol
@pytest.mark.parametrize("size", [0, PIECE_BYTES - 500, PIECE_BYTES, 3 * PIECE_BYTES + 1, 900_000, 3_000_000])
def test_a_body_of_any_size_arrives_whole_under_a_lease(new_loop: Run, scheme: str, size: int) -> None:
    async def work() -> None:
        requests: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                requests.append(await a_request(reader))
                writer.write(NO_CONTENT)

        serving, trust = _certificates("127.0.0.1") if scheme == "https" else (None, None)
        body = bytes(n % 251 for n in range(size))
        async with (
            raw_server(talk, serving) as server,
            leased(server.url, Lease(), Egress(LOOPBACK, trust=trust)) as endpoint,
        ):
            assert [await endpoint.post(an_export(body=body)) for _ in range(2)] == [Delivered(204)] * 2
            assert server.connections == 1
        assert [request.partition(b"\r\n\r\n")[2] for request in requests] == [body, body]

    run(new_loop, work)


class FakeTransport:
    """A socket that takes so much at a time."""

    def __init__(self, rooms: list[int]) -> None:
        self.rooms, self.writes, self.buffered, self.is_aborted = rooms, list[bytes](), 0, False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def get_extra_info(self, name: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        assert not self.buffered, "something waits already"
        self.writes.append(data)
        room = self.rooms.pop(0) if self.rooms else 1 << 30
        self.buffered = max(0, len(data) - room)

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted


def guarded(transport: FakeTransport, left: Callable[[], float] = lambda: 1.0) -> Guarded:
    return Guarded(cast("asyncio.Transport", transport), left)


@given(
    st.lists(st.integers(0, 3 * PIECE_BYTES), min_size=1, max_size=4),
    st.lists(st.integers(1, 2 * PIECE_BYTES), max_size=20),
)
def test_all_is_written_in_order_and_the_last_byte_of_much_by_itself(sizes: list[int], rooms: list[int]) -> None:
    transport = FakeTransport(rooms)
    wire, data = guarded(transport), [bytes([number]) * size for number, size in enumerate(sizes)]
    for each in data:
        wire.write(each)
    for _ in range(50):
        transport.buffered = 0  # the socket took it
        if wire.flush():
            break

    assert b"".join(transport.writes) == b"".join(data)
    assert all(len(write) <= PIECE_BYTES for write in transport.writes)
    if sizes[-1] > PIECE_BYTES:
        assert len(transport.writes[-1]) == 1


@given(st.integers(PIECE_BYTES + 1, 5 * PIECE_BYTES), st.integers(0, 6))
def test_whenever_a_lease_lapses_the_end_of_what_waits_is_not_written(size: int, pieces: int) -> None:
    lease, transport = Lease(), FakeTransport([1] * 20)  # each piece leaves something behind
    wire = guarded(transport, lease.left)
    wire.write(b"x" * size)
    for _ in range(pieces):
        transport.buffered = 0
        wire.flush()
    written = sum(map(len, transport.writes))
    lease.seconds = 0.0
    transport.buffered = 0
    wire.flush()

    assert sum(map(len, transport.writes)) == written
    assert (written < size) == transport.is_aborted
    with pytest.raises(aiohttp.ClientConnectionResetError):
        wire.write(b"x")


def departing(lease: Lease) -> tuple[Wire, FakeTransport]:
    loop, transport = asyncio.get_running_loop(), FakeTransport([])
    wire = Wire(loop, Departures(loop), lease.left)
    wire.connection_made(cast("asyncio.BaseTransport", transport))
    wire.set_response_params()
    return wire, transport


async def test_requests_leave_at_the_end_of_the_turn_that_sent_them() -> None:
    wire, transport = departing(Lease())
    wire.send(b"request")
    assert (wire.is_writing, transport.writes) == (True, [])
    await asyncio.sleep(0)

    assert (wire.is_writing, transport.writes) == (False, [b"request"])


async def test_a_request_that_is_given_up_before_it_leaves_is_not_written() -> None:
    wire, transport = departing(Lease())
    wire.send(b"request")
    wire.reset()
    await asyncio.sleep(0)

    assert (transport.writes, transport.is_aborted) == ([], True)


async def test_a_request_whose_lease_lapses_before_it_leaves_is_not_written() -> None:
    lease = Lease()
    wire, transport = departing(lease)
    wire.send(b"request")
    lease.seconds = 0.0
    with pytest.raises(aiohttp.ClientOSError):
        await wire.read()

    assert (transport.writes, transport.is_aborted) == ([], True)


async def test_a_request_is_given_up_when_the_lease_lapses_before_its_time_out() -> None:
    loop = asyncio.get_running_loop()
    lapses_at = loop.time() + 0.2
    with pytest.raises(TimeoutError), Deadline(60.0, lambda: lapses_at - loop.time()):
        await asyncio.Event().wait()

    assert 0.0 <= loop.time() - lapses_at < 2.0


async def test_a_task_that_somebody_cancels_when_its_time_is_over_stays_cancelled() -> None:
    """As with ``asyncio.timeout``: who cancelled it waits for that."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError), Deadline(0.0, None):
        await asyncio.Event().wait()

    assert task.uncancel() == 0


async def test_a_renewed_lease_gives_a_request_its_whole_time() -> None:
    loop = asyncio.get_running_loop()
    lease = Lease(0.05)
    began = loop.time()
    loop.call_later(0.02, setattr, lease, "seconds", 60.0)
    with pytest.raises(TimeoutError), Deadline(0.5, lease.left):
        await asyncio.Event().wait()

    assert loop.time() - began >= 0.5
    assert Delivery().timeout_seconds > 0.5


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await a_request(reader)


async def _blocked(connection: socket.socket) -> None:
    """Return when no more fits into the buffers between."""
    connection.setblocking(False)
    before = 0

    async def steady() -> bool:
        nonlocal before
        last, before = before, _readable(connection)
        await asyncio.sleep(0.1)
        return 0 < last == before

    await until(steady, what="full buffers")


def _readable(connection: socket.socket) -> int:
    with suppress(BlockingIOError):
        return len(connection.recv(1 << 20, socket.MSG_PEEK))
    return 0


def _certificates(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(serving)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return serving, trust
