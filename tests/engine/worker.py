"""A worker process for tests: hands each record to a task that takes a moment, and writes down what it finished.

``python -m tests.engine.worker BOOTSTRAP ID TOPIC DIRECTORY NAME [FATAL_VALUE]``
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import faust

from streams.brokers import Brokers
from streams.engine import Engine, EngineSettings, Message
from tests.engine.running import SESSION

MOST_OPEN, MOMENT = 200, 0.2


class Work:
    """Finishes records out of order, in a file that the test reads."""

    def __init__(self, engine: Engine, directory: Path, name: str, fatal: bytes | None) -> None:
        self._engine, self._name, self._fatal = engine, name, fatal
        self._finished = (directory / f"{name}.jsonl").open("a", buffering=1)
        self._open: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_OPEN)

    def take(self, message: Message) -> None:
        if message.value == self._fatal:
            raise ArithmeticError
        task = asyncio.ensure_future(self._finish(message))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def room(self) -> None:
        await self._room.acquire()

    async def _finish(self, message: Message) -> None:
        await asyncio.sleep(MOMENT * (message.offset % 7) / 7)
        self._write({"partition": message.partition, "offset": message.offset})
        self._engine.acknowledge(message)
        self._room.release()

    async def drain(self) -> None:
        self._write({"open": len(self._open)})
        await asyncio.gather(*self._open)

    def assigned(self, partitions: set[int]) -> None:
        self._write({"assigned": sorted(partitions)})

    def _write(self, line: dict[str, object]) -> None:
        self._finished.write(json.dumps({"worker": self._name, **line}) + "\n")


def main(bootstrap: str, app: str, topic: str, directory: str, name: str, fatal: str | None = None) -> None:
    """Run until a signal."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings = EngineSettings(
        id=app, brokers=Brokers((bootstrap,)), partitions=4, directory=Path(directory) / name,
        session_timeout=SESSION, heartbeat_interval=0.5, commit_interval=0.2,
    )  # fmt: skip
    engine = Engine(settings)
    work = Work(engine, Path(directory), name, fatal.encode() if fatal else None)
    engine.consume(topic, work.take, room=work.room)
    engine.on_release(work.drain)
    engine.on_assigned(work.assigned)
    worker = faust.Worker(engine.app, loop=loop, redirect_stdouts=False, override_logging=False, quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
