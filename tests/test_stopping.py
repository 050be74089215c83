"""A Kafka client's end never becomes its owner's."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.stopping import stopped


async def test_a_cancellation_that_comes_from_the_client_is_not_the_callers() -> None:
    async def stop() -> None:
        raise asyncio.CancelledError

    await stopped(stop())


async def test_what_the_client_raises_is_told_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> None:
        raise KafkaConnectionError

    await stopped(stop())

    assert "KafkaConnectionError" in caplog.text


async def test_a_client_that_does_not_end_is_given_up_and_cancelled() -> None:
    ended = asyncio.Event()

    async def stop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await asyncio.wait_for(stopped(stop(), seconds=0.01), 90)

    assert ended.is_set()


async def test_a_cancellation_of_the_caller_is_raised() -> None:
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    caller = asyncio.create_task(stopped(hang()))
    await began.wait()
    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
