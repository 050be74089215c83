"""A worker that is told to stop while it is put together is never started, whenever the signal comes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import uvloop

from streams.assembly import Assembly
from streams.worker import SIGNALS, _unless_told_to_stop


class Journaling:
    """The one service of an assembly that runs before it is started."""

    stopped = False

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop that a worker has."""
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_last_step_is_heard(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    journaling = Journaling()

    async def assembling() -> Assembly:
        os.kill(os.getpid(), number)
        return cast(Assembly, SimpleNamespace(journaling=journaling))

    assert _unless_told_to_stop(assembling(), loop) is None
    assert journaling.stopped, "what runs already is stopped"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_broker_is_waited_for_ends_that(
    loop: asyncio.AbstractEventLoop, number: signal.Signals
) -> None:
    async def assembling() -> Assembly:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
        raise AssertionError("never waited for")

    assert _unless_told_to_stop(assembling(), loop) is None


def test_without_a_signal_it_is_started(loop: asyncio.AbstractEventLoop) -> None:
    journaling = Journaling()
    assembly = cast(Assembly, SimpleNamespace(journaling=journaling))

    async def assembling() -> Assembly:
        return assembly

    assert _unless_told_to_stop(assembling(), loop) is assembly
    assert not journaling.stopped
