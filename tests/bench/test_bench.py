"""The machinery of the benchmarks: the endpoint counts what it is sent, and targets are told from figures."""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp
import pytest

from tests.bench.endpoint import PROFILE
from tests.bench.figures import Figure, figure, percentile
from tests.bench.processes import cpu_seconds, frozen, rss_bytes, told
from tests.bench.records import export, key_of
from tests.bench.table import shown
from tests.bench.targets import TARGETS, verdict
from tests.bench.telling import Wanted


async def post(session: aiohttp.ClientSession, port: str, path: str, body: bytes) -> int:
    async with session.post(f"http://127.0.0.1:{port}{path}", data=body) as answer:
        return answer.status


async def test_the_endpoint_counts_requests_and_exports_and_tells_when_each_was_answered() -> None:
    single, several = (
        export("t", 7, 512, revision=1).value,
        b"".join(export("t", number, 4096, revision=1).value for number in range(100)),
    )
    async with told("tests.bench.endpoint") as endpoint, aiohttp.ClientSession() as session:
        await endpoint.tell(latency_ms=20, watching=True)
        began = time.time()

        assert await post(session, endpoint.first, "/one", single) == 204
        assert await post(session, endpoint.first, "/many", several) == 204
        assert await post(session, endpoint.first, "/one", single) == 204, "once more, which is another request"

        told_ = await endpoint.tell(seen=True)
    assert (told_["requests"], told_["exports"]) == (3, 101)
    assert [(path, number) for path, number, _ in told_["seen"]] == [("/one", 7), *(("/many", n) for n in range(100))]
    assert told_["seen"][0][2] == told_["first_at"] >= began + 0.02


async def test_an_endpoint_below_silent_never_answers_and_begins_anew_when_told_to() -> None:
    async with told("tests.bench.endpoint") as endpoint, aiohttp.ClientSession() as session:
        await endpoint.tell(latency_ms=0, watching=False)
        silent = asyncio.create_task(post(session, endpoint.first, "/silent", b"{}"))
        assert await post(session, endpoint.first, "/other", b"{}") == 204
        assert not silent.done()
        silent.cancel()

        assert (await endpoint.tell(latency_ms=0, watching=False))["requests"] == 1
        assert (await endpoint.tell())["requests"] == 0


async def test_a_frozen_process_uses_no_cpu_until_it_goes_on() -> None:
    async with told("tests.bench.endpoint") as endpoint:
        with frozen(endpoint.pid):
            asked = asyncio.create_task(endpoint.tell())
            before = cpu_seconds(endpoint.pid)
            await asyncio.sleep(0.05)
            assert not asked.done()
            assert cpu_seconds(endpoint.pid) == before
        await asked
        assert cpu_seconds(endpoint.pid) > before


def test_the_cpu_of_a_process_is_what_it_says_itself() -> None:
    before = time.process_time()

    assert before <= cpu_seconds(os.getpid()) <= time.process_time()
    assert 0 < rss_bytes(os.getpid()) <= rss_bytes(os.getpid(), peak=True)


@pytest.mark.parametrize("payload_bytes", [512, 4096])
def test_an_export_has_its_size_and_names_its_profile_once(payload_bytes: int) -> None:
    entry = export("topic", 11, payload_bytes, revision=3)

    assert len(entry.value) == payload_bytes
    assert entry.value.count(PROFILE) == entry.value.count(b'"' + key_of(11) + b'"') == 1


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert [percentile(range(100, 0, -1), share) for share in (0.0, 0.5, 0.99, 0.999)] == [1, 51, 100, 100]


def a_figure(name: str, value: float, ratio: float | None = None, **params: object) -> Figure:
    return figure(name, params, value, "us", ratio=ratio)


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (a_figure("delivery_cpu_per_export", 90, 0.81, batch=1), ("<= 0.8 x", "<= 0.5 x", "no")),
        (a_figure("delivery_cpu_per_export", 90, 0.8, batch=1), ("<= 0.8 x", "<= 0.5 x", "yes")),
        (a_figure("delivery_cpu_per_export", 900, 0.5, batch=1), ("<= 0.8 x", "<= 0.5 x", "both")),
        (a_figure("delivery_cpu_per_export", 900, 0.5, batch=100), ("", "", "")),
        (a_figure("share_of_ceiling_50ms", 0.89), (">= 0.9 us", "", "no")),
        (a_figure("share_of_ceiling_50ms", 0.9), (">= 0.9 us", "", "yes")),
    ],
)
def test_a_target_says_what_is_reached(each: Figure, said: tuple[str, str, str]) -> None:
    assert verdict(each) == said


def test_a_figure_is_wanted_by_its_name_and_by_the_parameters_that_it_has() -> None:
    wanted = Wanted(frozenset({"a"}), {"batch": "1"})

    assert wanted("a", {"batch": 1, "latency_ms": 0})
    assert wanted("a", {"destinations": 3})
    assert not wanted("a", {"batch": 100})
    assert not wanted("b", {"batch": 1})


def test_the_table_has_a_line_for_each_figure_and_says_what_was_to_be_reached() -> None:
    lines = shown([a_figure(target.name, 1.0, 1.0, **dict(target.where)) for target in TARGETS]).splitlines()

    assert len(lines) == 1 + len(TARGETS)
    assert "reached?" in lines[0]
