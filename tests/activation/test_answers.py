"""What a broker refuses for good is told from what passes, and a refusal of one topic is waited for by no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    LeaderNotAvailableError,
    NotEnoughReplicasError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams.activation import answers
from streams.activation.answers import MISSING, NOT_AUTHORIZED, Address, Appended, answered, reason_of

CRM, ADS = ("app.exports.crm.1", 0), ("app.exports.ads.1", 0)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LATE_SECONDS", 0.01)
    monkeypatch.setattr(answers, "MISSING_SECONDS", 0.05)


class Brokers:
    """Answers that come when they are told to, and what is said of a topic that is asked about."""

    def __init__(self, said: Iterator[str | None]) -> None:
        loop = asyncio.get_running_loop()
        self.answers: dict[Address, asyncio.Future[Appended]] = {CRM: loop.create_future(), ADS: loop.create_future()}
        self.said, self.asked = said, list[str]()
        self.enough = asyncio.Event()

    async def ask(self, topic: str, _: int) -> str | None:
        self.asked.append(topic)
        if len(self.asked) >= 20:
            self.enough.set()
        return next(self.said)

    def confirm(self, address: Address) -> None:
        self.answers[address].set_result(SimpleNamespace(offset=0))

    def wait(self) -> asyncio.Task[dict[Address, str]]:
        return asyncio.create_task(answered(self.answers, lambda topic: topic != CRM[0], self.ask))


def always(said: str | None) -> Iterator[str | None]:
    while True:
        yield said


async def test_a_topic_that_stays_missing_refuses_and_the_others_are_confirmed() -> None:
    brokers = Brokers(always(MISSING))
    brokers.confirm(CRM)

    assert await asyncio.wait_for(brokers.wait(), 90) == {ADS: MISSING}
    assert set(brokers.asked) == {ADS[0]}
    assert brokers.answers[ADS].cancelled()


async def test_one_that_must_not_be_written_to_is_not_waited_for() -> None:
    brokers = Brokers(always(NOT_AUTHORIZED))
    brokers.confirm(CRM)

    assert await asyncio.wait_for(brokers.wait(), 90) == {ADS: NOT_AUTHORIZED}
    assert brokers.asked == [ADS[0]]


async def test_a_broker_that_says_nothing_is_waited_for() -> None:
    brokers = Brokers(always(None))
    brokers.confirm(CRM)
    waiting = brokers.wait()
    await asyncio.wait_for(brokers.enough.wait(), 90)
    assert not waiting.done()

    brokers.confirm(ADS)

    assert await asyncio.wait_for(waiting, 90) == {}


async def test_a_topic_that_is_only_just_made_may_be_missing_for_a_moment() -> None:
    said = iter([MISSING, MISSING, *[None] * 18])
    brokers = Brokers(said)
    brokers.confirm(CRM)
    waiting = brokers.wait()
    await asyncio.wait_for(brokers.enough.wait(), 90)
    assert not waiting.done()

    brokers.confirm(ADS)

    assert await asyncio.wait_for(waiting, 90) == {}


async def test_one_that_holds_up_everything_by_right_is_not_asked_about() -> None:
    brokers = Brokers(always(MISSING))
    brokers.confirm(ADS)
    waiting = brokers.wait()
    brokers.answers[CRM].set_exception(UnknownTopicOrPartitionError())

    with pytest.raises(UnknownTopicOrPartitionError):
        await asyncio.wait_for(waiting, 90)
    assert brokers.asked == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TopicAuthorizationFailedError(ADS[0]), NOT_AUTHORIZED),
        (UnknownTopicOrPartitionError(), MISSING),
        (InvalidTopicError(), MISSING),
    ],
)
async def test_what_a_broker_says_itself_is_a_refusal_at_once(error: KafkaError, reason: str) -> None:
    brokers = Brokers(always(None))
    brokers.confirm(CRM)
    brokers.answers[ADS].set_exception(error)

    assert await asyncio.wait_for(brokers.wait(), 90) == {ADS: reason}


@pytest.mark.parametrize("error", [LeaderNotAvailableError, NotEnoughReplicasError, RequestTimedOutError])
async def test_what_passes_is_no_refusal(error: type[KafkaError]) -> None:
    assert reason_of(error) is None

    brokers = Brokers(always(None))
    brokers.confirm(CRM)
    brokers.answers[ADS].set_exception(error())

    with pytest.raises(error):
        await asyncio.wait_for(brokers.wait(), 90)


async def test_a_wait_that_is_cancelled_leaves_no_answer_to_be_waited_for() -> None:
    brokers = Brokers(always(None))
    waiting = brokers.wait()
    await asyncio.wait_for(brokers.enough.wait(), 90)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert all(each.cancelled() for each in brokers.answers.values())
