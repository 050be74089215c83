from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from streams.ends import RecordEnd
from streams.telemetry.health import Health, Probe
from streams.telemetry.pulse import Pulse, Sample
from streams.telemetry.telemetry import Telemetry

FINE: Probe = lambda: (True, "fine")  # noqa: E731 - a probe's type is said once


@asynccontextmanager
async def served(health: Health) -> AsyncIterator[aiohttp.ClientSession]:
    await health.start()
    try:
        async with aiohttp.ClientSession(health.url) as session:
            yield session
    finally:
        await health.stop()


def a_health(telemetry: Telemetry, *, live: Probe = FINE, ready: Probe = FINE) -> Health:
    return Health("127.0.0.1", 0, live=live, ready=ready, registry=telemetry.registry)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(time.time)


async def test_a_blocked_stage_turns_livez_to_503_and_back(telemetry: Telemetry) -> None:
    finished, lag = 0, 0
    pulse = Pulse(time.monotonic, stuck_after_seconds=0.2, beat_seconds=0.01)
    pulse.watch("delivery of crm", lambda: Sample(finished, lag))
    await pulse.start()

    async def until(session: aiohttp.ClientSession, status: int) -> dict[str, str]:
        async with asyncio.timeout(90):
            while True:
                async with session.get("/livez") as response:
                    body: dict[str, str] = await response.json()
                    if response.status == status:
                        return body
                await asyncio.sleep(0.01)

    try:
        async with served(a_health(telemetry, live=pulse.live)) as session:
            assert (await until(session, 200))["status"] == "ok"
            lag = 3
            stuck = await until(session, 503)
            assert stuck["status"] == "failing"
            assert "delivery of crm has work" in stuck["reason"]
            lag, finished = 0, 3
            assert (await until(session, 200))["status"] == "ok"
    finally:
        await pulse.stop()


async def test_readyz_says_why_a_worker_is_not_ready(telemetry: Telemetry) -> None:
    answer = (False, "recovering")
    async with served(a_health(telemetry, ready=lambda: answer)) as session:
        async with session.get("/readyz") as response:
            assert response.status == 503
            assert await response.json() == {"status": "failing", "reason": "recovering"}
        answer = (True, "joined and recovered")
        async with session.get("/readyz") as response:
            assert response.status == 200


async def test_readyz_tells_the_details_beside_status_and_reason(telemetry: Telemetry) -> None:
    details = {"stages": {"activation": {"ready": False, "recovery": {"remaining": 7}}}}
    health = Health(
        "127.0.0.1", 0, live=FINE, ready=lambda: (False, "x"), registry=telemetry.registry, details=lambda: details
    )
    async with served(health) as session:
        async with session.get("/readyz") as response:
            assert response.status == 503
            assert await response.json() == {"status": "failing", "reason": "x", **details}
        async with session.get("/livez") as response:
            assert "stages" not in await response.json()


async def test_a_worker_that_is_not_ready_is_alive(telemetry: Telemetry) -> None:
    recovering = a_health(telemetry, ready=lambda: (False, "recovering"))
    async with served(recovering) as session, session.get("/livez") as response:
        assert response.status == 200


async def test_metrics_come_as_prometheus_text_and_as_openmetrics_when_asked(telemetry: Telemetry) -> None:
    telemetry.input("profiles").ended(RecordEnd.ACTIVATED)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with served(a_health(telemetry)) as session:
        async with session.get("/metrics") as response:
            text = await response.text()
            assert response.content_type == "text/plain"
        async with session.get("/metrics", headers=accept) as response:
            openmetrics = await response.text()
            assert response.content_type == "application/openmetrics-text"

    for families in (parse_text(text), _openmetrics(openmetrics)):
        samples = {(s.name, s.labels.get("end")): s.value for family in families for s in family.samples}
        assert samples["streams_records_total", "activated"] == 1


def _openmetrics(text: str) -> list[Metric]:
    return list(parse_openmetrics(text))  # type: ignore[no-untyped-call]  # the parser has no hints


async def test_a_free_port_is_taken_and_told(telemetry: Telemetry) -> None:
    one, other = a_health(telemetry), a_health(telemetry)
    async with served(one), served(other):
        assert 0 not in (one.port, other.port)
        assert one.port != other.port
        assert one.url == f"http://127.0.0.1:{one.port}"


async def test_a_taken_port_is_an_error_and_it_starts_once_the_port_is_free(telemetry: Telemetry) -> None:
    first = a_health(telemetry)
    async with served(first):
        second = Health("127.0.0.1", first.port, live=FINE, ready=FINE, registry=telemetry.registry)
        with pytest.raises(OSError, match="in use"):
            await second.start()

    async with served(second) as session, session.get("/livez") as response:
        assert response.status == 200


async def test_stopping_closes_the_port_even_with_a_connection_open(telemetry: Telemetry) -> None:
    health = a_health(telemetry)
    async with served(health) as session:
        async with session.get("/livez") as response:
            assert response.status == 200
        await health.stop()
        with pytest.raises(aiohttp.ClientError):
            await session.get("/livez")
