"""``now`` is the moment of a destination's creation, for ever."""

from __future__ import annotations

from streams.creations import fixed
from tests.records import a_destination


class Memory:
    """A journal of creations that holds in memory what it is told first."""

    def __init__(self) -> None:
        self.created: dict[str, int] = {}

    async def record_creation(self, incarnation: str, at_ms: int) -> int:
        return self.created.setdefault(incarnation, at_ms)


async def test_now_is_when_a_destination_was_seen_first_and_stays_that() -> None:
    journal = Memory()
    destinations = [a_destination("crm", since="now"), a_destination("ads", since=5), a_destination("ids")]

    assert [d.since for d in await fixed(destinations, journal, 1_000)] == [1_000, 5, None]
    assert [d.since for d in await fixed(destinations, journal, 2_000)] == [1_000, 5, None]


async def test_who_says_now_later_means_the_creation_too() -> None:
    journal = Memory()
    await fixed([a_destination("crm")], journal, 1_000)

    (destination,) = await fixed([a_destination("crm", since="now", version=2)], journal, 2_000)

    assert destination.since == 1_000


async def test_a_destination_made_again_under_its_name_is_created_anew() -> None:
    journal = Memory()
    await fixed([a_destination("crm", since="now")], journal, 1_000)

    (destination,) = await fixed([a_destination("crm", since="now", number=2)], journal, 2_000)

    assert destination.since == 2_000
