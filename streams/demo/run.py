"""One run of the demo, from its first line until everything is stopped: how it is interrupted, how it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TextIO, TypeVar

import aiohttp
from aiokafka.errors import KafkaError

from streams.demo import hints
from streams.demo.broker import BrokerFailedError, MissingExtraError
from streams.demo.child import WorkerEndedError
from streams.demo.command import CommandFailedError
from streams.demo.play import NotDeliveredError, Play
from streams.demo.screen import Screen, new_console
from streams.demo.stage import Stage, staged
from streams.demo.watch import Watch

T = TypeVar("T")

DONE, FAILED = 0, 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(*, once: bool, json_lines: bool, environ: Mapping[str, str]) -> int:
    """Run the demo and return its exit code.

    0 = the sample was delivered and the books close, or the run was to last until Ctrl-C, which came; 1 = anything
    else, also when nobody reads what it writes any more. With *json_lines* each request is a line on standard output,
    and all else goes to standard error.
    """
    errors = new_console(sys.stderr)
    screen = Screen(errors if json_lines else new_console(sys.stdout), errors)
    try:
        return asyncio.run(Run(screen, sys.stdout.buffer if json_lines else None, once=once).to_its_end(environ))
    except BrokenPipeError:
        _leave_unread(sys.stdout, sys.stderr)
        return FAILED


def _leave_unread(*streams: TextIO) -> None:
    """Let Python's own flush at its end find no broken pipe: who read these streams has gone, as ``head`` does."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
        except (WorkerEndedError, CommandFailedError) as error:
            self.screen.failed(f"{error}; its last lines:", error.lines)
        except NotDeliveredError as error:
            self.screen.failed(f"{error}:", error.missing)
        except BrokenPipeError:
            raise
        except (MissingExtraError, BrokerFailedError, KafkaError, OSError) as error:
            self.screen.failed(f"{error}")
        return FAILED

    async def _all(self, environ: Mapping[str, str]) -> int:
        self.screen.opening(once=self.once)
        async with staged(self.screen, environ) as stage, aiohttp.ClientSession() as session:
            watch = Watch(stage, self.screen, session, self.lines)
            play = Play(stage, self.screen, watch)
            return await _first(self._play(play, stage), stage.worker.watch(), *watch.ways())

    async def _play(self, play: Play, stage: Stage) -> int:
        closed = await play.run()
        if self.once:
            self.screen.hints("To try next", hints.afterwards())
            return DONE if closed else FAILED
        self.screen.hints("To try now, in another terminal", hints.meanwhile(stage))
        self.screen.goes_on()
        await play.go_on()
        return DONE


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
            task.cancel()
            with suppress(OSError):  # of a terminal that was closed
                tell()
        told.append(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, cancel, number)
