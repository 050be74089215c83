"""An offset is committed when every record below it is acknowledged; stock Faust commits past records in flight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.commits import Progress
from streams.engine.consumer import Consumer
from streams.engine.message import Message
from tests.engine.fakes import TP0, FakeRecord, FakeThread, engine_consumer, stock_consumer, stock_message


@given(st.sets(st.integers(0, 60), min_size=1).map(sorted), st.data())
def test_what_may_be_committed_is_below_everything_open(offsets: list[int], data: st.DataObject) -> None:
    progress, open_ = Progress(), set(offsets)
    progress.take(offsets)
    for offset in data.draw(st.permutations(offsets)):
        progress.acknowledge(offset)
        open_.discard(offset)
        safe = progress.committable

        assert safe is None or all(other >= safe for other in open_)
        assert safe is not None or min(offsets) in open_
    assert progress.committable == max(offsets) + 1
    assert not progress.open


@given(st.lists(st.integers(0, 20)))
def test_an_acknowledgement_of_what_is_not_open_changes_nothing(strangers: list[int]) -> None:
    progress = Progress()
    progress.take([30])
    for offset in strangers:
        progress.acknowledge(offset)

    assert progress.committable is None


def test_a_committed_offset_is_not_committed_again() -> None:
    progress = Progress()
    progress.take([5, 6])
    progress.acknowledge(5)
    progress.committed(6)

    assert progress.committable is None


async def test_stock_commits_past_a_record_in_flight() -> None:
    thread = FakeThread()
    consumer = stock_consumer(thread)
    messages = [stock_message(consumer, offset) for offset in range(10)]
    messages[5].ack(consumer)
    await consumer.commit()

    assert thread.commits == [{TP0: 6}], "0 to 4 are in flight: upstream has mended defect A"


async def test_a_record_in_flight_holds_the_commit() -> None:
    thread = FakeThread()
    consumer = engine_consumer(thread)
    messages = hand_on(consumer, range(10))
    consumer.acknowledge(messages[5])
    await consumer.commit()

    assert thread.commits == []


async def test_the_commit_follows_when_the_oldest_is_acknowledged() -> None:
    thread = FakeThread()
    consumer = engine_consumer(thread)
    messages = hand_on(consumer, range(10))
    for offset in (1, 2, 0):
        consumer.acknowledge(messages[offset])
    await consumer.commit()

    assert thread.commits == [{TP0: 3}]


async def test_a_refused_commit_is_tried_again() -> None:
    thread = FakeThread(accepts=False)
    consumer = engine_consumer(thread)
    consumer.acknowledge(hand_on(consumer, [7])[0])
    refused = await consumer.commit()
    thread.accepts = True

    assert (refused, await consumer.commit(), thread.commits) == (False, True, [{TP0: 8}])


async def test_an_acknowledgement_after_the_assignment_is_ignored() -> None:
    thread = FakeThread()
    consumer = engine_consumer(thread)
    message = hand_on(consumer, [7])[0]
    await consumer.release()
    consumer.acknowledge(message)
    await consumer.commit()

    assert thread.commits == []
    assert not consumer.is_current(message)


def hand_on(consumer: Consumer, offsets: range | list[int]) -> list[Message]:
    """Let *consumer* give records to its agent's inlet; return them as the agent would see them."""
    consumer._hand_on({TP0: [FakeRecord(offset) for offset in offsets]}, consumer.assignment_count)
    return list(consumer.app.inlets[TP0.topic].items)
