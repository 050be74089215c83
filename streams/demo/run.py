"""One run of the demo, from its first line until everything is stopped: how it is interrupted, how it fails."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

import aiohttp
from aiokafka.errors import KafkaError

from streams.demo import sample
from streams.demo.broker import BrokerFailedError, MissingExtraError
from streams.demo.child import WorkerEndedError
from streams.demo.play import NotDeliveredError, Play
from streams.demo.reception import as_line
from streams.demo.screen import Screen, new_console
from streams.demo.stage import Stage, staged
from streams.demo.triggers import Triggers
from streams.exports import exports_topic

T = TypeVar("T")

DONE, FAILED = 0, 1
APP = "demo"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(*, once: bool, json_lines: bool, environ: Mapping[str, str]) -> int:
    """Run the demo and return its exit code.

    0 = the sample was delivered and the books close, or the run was to last until Ctrl-C, which came; 1 = anything
    else. With *json_lines* each request is a line on standard output, and all else goes to standard error.
    """
    errors = new_console(sys.stderr)
    screen = Screen(errors if json_lines else new_console(sys.stdout), errors)
    return asyncio.run(Run(screen, sys.stdout.buffer if json_lines else None, once=once).to_its_end(environ))


@dataclass
class Run:
    """One run; *lines* is where requests are written as JSON."""

    screen: Screen
    lines: BinaryIO | None
    once: bool = field(kw_only=True)

    async def to_its_end(self, environ: Mapping[str, str]) -> int:
        """Run, stop everything whatever happens, say how it ended, and return the exit code."""
        _cancel_on_signals(self.screen.stopping)
        try:
            return await self._all(environ)
        except asyncio.CancelledError:
            self.screen.stopped()
            return FAILED if self.once else DONE
        except WorkerEndedError as error:
            self.screen.failed(f"{error}; its last lines:", error.lines)
        except NotDeliveredError as error:
            self.screen.failed(f"{error}:", error.missing)
        except (MissingExtraError, BrokerFailedError, KafkaError, OSError) as error:
            self.screen.failed(f"{error}")
        return FAILED

    async def _all(self, environ: Mapping[str, str]) -> int:
        self.screen.opening(once=self.once)
        async with staged(self.screen, environ) as stage, aiohttp.ClientSession() as session:
            play = Play(stage, self.screen, session)
            triggers = Triggers()
            return await _first(
                self._play(play, stage),
                stage.worker.watch(),
                self._show(stage, triggers),
                _follow(stage, session, triggers),
            )

    async def _play(self, play: Play, stage: Stage) -> int:
        closed = await play.run()
        self.screen.next_steps({"broker": stage.bootstrap, "worker": stage.worker.url}, once=self.once)
        if not self.once:
            await asyncio.Event().wait()  # until Ctrl-C: requests are still shown
        return DONE if closed else FAILED

    async def _show(self, stage: Stage, triggers: Triggers) -> None:
        arrived = stage.reception.arrived
        while True:
            request = await arrived.get()
            if self.lines is not None:
                self.lines.write(as_line(request, root=stage.endpoint))
                self.lines.flush()
            self.screen.request(request, await triggers.of(request.export_id))
            arrived.task_done()


async def _follow(stage: Stage, session: aiohttp.ClientSession, triggers: Triggers) -> None:
    await stage.worker.ready(session)  # which creates the exports topics
    topics = [exports_topic(APP, destination.incarnation) for destination in stage.destinations]
    await triggers.follow(stage.bootstrap, [(topic, n) for topic in topics for n in range(sample.PARTITIONS)])


async def _first(*coroutines: Coroutine[Any, Any, T | None]) -> T:
    """Run all until one ends, then cancel the others; return, or raise, what the first did."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        result = next(task for task in tasks if task in ended).result()
        assert result is not None, "only the play ends by itself"
        return result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _cancel_on_signals(tell: Callable[[], None]) -> None:
    """Let the first signal *tell* and cancel this task; later ones change nothing, since stopping is bounded."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    told: list[signal.Signals] = []

    def cancel(number: signal.Signals) -> None:
        if not told:
            tell()
            task.cancel()
        told.append(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, cancel, number)
