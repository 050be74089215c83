"""The judge's endpoint misbehaves as it is told, and writes down what it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.faults.behaviour import Behaviour
from tests.faults.ledger import Endpoint
from tests.faults.links import abort
from tests.faults.misconduct import ACCEPTING, HUGE_BYTES, RACE, WAYS, WIDE_BYTES
from tests.faults.patience import FORMS, rendered
from tests.waiting import until

NOW = 1_780_000_000.25
READ_BYTES = 300_000
_HEAD = b"HTTP/1.1 200 Answer\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "garbage": bytes(range(256)),
    "wide-head": _HEAD + b"X-Wide: xxx",
    "slow-head": b"H",
    "truncated": _HEAD + b"Content-Length: 100\r\n\r\n{",
    "slow-body": _HEAD + b"Content-Length: 1000\r\n\r\n ",
    "huge": _HEAD + b"Content-Length: %d\r\n\r\n  " % HUGE_BYTES,
    "bomb": _HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding",
    "endless": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n  ",
}
"""What a client reads of those ways that say anything."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(tmp_path)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def _connected(endpoint: Endpoint) -> Streams:
    host, _, port = endpoint.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port), limit=2 * READ_BYTES)


def _posted(key: str, body: bytes = b"{}", more: bytes = b"") -> bytes:
    return b"POST /v1 HTTP/1.1\r\n%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        more,
        key.encode(),
        len(body),
        body,
    )


async def _answer(streams: Streams, request: bytes, size: int) -> bytes:
    """Post, and return what comes: *size* bytes, or less where the connection ends before."""
    reader, writer = streams
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.readexactly(size), 10)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    except ConnectionError:
        return b""


async def _left(streams: Streams) -> None:
    abort(streams[1])
    with suppress(ConnectionError):
        await streams[1].wait_closed()


async def test_each_way_of_misconduct_is_what_it_is_called_and_is_written_down(endpoint: Endpoint) -> None:
    for way in WAYS.keys() - {RACE}:
        await endpoint.behave(ways={way: 1.0})
        streams = await _connected(endpoint)
        beginning = BEGINNINGS.get(way, b"")
        assert await _answer(streams, _posted(way), len(beginning) or 1) == beginning, way
        await _left(streams)
    await until(lambda: len(endpoint.requests) == len(WAYS) - 1 and not endpoint.open, what="all are written down")

    noted = {each.key: each for each in endpoint.requests}
    assert {each.way for each in endpoint.requests} == WAYS.keys() - {RACE}
    assert {key for key, each in noted.items() if each.delivered} == ACCEPTING
    assert {key for key, each in noted.items() if each.status is None} == WAYS.keys() - ACCEPTING - {RACE}
    wrote = {way: endpoint.links[noted[way].link].wrote for way in noted}
    assert wrote["wide-head"] > WIDE_BYTES
    assert all(wrote[way] < HUGE_BYTES for way in ("huge", "bomb", "endless"))  # nobody had read them


async def test_only_a_connection_that_was_used_before_is_lost_to_a_race_and_each_key_only_once(
    endpoint: Endpoint,
) -> None:
    await endpoint.behave(ways={RACE: 1.0})
    streams = await _connected(endpoint)
    assert (await _answer(streams, _posted("first"), 12)).startswith(b"HTTP/1.1 204")
    await streams[0].readuntil(b"\r\n\r\n")
    assert await _answer(streams, _posted("second"), 1) == b""
    await _left(streams)
    again = await _connected(endpoint)
    assert (await _answer(again, _posted("second"), 12)).startswith(b"HTTP/1.1 204")
    await _left(again)
    await until(lambda: len(endpoint.requests) == 3 and not endpoint.open, what="all are written down")

    assert [(each.key, each.way, each.delivered) for each in endpoint.requests] == [
        ("first", "", True),
        ("second", RACE, False),
        ("second", "", True),
    ]


async def test_a_shut_port_refuses_and_is_open_again_where_it_was(endpoint: Endpoint) -> None:
    streams = await _connected(endpoint)
    await endpoint.behave(listening=False)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(streams[0].read(), 10) == b""
    await _left(streams)
    with pytest.raises(ConnectionRefusedError):
        await _connected(endpoint)
    await endpoint.behave(listening=True)
    streams = await _connected(endpoint)
    assert (await _answer(streams, _posted("late"), 12)).startswith(b"HTTP/1.1 204")
    await _left(streams)


async def test_a_connection_that_is_reset_early_has_no_request(endpoint: Endpoint) -> None:
    await endpoint.behave(early_resets=1.0)
    with suppress(ConnectionError):  # the reset may even come before we know that we are connected
        streams = await _connected(endpoint)
        assert await _answer(streams, _posted("lost"), 1) == b""
        await _left(streams)
    await until(lambda: any(link.lost for link in endpoint.links.values()), what="it is written down")

    assert endpoint.requests == []
    assert [link.requests for link in endpoint.links.values()] == [0]


async def test_of_a_slow_reader_the_kernel_takes_little_and_it_notices_who_has_gone(endpoint: Endpoint) -> None:
    await endpoint.behave(slow_reads=1.0)
    streams = await _connected(endpoint)
    streams[1].write(_posted("slow", b"x" * 8_000_000))
    await asyncio.sleep(0.3)
    assert streams[1].transport.get_write_buffer_size() > 0
    await _left(streams)
    await until(lambda: any(link.lost for link in endpoint.links.values()), what="it is written down")

    assert endpoint.requests == []


async def test_what_only_fills_a_request_is_not_written_down(endpoint: Endpoint) -> None:
    streams = await _connected(endpoint)
    assert await _answer(streams, _posted("wide", more=b"X-Filler-1: %b\r\n" % (b"x" * 8_000)), 12)
    await _left(streams)
    await until(lambda: bool(endpoint.requests), what="it is written down")

    assert "x-filler-1: ...\r\nidempotency-key: wide" in endpoint.requests[0].head.lower()


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_patience_asks_for_what_it_says(form: str) -> None:
    text, seconds = rendered(form, NOW)

    if "+" in form:
        due = (
            parsedate_to_datetime(text)
            if form != "asctime+2"
            else datetime.strptime(f"{text} +0000", "%a %b %d %H:%M:%S %Y %z")
        )
        assert due.timestamp() == NOW + seconds
        assert 1 <= seconds <= 2
    else:
        assert (text, seconds) == (form, {"soon": 0.0, "-5": 0.0}.get(form, float(form) if form != "soon" else 0.0))


def test_errors_and_patience_are_drawn_of_what_is_named() -> None:
    behaviour = Behaviour(seed=1, errors=1.0, error_statuses=[429, 500], patience=list(FORMS))
    drawn = [behaviour.decide(f"id-{number}", 0, b"") for number in range(400)]

    assert {each.status for each in drawn} == {429, 500}
    assert {each.patience for each in drawn if each.status == 429} == set(FORMS)
    assert {each.patience for each in drawn if each.status == 500} == {""}


def test_what_a_body_holds_decides_before_the_dice() -> None:
    behaviour = Behaviour(errors=1.0, answers={"one": 403, "other": 503}, retry_after=2)

    assert behaviour.decide("id", 0, b"one").told == 403
    assert behaviour.decide("id", 0, b"other").patience == "2"
    assert behaviour.decide("id", 0, b"others").told == 503
    assert time.strftime("%a", time.gmtime(NOW)) in rendered("date+2", NOW)[0]
