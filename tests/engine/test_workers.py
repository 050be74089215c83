"""Whole processes: workers come and go under load, a signal ends one in order, a failure ends one with exit code 1."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.brokers.children import spawn
from tests.brokers.client import Client
from tests.engine.running import topics_for
from tests.waiting import until

pytestmark = pytest.mark.kafka


class Workers:
    """The worker processes of one app, and what they wrote down."""

    def __init__(self, client: Client, app: str, topic: str, directory: Path) -> None:
        self._command = [sys.executable, "-m", "tests.engine.worker", client.bootstrap, app, topic, str(directory)]
        self._directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = spawn([*self._command, *arguments], log=self._directory / "log")
        self.processes.append(process)
        return process

    def lines(self, key: str, *names: str) -> list[dict[str, Any]]:
        files = [self._directory / f"{name}.jsonl" for name in names] or sorted(self._directory.glob("*.jsonl"))
        written = [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]
        return [line for line in written if key in line]

    def finished(self, *names: str) -> Counter[tuple[int, int]]:
        return Counter((line["partition"], line["offset"]) for line in self.lines("offset", *names))


async def ended(process: subprocess.Popen[bytes]) -> int:
    await until(lambda: process.poll() is not None, 30, "the end of the process")
    return process.returncode


@pytest.fixture
def workers(client: Client, unique: str, tmp_path: Path) -> Iterator[Workers]:
    several = Workers(client, unique, f"{unique}-inputs", tmp_path)
    yield several
    for process in several.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


@asynccontextmanager
async def load(client: Client, topic: str) -> AsyncIterator[list[int]]:
    """Produce about 500 records/s until the end of the context; the list holds how many are confirmed, at its end."""
    producer, stop, produced = AIOKafkaProducer(bootstrap_servers=client.bootstrap), asyncio.Event(), [0]
    await producer.start()

    async def produce() -> None:
        while not stop.is_set():
            waiting = [await producer.send(topic, b"v", partition=partition) for partition in range(4)]
            await asyncio.gather(*waiting)
            produced[0] += len(waiting)
            await asyncio.wait([stopping], timeout=0.008)

    stopping = asyncio.create_task(stop.wait())
    producing = asyncio.create_task(produce())
    try:
        yield produced
    finally:
        stop.set()
        await producing
        await producer.stop()


async def test_workers_that_come_and_go_lose_nothing_and_repeat_nothing(
    client: Client, unique: str, workers: Workers
) -> None:
    topic, _ = await topics_for(client, unique, 4)
    async with load(client, topic) as produced:
        first = workers.start("first")
        await until(lambda: workers.finished("first").total() > 100, 30, "the first worker")
        second = workers.start("second")
        await until(lambda: workers.finished("second").total() > 300, 30, "the second worker")
        second.send_signal(signal.SIGTERM)
        assert await ended(second) == 0
        before = workers.finished("first").total()
        await until(lambda: workers.finished("first").total() > before + 500, 30, "the first worker, alone again")
        first.send_signal(signal.SIGTERM)
        assert await ended(first) == 0
        stopped = workers.finished()
    last = workers.start("last")
    await until(lambda: len(workers.finished()) >= produced[0], 30, "the rest")
    last.send_signal(signal.SIGTERM)

    assert await ended(last) == 0
    assert 2 in {len(line["assigned"]) for line in workers.lines("assigned", "first")}, "it never shared"
    assert max(line["open"] for line in workers.lines("open")) > 0, "no record was open at any release: no load"
    assert stopped.total() > 900
    assert len(workers.finished()) == produced[0]
    assert workers.finished().total() == produced[0], "records were repeated"
    assert sum((await client.committed(unique, topic)).values()) == produced[0]


async def test_a_failure_ends_the_process_with_exit_code_1_after_committing_what_was_finished(
    client: Client, unique: str, workers: Workers
) -> None:
    topic, _ = await topics_for(client, unique, 4)
    await client.produce(topic, [(b"k", b"v")] * 40 + [(b"k", b"fatal")], partition=2)
    process = workers.start("only", "fatal")

    assert await ended(process) == 1
    assert await client.committed(unique, topic) == {2: 40}
    assert workers.finished() == Counter({(2, offset): 1 for offset in range(40)})
