"""What each answer, and each failure to get one, becomes over a real socket: the table of outcomes, row by row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streams.destinations import Outcomes, Retry
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from tests.exchanges import (
    NO_CONTENT,
    a_destination,
    a_request,
    an_export,
    answering,
    credentials_of,
    mock_tokens,
    raw_server,
    reaching,
    reset,
)

WITH_422 = b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\n\r\n"

STATUSES: dict[Callable[[int], Outcome], tuple[int, ...]] = {
    Delivered: (200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 299),
    lambda s: Refused("redirected", s): (300, 301, 302, 303, 304, 305, 307, 308),
    lambda s: Refused("rejected", s): (400, 402, 405, 406, 411, 412, 413, 414, 415, 418, 421, 422, 423, 424, 428, 451),
    lambda s: Refused("not-found", s): (404,),
    lambda s: DestinationFault("unauthorized", s): (401, 407),
    lambda s: DestinationFault("forbidden", s): (403,),
    lambda s: DestinationFault("gone", s): (410,),
    lambda s: Retryable("request-timeout", s): (408,),
    lambda s: Retryable("conflict", s): (409,),
    lambda s: Retryable("too-early", s): (425,),
    lambda s: Retryable("throttled", s): (429,),
    lambda s: Retryable("server-error", s): (500, 502, 503, 504, 506, 507, 508, 510, *range(520, 531), 599),
    lambda s: Refused("not-supported", s): (501, 505, 511),
    lambda s: Refused("unknown-answer", s): (600, 999),
}
ROWS = {status: made(status) for made, statuses in STATUSES.items() for status in statuses}


async def outcomes_of(statuses: list[int], **bounds: Any) -> dict[int, Outcome]:
    """Return what answers become that come one after the other on one connection."""
    answers = [f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode() for status in statuses]
    async with raw_server(answering(*answers)) as server, reaching(a_destination(server.url, **bounds)) as endpoint:
        found = {status: await endpoint.post(an_export(status)) for status in statuses}
        assert server.connections == 1
        assert endpoint.resent == 0
    return found


async def test_each_status_is_what_the_table_says() -> None:
    assert await outcomes_of(list(ROWS)) == ROWS


async def test_each_status_is_what_adobe_makes_of_it() -> None:
    retried = {403: "forbidden", 408: "request-timeout", 409: "conflict", 429: "throttled"}
    retried |= dict.fromkeys((500, 502, 503, 504), "server-error")
    dropped = {425: "too-early", **dict.fromkeys((506, 507, 508, 510, *range(520, 531), 599), "server-error")}
    adobe = {status: Retryable(reason, status) for status, reason in retried.items()}
    adobe |= {status: Refused(reason, status) for status, reason in dropped.items()}

    assert await outcomes_of(list(ROWS), retry=Retry(policy="adobe")) == {**ROWS, **adobe}


async def test_each_status_is_what_the_document_makes_of_it() -> None:
    outcomes = Outcomes(delivered=(303, 409), retry=(404, 202), refused=(5,), fault=(418, 503))
    said: dict[int, Outcome] = {
        303: Delivered(303),
        409: Delivered(409),
        404: Retryable("not-found", 404),
        202: Retryable("overridden", 202),
        500: Refused("server-error", 500),
        503: DestinationFault("server-error", 503),
        418: DestinationFault("rejected", 418),
        422: Refused("rejected", 422),
    }

    assert await outcomes_of(list(said), outcomes=outcomes) == said


async def test_a_redirect_that_means_thanks_is_not_followed_either() -> None:
    async with raw_server(answering(NO_CONTENT)) as elsewhere:
        answer = f"HTTP/1.1 303 See Other\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with (
            raw_server(answering(answer)) as server,
            reaching(a_destination(server.url, outcomes=Outcomes(delivered=(303,)))) as endpoint,
        ):
            assert await endpoint.post(an_export()) == Delivered(303)

    assert elsewhere.connections == 0


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_an_interim_answer_is_none(interim: bytes) -> None:
    async with (
        raw_server(answering(b"HTTP/1.1 " + interim + b"\r\n\r\n" + NO_CONTENT)) as server,
        reaching(a_destination(server.url)) as endpoint,
    ):
        assert await endpoint.post(an_export()) == Delivered(204)


async def test_a_401_is_renewed_before_the_document_is_asked() -> None:
    unauthorized = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    async with mock_tokens() as tokens, raw_server(answering(*[unauthorized] * 2)) as server:
        destination = a_destination(
            server.url, credentials=credentials_of(tokens), outcomes=Outcomes(retry=(401,), refused=(4,))
        )
        async with reaching(destination) as endpoint:
            assert await endpoint.post(an_export()) == Retryable("unauthorized", 401)

    assert len(tokens.requests) == 2


async def test_what_a_destination_at_fault_asks_for_comes_with_the_outcome() -> None:
    answer = b"HTTP/1.1 403 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answering(answer)) as server, reaching(a_destination(server.url)) as endpoint:
        assert await endpoint.post(an_export()) == DestinationFault("forbidden", 403, 7.0)


async def test_of_several_headers_the_longest_wait_counts_and_the_unreadable_are_counted() -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: "
    answers = [b"\r\nRetry-After: ".join(each) for each in ([b"5", b"60", b"nan"], [b"-1", b"inf"], [b"1e9"], [b"0.5"])]
    ignored: list[int] = []
    async with (
        raw_server(answering(*(head + answer + b"\r\n\r\n" for answer in answers))) as server,
        reaching(a_destination(server.url), retry_after_ignored=ignored.append) as endpoint,
    ):
        found = [await endpoint.post(an_export(number)) for number in range(4)]

    assert found == [Retryable("server-error", 503, seconds) for seconds in (60.0, None, None, 0.5)]
    assert ignored == [1, 2, 1]


async def test_a_422_to_a_request_that_was_sent_again_at_once_is_told_apart() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(NO_CONTENT if server.connections == 1 else WITH_422)
        await writer.drain()
        if server.connections == 1:
            await a_request(reader)
            reset(writer)

    told: list[str] = []
    async with (
        raw_server(talk) as server,
        reaching(a_destination(server.url), resent=lambda: told.append("resent")) as endpoint,
    ):
        assert await endpoint.post(an_export(1)) == Delivered(204)
        assert await endpoint.post(an_export(2)) == Refused("rejected-again", 422)
        assert (endpoint.resent, told) == (1, ["resent"])
