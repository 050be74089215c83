"""What is asked of a worker about its profiles is answered from the state as of the last record taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.activation import explanation
from streams.activation.cataloguing import Catalogue
from streams.activation.inquiring import Inquiry
from streams.activation.questions import EXPLAIN, SEEN, Explain
from streams.denied import DeniedError
from streams.engine import Message
from streams.engine.states import MemoryState
from streams.engine.store import Table
from tests.activation.test_agents import NOW, Bench
from tests.records import a_fragment, a_membership

KEY = b"amira"


class Asked:
    """An inquiry over a bench whose worker owns *partitions*."""

    def __init__(self, partitions: set[int] | None = None) -> None:
        self.bench, self.partitions = Bench(), {0} if partitions is None else partitions
        table = Table("changelog", {0: MemoryState()})
        catalogue = Catalogue(table, lambda: self.partitions, lambda: NOW, lambda: 0.0)
        self.inquiry = Inquiry(self.bench.agents, catalogue, lambda: self.partitions, lambda: NOW)

    def arrive(self) -> None:
        """Let the profile's fragment and its entry be taken, with nothing confirmed yet."""
        bench, now_ms = self.bench, int(NOW * 1000)
        bench.take(Message("profiles", 0, 0, now_ms, KEY, a_fragment(person={"id": "secret-id"}), (), 1))
        bench.join(Message("memberships", 0, 0, now_ms, KEY, a_membership("a"), (), 1))

    def denied(self, **question: Any) -> str:
        with pytest.raises(DeniedError) as caught:
            self.inquiry.explained(Explain(**{"profile": "amira", "destination": "crm", **question}))
        return str(caught.value)


async def test_a_profile_is_explained_before_and_after_the_broker_confirms_it() -> None:
    asked = Asked()
    asked.arrive()
    question = json.dumps({"profile": "amira", "destination": "crm", "reveal": True}).encode()

    before = explanation.decode(await asked.inquiry.answers[EXPLAIN](question))
    await asked.bench.confirm()
    after = explanation.decode(await asked.inquiry.answers[EXPLAIN](question))

    assert after == before
    assert (after.profile, after.partition, after.end) == ("amira", 0, "activated")
    assert after.told is not None
    assert after.told.trigger == "entered"
    assert b"secret-id" in bytes(after.exports[0].body)


async def test_values_are_masked_unless_asked_for() -> None:
    asked = Asked()
    asked.arrive()

    masked = await asked.inquiry.answers[EXPLAIN](b'{"profile": "amira", "destination": "crm"}')

    assert b"secret" not in masked
    assert b"amira" not in masked


def test_who_looks_is_given_a_copy() -> None:
    asked = Asked()
    asked.arrive()
    agents = asked.bench.agents

    assert agents.look(0, KEY) == agents.look(0, KEY)
    assert agents.look(0, KEY) is not agents.look(0, KEY)
    assert agents.look(0, b"nobody") is None


async def test_to_look_changes_nothing_of_what_is_taken_next() -> None:
    one, other = Asked(), Asked()
    for asked in (one, other):
        asked.arrive()
    for _ in range(3):
        one.inquiry.explained(Explain(profile="amira", destination="crm"))
    left = a_membership("a", 5, status="exited")
    for asked in (one, other):
        asked.bench.leave(Message("exits", 0, 0, int(NOW * 1000), KEY, left, (), 1))
        await asked.bench.confirm()

    assert one.bench.disk.rows == other.bench.disk.rows
    assert one.bench.rows == other.bench.rows


def test_what_cannot_be_answered_says_why_and_shows_no_profile() -> None:
    asked = Asked()
    asked.arrive()

    assert "[profile-unknown]" in asked.denied(profile="nobody")
    assert "'other' [destination-unknown]" in asked.denied(destination="other")
    assert "not partition 3 now, or has not recovered it [no-owner]" in asked.denied(partition=3)
    asked.partitions.clear()
    assert "no partition now" in asked.denied()
    assert "nobody" not in asked.denied(profile="nobody")


@pytest.mark.parametrize("question", [b"", b"[]", b'{"profile": "amira"}', b'{"profile": 1, "destination": "crm"}'])
async def test_a_question_that_is_none_is_refused(question: bytes) -> None:
    with pytest.raises(DeniedError, match="wrong-request"):
        await Asked().inquiry.answers[EXPLAIN](question)


async def test_what_is_known_of_all_is_asked_likewise() -> None:
    asked = Asked()
    try:
        assert json.loads(await asked.inquiry.answers[SEEN](b"{}"))["partitions"] == [0]
        asked.partitions = set()
        with pytest.raises(DeniedError, match="no-owner"):
            await asked.inquiry.answers[SEEN](b"{}")
    finally:
        await asked.inquiry.stop()
