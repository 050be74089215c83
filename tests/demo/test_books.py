"""Every way in which the demo's books do not close is told, and what is only under way is told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.demo.books import Books, DestinationBook, Seen, TopicBook, differences, missing
from streams.ends import ExportEnd, RecordEnd

CRM = DestinationBook(
    considered={RecordEnd.ACTIVATED: 3},
    ends={ExportEnd.DELIVERED: 2, ExportEnd.DEAD_LETTERED: 1},
    attempts=4,
)
CLOSED = Books(
    {"profiles": TopicBook({RecordEnd.NOT_TRIGGERED: 2}), "exits": TopicBook({RecordEnd.ACTIVATED: 3})},
    {"crm": CRM},
)
SEEN = Seen(sent={"profiles": 2, "exits": 3}, exports={"crm": 3}, dead_letters=1, requests={"crm": 4}, taken={"crm": 2})


def with_crm(**changes: object) -> Books:
    return replace(CLOSED, destinations={"crm": replace(CRM, **changes)})  # type: ignore[arg-type]  # by name


def test_books_that_close_have_no_difference_and_nothing_missing() -> None:
    assert differences(CLOSED, SEEN) == []
    assert missing(CLOSED, SEEN) == []


def test_every_end_of_an_export_counts() -> None:
    every = with_crm(considered={RecordEnd.ACTIVATED: 5}, ends=dict.fromkeys(ExportEnd, 1), attempts=1)
    seen = replace(SEEN, exports={"crm": 5}, requests={"crm": 1}, taken={"crm": 1})

    assert differences(every, seen) == []


def test_a_lost_record_is_missing_and_a_difference() -> None:
    seen = replace(SEEN, sent={**SEEN.sent, "exits": 4})

    assert missing(CLOSED, seen) == ["exits: 3 of 4 records have ended"]
    assert differences(CLOSED, seen) == ["exits: 4 records were sent, 3 have ended"]


def test_a_record_that_ended_twice_is_a_difference() -> None:
    seen = replace(SEEN, sent={**SEEN.sent, "exits": 2})

    assert differences(CLOSED, seen) == ["exits: 2 records were sent, 3 have ended"]


def test_a_topic_that_the_worker_never_read_is_missing() -> None:
    assert missing(Books(), Seen(sent={"exits": 1})) == ["exits: 0 of 1 records have ended"]


def test_an_export_that_has_not_ended_is_missing_and_a_difference_unless_it_is_pending() -> None:
    ends = {ExportEnd.DELIVERED: 2}
    seen = replace(SEEN, dead_letters=0)

    assert missing(with_crm(ends=ends), seen) == ["crm: 2 of 3 exports have ended"]
    assert differences(with_crm(ends=ends), seen) == ["crm: of 3 exports 2 have ended and 0 are pending"]
    assert differences(with_crm(ends=ends, pending=1), seen) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"exports": {"crm": 4}}, "crm: 3 records were activated, 4 exports are on Kafka"),
        ({"exports": {"crm": 4}}, "crm: of 4 exports 3 have ended and 0 are pending"),
        ({"taken": {"crm": 3}}, "crm: 2 exports were delivered, 3 requests got a 2xx"),
        ({"requests": {"crm": 5}}, "crm: 4 requests were made, 5 were received"),
        ({"requests": {"crm": 3}}, "crm: 4 requests were made, 3 were received"),
        ({"requests": {"crm": 4, "?": 1}}, "?: 0 requests were made, 1 were received"),
        ({"dead_letters": 2}, "1 dead letters were written, 2 are on Kafka"),
    ],
)
def test_what_was_seen_otherwise_than_the_worker_says_is_a_difference(changed: dict[str, int], told: str) -> None:
    assert told in differences(CLOSED, replace(SEEN, **changed))  # type: ignore[arg-type]  # by name


def test_a_request_whose_connection_turned_out_closed_may_or_may_not_have_arrived() -> None:
    for received in (4, 5):
        seen = replace(SEEN, requests={"crm": received})
        assert differences(with_crm(resent=1), seen) == []


def test_what_is_still_to_be_read_on_kafka_is_missing() -> None:
    assert missing(CLOSED, replace(SEEN, exports={})) == ["crm: 0 of 3 exports were read on Kafka"]
    assert missing(CLOSED, replace(SEEN, dead_letters=0)) == ["0 of 1 dead letters were read on Kafka"]
