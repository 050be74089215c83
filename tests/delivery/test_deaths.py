"""What a worker that is killed, or frozen beyond its session, does to what was delivered."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from tests.brokers.client import Client
from tests.delivery.benches import a_bench, suspended
from tests.waiting import until

pytestmark = pytest.mark.kafka


async def test_a_kill_with_one_profile_stuck_repeats_what_was_in_flight_or_ended_since_the_commit(
    client: Client, unique: str, tmp_path: Path
) -> None:
    profiles = 4_000
    async with a_bench(client, unique, partitions=1, max_in_flight=32) as bench:
        bench.sink.hung["stuck"] = asyncio.Event()
        bench.sink.seconds = 0.02
        await bench.feed.send(["stuck", *(f"p{number}" for number in range(profiles))])
        limits = {"timeout_seconds": 60.0, "max_in_flight": 32}
        async with bench.child(tmp_path / "first", "first", **limits) as first:
            await bench.has_arrived(profiles // 2)
            first.send_signal(signal.SIGKILL)
            await asyncio.to_thread(first.wait)
        begun = len(bench.sink.requests)
        await until(lambda: bench.sink.open <= 1, what="the end of what was open")
        finished = await bench.finished()
        in_doubt = begun - finished
        (committed,) = (await client.committed(bench.group, bench.topic)).values()

        async with bench.child(tmp_path / "second", "second", **limits):
            await bench.has_arrived(profiles, seconds=90)
            bench.sink.hung["stuck"].set()
            await bench.has_arrived(profiles + 1)

            async def all_is_committed() -> bool:
                return await bench.committed() == profiles + 1

            await until(all_is_committed, seconds=30, what="the last commit")

        repeated = len(bench.sink.requests) - (profiles + 1)
        print(f"begun {begun}, ended and committed {finished}, offset committed {committed}, repeated {repeated}")
        assert committed == 0, "the stuck profile's export is the oldest"
        assert finished >= profiles // 4
        assert repeated <= in_doubt
        assert len(bench.sink.ids) == profiles + 1


async def test_a_worker_thawed_after_its_session_posts_nothing_that_is_old(
    client: Client, unique: str, tmp_path: Path
) -> None:
    """It had a window full of exports to post; meanwhile the other one delivered them, and newer ones."""
    keys = [f"p{number}" for number in range(40)]
    async with a_bench(client, unique, max_in_flight=8) as bench:
        sink, limits = bench.sink, {"timeout_seconds": 5.0, "max_in_flight": 8}
        sink.seconds = 0.02
        await bench.feed.send(keys * 50)
        async with bench.child(tmp_path / "a", "a", **limits) as frozen, bench.child(tmp_path / "b", "b", **limits):
            await until(lambda: _workers(sink.requests) == {"a", "b"}, seconds=60, what="two workers that deliver")
            at_split = len(sink.requests)
            await until(lambda: _by("a", sink.requests[at_split:]) >= 40, seconds=30, what="both at work")
            suspended(frozen)
            at_freeze = len(sink.requests)
            await bench.feed.send(keys * 10)
            await bench.has_arrived(2_400, seconds=120)
            assert _by("a", sink.requests[at_freeze:]) <= 100, "it was to be frozen"

            at_thaw = len(sink.requests)
            frozen.send_signal(signal.SIGCONT)
            load = asyncio.create_task(bench.feed.send(keys * 30, per_second=200))
            await until(lambda: "a" in _workers(sink.requests[at_thaw:]), seconds=60, what="its return to the group")
            await load
            await bench.has_arrived(bench.feed.sent, seconds=60)

        newest: dict[str, int] = defaultdict(int)
        zombie = []
        for number, (worker, key, n) in enumerate(sink.requests):
            if number >= at_thaw and worker == "a" and n <= newest[key]:
                zombie.append((key, n, newest[key]))
            newest[key] = max(n, newest[key])
        by_a = _by("a", sink.requests[at_thaw:])
        print(f"frozen at {at_freeze}, thawed at {at_thaw}, {by_a} by the thawed one since, zombies {zombie[:5]}")
        assert zombie == []
        assert by_a > 0
        assert len(sink.ids) == bench.feed.sent


def _by(worker: str, requests: list[tuple[str, str, int]]) -> int:
    return sum(name == worker for name, _, _ in requests)


def _workers(requests: list[tuple[str, str, int]]) -> set[str]:
    return {worker for worker, _, _ in requests}
