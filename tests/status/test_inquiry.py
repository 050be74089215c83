"""A worker is asked over HTTP; whatever keeps it from answering is said with who, where and what to do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from streams.activation.questions import EXPLAIN, Explain
from streams.codes import Denial
from streams.denied import DeniedError
from streams.secrets import Secret
from streams.status.inquiry import Asked
from streams.telemetry.guarded import Answer, Guarded
from streams.telemetry.health import Health
from streams.telemetry.telemetry import Telemetry
from tests.brokers.processes import free_ports
from tests.status.reports import a_worker

TOKEN = Secret("open-sesame")
QUESTION = Explain(profile="amira", destination="crm")


@asynccontextmanager
async def a_health(answer: Answer, token: Secret | None = TOKEN) -> AsyncIterator[str]:
    registry = Telemetry(time.time).registry
    health = Health(
        "127.0.0.1",
        0,
        live=lambda: (True, ""),
        ready=lambda: (True, ""),
        registry=registry,
        guarded=Guarded(token, {EXPLAIN: answer}),
    )
    await health.start()
    try:
        yield health.url
    finally:
        await health.stop()


async def ask(url: str, token: Secret = TOKEN, seconds: float = 10) -> bytes:
    async with Asked(token, seconds) as workers:
        return await workers.ask(a_worker(health=url), EXPLAIN, QUESTION)


async def denied(url: str, token: Secret = TOKEN, seconds: float = 10) -> DeniedError:
    with pytest.raises(DeniedError) as caught:
        await ask(url, token, seconds)
    assert "amira" not in str(caught.value)
    assert "a-1-x" in str(caught.value), "it names the worker"
    return caught.value


async def echo(asked: bytes) -> bytes:
    return asked


async def test_the_question_goes_in_the_body_and_the_answer_comes_back() -> None:
    async with a_health(echo) as url:
        assert await ask(f"{url}/") == b'{"profile":"amira","destination":"crm","partition":null,"reveal":false}'


async def test_what_the_worker_denies_is_told_with_its_code() -> None:
    async def unknown(_: bytes) -> bytes:
        raise DeniedError(Denial.PROFILE_UNKNOWN, "nothing is known of this profile")

    async with a_health(unknown) as url:
        assert (await denied(url, Secret("another"))).code is Denial.WRONG_TOKEN
        assert str(await denied(url)).endswith("nothing is known of this profile [profile-unknown]")
    async with a_health(echo, token=None) as url:
        assert (await denied(url)).code is Denial.NO_TOKEN


async def test_a_worker_that_cannot_be_reached_says_which_settings_help() -> None:
    (port,) = free_ports(1)
    error = await denied(f"http://127.0.0.1:{port}")

    assert error.code is Denial.WORKER_UNREACHABLE
    assert "http.host and http.advertise" in error.why
    assert (await denied("no address")).code is Denial.WORKER_UNREACHABLE


@asynccontextmanager
async def another(answer: web.Response) -> AsyncIterator[str]:
    """Serve what is no worker."""

    async def handle(_: web.Request) -> web.Response:
        return answer

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_what_is_no_worker_of_this_release_is_not_believed_and_gets_no_second_look_at_the_token() -> None:
    async with another(web.Response(status=404, text="404: Not Found")) as url:
        assert (await denied(url)).code is Denial.WORKER_TOO_OLD
    async with another(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})) as url:
        assert (await denied(url)).code is Denial.WORKER_TOO_OLD
