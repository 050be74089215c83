"""Work in a thread of its own ends as it ended, and only who asked for it sees a cancellation."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streams.engine.background import Background, InterruptedWorkError


async def test_what_the_work_raises_reaches_who_waits() -> None:
    async def work() -> None:
        raise LookupError(threading.current_thread().name)

    background = Background(work, "changelog")
    background.start()

    with pytest.raises(LookupError, match="changelog"):
        await background.wait()


async def test_work_that_is_cancelled_from_within_is_a_failure_and_no_cancellation_of_who_waits() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    background = Background(work, "changelog")
    background.start()

    with pytest.raises(InterruptedWorkError):
        await background.wait()


async def test_work_that_is_cancelled_has_ended_when_the_cancelling_returns() -> None:
    began, ended = threading.Event(), threading.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background = Background(work, "changelog")
    background.start()
    await asyncio.to_thread(began.wait, 10)
    await background.cancel()

    assert ended.is_set()
    with pytest.raises(asyncio.CancelledError):
        await background.wait()
