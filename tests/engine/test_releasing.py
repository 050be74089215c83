"""What is released while it is being recovered neither loads on nor flows, and a broker that is away is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
)
from faust.types import TP

from streams.engine import recovery as recoveries
from streams.engine.background import InterruptedWorkError
from streams.engine.consumer import Consumer
from streams.engine.first_start import FirstStart
from streams.engine.gate import Gate
from streams.engine.progress import RecoveryProgress
from streams.engine.states import MemoryState
from tests.engine.fakes import FakeThread, engine_consumer

CHANGELOG = TP("unit-profiles-changelog", 0)
FIRST = ("profiles", 0)
PASSING = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError)


@pytest.fixture
async def consumer() -> Consumer:
    return engine_consumer(FakeThread())


def a_recovery(consumer: Consumer, load: Callable[[], Awaitable[None]]) -> Any:
    """Return the recovery of the consumer's app, whose loads do what *load* does."""

    async def _load(_: Any) -> None:
        await load()
        recovery._complete = True

    recovery: Any = consumer.app.tables.recovery
    recovery._load = _load
    return recovery


async def completed(recovery: Any) -> None:
    await recovery._complete_all([CHANGELOG], RecoveryProgress([0]))


async def test_what_is_released_while_its_states_are_opened_is_not_loaded(consumer: Consumer) -> None:
    loads, opening, go_on = list[None](), asyncio.Event(), asyncio.Event()

    async def load() -> None:
        loads.append(None)

    async def open_(_: int) -> MemoryState:
        opening.set()
        await go_on.wait()
        return MemoryState()

    recovery = a_recovery(consumer, load)
    recovery._store.open = open_
    completing = asyncio.create_task(completed(recovery))
    await opening.wait()
    await consumer.release()
    await recovery.halt()
    go_on.set()
    await completing

    assert loads == []


async def test_what_is_released_while_it_is_found_where_it_stands_does_not_flow(consumer: Consumer) -> None:
    await consumer.release()
    await consumer.app.tables.recovery._open(consumer.app.consumer_generation_id)

    assert not consumer.opened


@pytest.mark.parametrize("error", [InterruptedWorkError, *PASSING])
async def test_a_load_that_broke_off_is_begun_again(
    consumer: Consumer, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recoveries, "RETRY_SECONDS", 0)
    failures = [error("away"), error("away")]

    async def load() -> None:
        if failures:
            raise failures.pop()

    recovery = a_recovery(consumer, load)
    await completed(recovery)

    assert (recovery._complete, failures) == (True, [])


async def test_a_load_that_is_not_allowed_is_not_tried_again(consumer: Consumer) -> None:
    async def load() -> None:
        raise TopicAuthorizationFailedError("not allowed")

    with pytest.raises(TopicAuthorizationFailedError):
        await completed(a_recovery(consumer, load))


@pytest.mark.parametrize("error", PASSING)
async def test_a_gate_stays_shut_while_nobody_can_say_whether_something_is_left(
    consumer: Consumer, error: type[KafkaError]
) -> None:
    async def away(*_: object) -> bool:
        raise error("away")

    async def nothing_left(*_: object) -> bool:
        return True

    start = FirstStart(consumer, frozenset({FIRST[0]}))
    start.gate = Gate({FIRST: 5})
    start.gate.look({FIRST: 3}, lambda _: None)
    await start.ask(FIRST, 3, away)
    shut = start.gate.remaining
    await start.ask(FIRST, 3, nothing_left)
    start.gate.look({FIRST: 3}, lambda _: None)

    assert (shut, start.gate.remaining) == ({0: 2}, {})


async def test_a_gate_does_not_stay_shut_in_silence_where_asking_is_not_allowed(consumer: Consumer) -> None:
    async def refuse(*_: object) -> bool:
        raise TopicAuthorizationFailedError("not allowed")

    with pytest.raises(TopicAuthorizationFailedError):
        await FirstStart(consumer, frozenset()).ask(FIRST, 3, refuse)
