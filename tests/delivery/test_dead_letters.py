from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.confirmed import new_dead_letters
from streams.delivery.dead_letters import (
    Batch,
    DeadLetters,
    Failure,
    NotParkedError,
    Producer,
    Stage,
    dead_letter,
)
from streams.delivery.member import Connection
from streams.ends import Reason
from streams.exports import MAX_ROW_BYTES, dead_letters_topic
from streams.groups.lease import LapsedError
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.deliverables import ARecord
from tests.reaching import brokers_of
from tests.waiting import until

FAILURE = Failure(
    stage=Stage.DELIVERY, reason=Reason.REFUSED, detail="status-400", destination="crm", status=400, attempts=2
)


@given(st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=5))
def test_original_headers_come_first_and_unchanged(headers: list[tuple[str, bytes]]) -> None:
    letter = dead_letter(ARecord(headers=headers), FAILURE, connector="streams").headers

    assert letter[: len(headers)] == headers
    assert ("streams.reason", b"refused") in letter[len(headers) :]


def test_an_export_says_where_it_came_from_and_why_it_is_here() -> None:
    origin = ARecord(offset=41, topic="streams.exports.crm.1", partition=3)

    assert dict(dead_letter(origin, FAILURE, connector="streams").headers) == {
        "__connect.errors.topic": b"streams.exports.crm.1",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.connector.name": b"streams",
        "__connect.errors.stage": b"TASK_PUT",
        "__connect.errors.exception.message": b"refused: status-400",
        "streams.reason": b"refused",
        "streams.destination": b"crm",
        "streams.status": b"400",
        "streams.attempts": b"2",
    }


def test_a_malformed_record_has_no_destination_no_status_and_no_attempts() -> None:
    failure = Failure(stage=Stage.ACTIVATION, reason=Reason.INVALID_JSON, detail="at byte 7")
    letter = dict(dead_letter(ARecord(key=None, value=None), failure, connector="streams").headers)

    assert letter["__connect.errors.stage"] == b"VALUE_CONVERTER"
    assert not {"streams.destination", "streams.status", "streams.attempts"} & letter.keys()


def test_a_letter_that_the_topic_would_not_take_tells_its_place_and_size_instead_of_its_bytes() -> None:
    value = b"x" * (MAX_ROW_BYTES - 100)  # it fits the exports; with our headers it would not fit the dead letters
    letter = dead_letter(ARecord(offset=41, value=value), FAILURE, connector="streams")

    assert (letter.key, letter.value) == (b"p1", None)
    assert dict(letter.headers)["__connect.errors.offset"] == b"41"
    assert dict(letter.headers)["streams.omitted"] == str(len(value) + len(b"p1")).encode()


class FakeBatch:
    """Holds its one record."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes | None, bytes | None]] = []

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> object:
        self.rows.append((key, value))
        return self

    def close(self) -> None:
        """Nothing to do."""


class FakeProducer:
    """A broker that answers as told."""

    def __init__(self, refusal: KafkaError | None = None) -> None:
        self.refusal = refusal
        self.answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.sent: list[tuple[str, int]] = []
        self.is_started = self.is_ended = False

    async def start(self) -> None:
        self.is_started = True

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def create_batch(self) -> Batch:
        return FakeBatch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[object]:
        self.sent.append((topic, partition))
        if self.refusal:
            self.answer.set_exception(self.refusal)
        return self.answer


async def end(producer: Producer) -> None:
    assert isinstance(producer, FakeProducer)
    producer.is_ended = True


async def test_a_record_is_parked_only_when_the_broker_confirmed_it() -> None:
    producer = FakeProducer()
    letters = DeadLetters("dead", "streams", lambda: producer, end)
    parking = asyncio.create_task(letters.park(ARecord(partition=1), FAILURE))
    await until(lambda: bool(producer.sent))
    await asyncio.sleep(0)
    assert not parking.done()

    producer.answer.set_result(None)
    await parking
    await letters.close()
    assert producer.sent == [("dead", 1)]
    assert producer.is_ended


async def test_a_refused_batch_is_not_parked_and_its_producer_is_not_used_again() -> None:
    producers = [FakeProducer(MessageSizeTooLargeError()), FakeProducer()]
    producers[1].answer.set_result(None)
    left = iter(producers)
    letters = DeadLetters("dead", "streams", lambda: next(left), end)
    with pytest.raises(NotParkedError, match="MessageSizeTooLargeError"):
        await letters.park(ARecord(), FAILURE)
    assert producers[0].is_ended

    await letters.park(ARecord(), FAILURE)
    assert len(producers[1].sent) == 1


async def test_a_partition_that_the_topic_lacks_is_a_refusal() -> None:
    producer = FakeProducer()
    letters = DeadLetters("dead", "streams", lambda: producer, end)

    with pytest.raises(NotParkedError, match="no partition 2"):
        await letters.park(ARecord(partition=2), FAILURE)
    assert producer.sent == []


async def test_without_a_dead_letter_no_producer_is_made() -> None:
    def never() -> FakeProducer:
        raise AssertionError("a producer was made")

    await DeadLetters("dead", "streams", never, end).close()


async def test_a_letter_that_may_not_be_written_is_not_given_to_the_producer() -> None:
    producer = FakeProducer()
    letters = DeadLetters("dead", "streams", lambda: producer, end)

    def lapsed() -> None:
        raise LapsedError("the lease has lapsed")

    with pytest.raises(LapsedError):
        await letters.park(ARecord(), FAILURE, lapsed)
    assert producer.sent == []
    assert not producer.is_ended
    await letters.close()


@pytest.mark.kafka
async def test_a_letter_that_was_given_up_is_not_written_when_the_broker_is_back(
    kafka: real.Kafka, client: Client, unique: str
) -> None:
    topic = await client.create_topic(dead_letters_topic(unique), 1)
    connection = Connection(app=unique, brokers=brokers_of(client))
    late, cancelled = (new_dead_letters(connection, confirm_seconds=0.5) for _ in range(2))
    await asyncio.gather(*(letters.park(ARecord(offset=0), FAILURE) for letters in (late, cancelled)))
    await asyncio.to_thread(kafka.kill)
    try:
        parking = asyncio.create_task(cancelled.park(ARecord(offset=1), FAILURE))
        await asyncio.wait([parking], timeout=0.2)
        parking.cancel()
        with pytest.raises(NotParkedError):
            await late.park(ARecord(offset=2), FAILURE)
        await asyncio.wait([parking])
    finally:
        await asyncio.to_thread(kafka.start)

    await until(lambda: _is_parked(late, ARecord(offset=3)), 60, what="a letter that is taken")
    await asyncio.sleep(1.0)  # a producer that lived on would have tried again meanwhile
    await asyncio.gather(late.close(), cancelled.close())
    written = [dict(letter.headers)["__connect.errors.offset"] for letter in await client.read(topic)]
    last = written.index(b"3")  # perhaps more than once: an attempt that came to no answer in time is made again
    assert (written[:last], set(written[last:])) == ([b"0", b"0"], {b"3"})


async def _is_parked(letters: DeadLetters, record: ARecord) -> bool:
    with suppress(NotParkedError):
        await letters.park(record, FAILURE)
        return True
    return False
