"""The judge's endpoint writes down each request as it came, and what became of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.faults.behaviour import Behaviour
from tests.faults.ledger import Endpoint
from tests.faults.profiles import Marks, Said, State, expected, membership, profile_id, said_by
from tests.waiting import until

BODY = b'{"caf\xc3\xa9": 1}'


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(tmp_path)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def _headers(key: str = "id-1", **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key, **more}


async def _ended(endpoint: Endpoint, count: int) -> None:
    await until(lambda: sum(each.ended is not None for each in endpoint.requests) >= count, what="the ledger")


async def test_a_request_is_written_down_byte_for_byte_with_its_answer(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    async with session.post(f"{endpoint.url}/v1?a=1", data=BODY, headers=_headers(**{"X-Tenant": "north"})) as answer:
        assert answer.status == 204
    await _ended(endpoint, 1)
    (request,) = endpoint.requests

    assert (request.number, request.key, request.body, request.status) == (1, "id-1", BODY, 204)
    assert request.head.startswith("POST /v1?a=1 HTTP/1.1\r\n")
    assert "X-Tenant: north" in request.head
    assert request.delivered
    assert endpoint.delivered == {"id-1": 1}
    assert request.ended is not None
    assert request.arrived <= request.ended


async def test_requests_on_one_connection_are_numbered_as_they_came(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    for number in range(3):
        async with session.post(endpoint.url, data=BODY, headers=_headers(f"id-{number}")) as answer:
            assert answer.status == 204
    await _ended(endpoint, 3)

    assert [(each.number, each.key) for each in endpoint.requests] == [(1, "id-0"), (2, "id-1"), (3, "id-2")]


async def test_a_request_that_hangs_is_open_until_its_client_goes(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    await endpoint.behave(hanging=["caf"])
    posting = asyncio.create_task(session.post(endpoint.url, data=BODY, headers=_headers()))
    await until(lambda: endpoint.open == {1}, what="the request is open")
    posting.cancel()
    await _ended(endpoint, 1)
    (request,) = endpoint.requests

    assert not request.accepted
    assert endpoint.open == set()


async def test_a_client_that_goes_before_its_answer_was_accepted_and_not_told(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    await endpoint.behave(latency=(30.0, 30.0))
    posting = asyncio.create_task(session.post(endpoint.url, data=BODY, headers=_headers()))
    await until(lambda: bool(endpoint.open), what="the request is open")
    posting.cancel()
    await _ended(endpoint, 1)
    (request,) = endpoint.requests

    assert request.accepted
    assert not request.delivered
    assert endpoint.delivered == {}


async def test_a_closed_connection_is_no_answer(endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
    await endpoint.behave(closes=1.0)
    with pytest.raises(aiohttp.ClientError):
        await session.post(endpoint.url, data=BODY, headers=_headers())
    await _ended(endpoint, 1)

    assert not endpoint.requests[0].accepted


async def test_a_revoked_token_is_refused_and_a_new_one_is_taken(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    await endpoint.behave(tokens=True)

    async def token() -> str:
        async with session.post(f"{endpoint.url}/token") as answer:
            return str((await answer.json())["access_token"])

    async def status(token: str) -> int:
        async with session.post(endpoint.url, data=BODY, headers=_headers(Authorization=f"Bearer {token}")) as answer:
            return answer.status

    first = await token()
    assert await status(first) == 204
    await endpoint.behave(revoke=True)
    assert await status(first) == 401
    assert await status(await token()) == 204
    await until(lambda: len(endpoint.tokens) == 2, what="the tokens are counted")


def test_the_dice_of_a_seed_fall_the_same_and_keep_to_their_shares() -> None:
    behaviour = Behaviour(seed=3, latency=(0.1, 0.2), errors=0.3)
    drawn = [behaviour.decide(f"id-{number}", 0, b"") for number in range(2_000)]

    assert drawn == [behaviour.decide(f"id-{number}", 0, b"") for number in range(2_000)]
    assert all(0.1 <= each.delay <= 0.2 for each in drawn)
    assert 0.25 < sum(each.status == 503 for each in drawn) / len(drawn) < 0.35
    assert drawn != [Behaviour(seed=4, latency=(0.1, 0.2), errors=0.3).decide(f"id-{n}", 0, b"") for n in range(2_000)]


def test_a_body_says_what_it_is_about_and_one_that_is_not_exact_says_nothing() -> None:
    profile, state = profile_id(Marks("kanari", "sesam"), 7), State(3, 4)
    body = expected(profile, state)

    assert said_by(str(body).replace("'", '"').encode()) == Said(profile, state)
    assert said_by(b"{}") is None
    assert said_by(b"not JSON") is None
    assert said_by(membership(profile, 4)) is None
