"""How far a recovery is can be read at any time, and a long one says so."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from streams.engine.progress import RecoveryProgress
from tests.brokers.client import Client
from tests.engine.running import Seen, engine_on, started, topics_for
from tests.waiting import until


def test_what_is_left_and_how_fast_it_goes_is_known_at_any_time() -> None:
    now = [100.0]
    progress = RecoveryProgress([0, 3], lambda: now[0])
    progress.ahead(0, 50)
    progress.ahead(3, 70)
    progress.loaded += 40
    progress.complete(0)
    now[0] += 8

    assert (progress.partitions, progress.done, progress.remaining, progress.loaded) == (2, 1, 70, 40)
    assert (progress.seconds, progress.rate, progress.ended) == (8.0, 5.0, False)


def test_the_time_of_a_recovery_ends_with_it() -> None:
    now = [100.0]
    progress = RecoveryProgress([0], lambda: now[0])
    now[0] += 2
    progress.complete(0)
    progress.end()
    now[0] += 100

    assert (progress.seconds, progress.remaining, progress.done, progress.ended) == (2.0, 0, 1, True)


def test_a_partition_that_is_loaded_twice_counts_once() -> None:
    progress = RecoveryProgress([0, 1])
    progress.complete(0)
    progress.ahead(0, 9)
    progress.complete(0)

    assert (progress.done, progress.remaining) == (1, 0)


@pytest.mark.kafka
async def test_a_long_recovery_says_how_far_it_is_until_it_is_done(client: Client, unique: str) -> None:
    source, changelog = await topics_for(client, unique)
    await client.produce(changelog, [(b"%d" % n, b"v") for n in range(100)])
    loading, go = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        loading.set()
        go.wait(30)

    engine = engine_on(client, unique, check_value=hold)
    engine.consume(source, Seen())
    assert engine.recovery is None
    with capture_logs() as lines:
        async with started(engine.app):
            await until(loading.is_set, 20, "the load")
            recovery = engine.recovery
            assert recovery is not None
            assert (recovery.partitions, recovery.done, recovery.remaining, recovery.ended) == (1, 0, 100, False)
            await until(lambda: any(line["event"] == "recovery.progress" for line in lines), 20, "the line")
            go.set()
            await until(lambda: engine.ready, 20, "the end")
            assert (recovery.loaded, recovery.remaining, recovery.done, recovery.ended) == (100, 0, 1, True)

    told = [(line["event"], line["loaded"], line.get("remaining")) for line in lines if "recovery." in line["event"]]
    assert told[0] == ("recovery.progress", 0, 100)
    assert told[-1] == ("recovery.done", 100, None)
