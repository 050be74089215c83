"""Data of profiles is told to who shows the token, and to nobody else; no log shows what is asked, or fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from streams.codes import Denial
from streams.denied import DeniedError
from streams.secrets import Secret
from streams.telemetry.guarded import MAX_BYTES, Answer, Guarded
from streams.telemetry.health import Health
from streams.telemetry.telemetry import Telemetry

TOKEN = Secret("open-sesame")
SHOWN = {"Authorization": "Bearer open-sesame"}


async def echo(asked: bytes) -> bytes:
    return b'{"asked": ' + asked + b"}"


@asynccontextmanager
async def served(
    answer: Answer = echo, token: Secret | None = TOKEN, seconds: float = 10
) -> AsyncIterator[aiohttp.ClientSession]:
    guarded = Guarded(token, {"/profiles/explain": answer}, seconds)
    registry = Telemetry(time.time).registry
    health = Health(
        "127.0.0.1", 0, live=lambda: (True, ""), ready=lambda: (True, ""), registry=registry, guarded=guarded
    )
    await health.start()
    try:
        async with aiohttp.ClientSession(health.url) as session:
            yield session
    finally:
        await health.stop()


async def asked(
    session: aiohttp.ClientSession, headers: Mapping[str, str] = SHOWN, data: bytes = b'"amira"'
) -> tuple[int, Any]:
    async with session.post("/profiles/explain", data=data, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


async def test_who_shows_the_token_is_answered() -> None:
    async with served() as session:
        assert await asked(session) == (200, {"asked": "amira"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer open-sesam"},
        {"Authorization": "Bearer open-sesame "},
        {"Authorization": "open-sesame"},
        {"Authorization": "Basic open-sesame"},
        {"Authorization": "Bearer \xe9"},
    ],
)
async def test_who_shows_another_one_or_none_is_not(headers: dict[str, str]) -> None:
    async with served() as session:
        status, body = await asked(session, headers)

    if headers.get("Authorization", "").endswith("sesame "):  # blanks around a header's value are none of it
        assert status == 200
    else:
        assert (status, body["code"]) == (401, "wrong-token")


async def test_where_no_token_is_set_nobody_is_answered_and_health_stays_open() -> None:
    async with served(token=None) as session:
        assert await asked(session, {"Authorization": "Bearer "}) == (
            403,
            {"code": "no-token", "why": "the worker has no http.token"},
        )
        async with session.get("/livez") as answer:
            assert answer.status == 200


async def test_a_question_is_asked_by_post_and_is_no_larger_than_it_need_be() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (MAX_BYTES // 2)

    async with served() as session:
        async with session.get("/profiles/explain", headers=SHOWN) as answer:
            assert answer.status == 405
        assert (await asked(session, data=b"x" * (MAX_BYTES + 1)))[0] == 400
        async with session.post("/profiles/explain", data=pieces(), headers=SHOWN) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "wrong-request")


async def test_what_is_not_answered_in_time_is_said_to_be_so() -> None:
    async def never(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with served(never, seconds=0.05) as session:
        status, body = await asked(session)

    assert (status, body["code"]) == (503, "not-answered")


async def test_what_fails_is_told_without_what_was_asked() -> None:
    async def fail(question: bytes) -> bytes:
        raise RuntimeError(question.decode())

    async def deny(_: bytes) -> bytes:
        raise DeniedError(Denial.PROFILE_UNKNOWN, "nothing is known of this profile")

    with capture_logs() as logs:
        async with served(fail) as session:
            status, body = await asked(session)
        async with served(deny) as session:
            assert await asked(session) == (
                404,
                {"code": "profile-unknown", "why": "nothing is known of this profile"},
            )

    assert (status, body["code"]) == (503, "not-answered")
    (line,) = logs
    assert (line["event"], line["path"], line["error"]) == ("http.failed", "/profiles/explain", "RuntimeError")
    assert "amira" not in str(line) + str(body)
