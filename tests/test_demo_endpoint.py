"""The mock endpoint remembers what came and answers as it is told to."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from yarl import URL

from streams.demo.endpoint import Answer, Received
from tests.exchanges import mock_endpoint


async def test_what_came_is_remembered_as_it_came() -> None:
    async with mock_endpoint() as mock, aiohttp.ClientSession() as session:
        url = URL(mock.url + "/a%2Fb?x=%20&y&y=", encoded=True)
        (await session.post(url, data=b"\x00{", headers={"X-A": "1"})).release()

    (received,) = mock.requests
    assert (received.method, received.url, received.body) == ("POST", "/a%2Fb?x=%20&y&y=", b"\x00{")
    assert received.header("x-a") == "1"
    assert received.header("X-B") is None
    assert mock.answered == [(received, 204)]


async def test_scripted_answers_come_first_then_what_is_decided_then_204() -> None:
    def decide(request: Received) -> Answer | None:
        return Answer(status=418) if request.body == b"tea" else None

    async with mock_endpoint() as mock, aiohttp.ClientSession() as session:
        mock.decide = decide
        mock.script(503, Answer(status=429, headers={"Retry-After": "7"}, body=b"slow down"))
        statuses, bodies = [], []
        for body in (b"tea", b"tea", b"tea", b"water"):
            async with session.post(mock.url, data=body) as answer:
                statuses.append((answer.status, answer.headers.get("Retry-After")))
                bodies.append(await answer.read())

    assert statuses == [(503, None), (429, "7"), (418, None), (204, None)]
    assert bodies[1] == b"slow down"


async def test_a_request_hangs_until_it_is_released() -> None:
    async with mock_endpoint() as mock, aiohttp.ClientSession() as session:
        mock.script(Answer(status=200, hang=True))
        post = asyncio.create_task(session.post(mock.url, data=b"x"))
        await mock.arrived(1)
        assert (mock.in_flight, mock.answered) == (1, [])
        mock.release()
        async with await post as answer:
            assert answer.status == 200
        assert [status for _, status in await mock.served(1)] == [200]

    assert mock.in_flight == 0


async def test_a_connection_is_closed_without_an_answer_when_so_scripted() -> None:
    async with mock_endpoint() as mock, aiohttp.ClientSession() as session:
        mock.script(Answer(close=True))
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(mock.url, data=b"x")

    assert len(mock.requests) == 1
    assert mock.answered == []


async def test_each_request_is_observed_before_it_is_answered() -> None:
    async with mock_endpoint() as mock, aiohttp.ClientSession() as session:
        seen: list[tuple[str, int]] = []
        mock.observe = lambda request: seen.append((request.url, len(mock.answered)))
        for path in ("/a", "/b"):
            (await session.post(mock.url + path, data=b"x")).release()

    assert seen == [("/a", 0), ("/b", 1)]
