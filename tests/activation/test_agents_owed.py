"""What an exports topic refuses is owed: noted before the record is acknowledged, exported when the topic is back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiokafka.errors import TopicAuthorizationFailedError

from streams.activation.activate import Activation
from streams.activation.answers import MISSING, NOT_AUTHORIZED
from streams.activation.profiles import decode_profile, is_marked
from streams.exports import Position
from tests.activation.test_agents import DESTINATION, MEMBERSHIP, Bench, a_fragment, a_message, state

KEY = b"k"
ADS = replace(DESTINATION, name="ads")
CRM_TOPIC, ADS_TOPIC = "app.exports.crm.1", "app.exports.ads.1"
LATER = MEMBERSHIP.replace(b"2020", b"2021")


class Owing(Bench):
    """A bench with two destinations, of which the topic of ads may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.agents.assigned([0])
        self.follow(DESTINATION, ADS)

    def follow(self, *destinations: Any, gone: Any = ()) -> None:
        activation = Activation(destinations, ["memberships", "profiles"], merge="newest")
        self.agents.follow(destinations, activation, gone)

    def refuse(self) -> None:
        self.broker.refusing[ADS_TOPIC] = TopicAuthorizationFailedError(ADS_TOPIC)

    async def mend(self) -> None:
        """Let the topic take what is written to it, and do the chores until nothing is due."""
        self.broker.refusing.clear()
        for topic in list(self.faults.due(self.agents.upkeep.unsure)) or [ADS_TOPIC]:
            self.faults.accepted(topic)
        await self.look()

    async def look(self) -> None:
        await self.confirm()
        while self.agents.upkeep.is_due or self.agents.upkeep.is_looking:
            self.agents.upkeep.look(self.outbox)
            await self.confirm()

    def exported(self, topic: str = ADS_TOPIC) -> list[Any]:
        """Return the bodies that a topic has taken."""
        return [
            json.loads(row.value or b"")
            for written in self.rounds
            if (topic, 0) not in written.refused
            for row in written.rows.get((topic, 0), [])
        ]


def owed(bench: Bench, key: bytes = KEY) -> dict[str, Position] | None:
    return state(bench, key).owed


async def test_what_is_refused_is_owed_before_the_record_is_acknowledged_and_others_go_on() -> None:
    bench = Owing()
    bench.refuse()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    assert owed(bench) == {"ads.1": Position("memberships", 0, 3, 1)}
    assert is_marked(bench.disk.get(0, KEY) or b"")
    assert bench.happened == ["written up to 0", "written up to 0", "acknowledged 3"]
    assert (len(bench.exported(CRM_TOPIC)), bench.exported()) == (1, [])
    assert bench.faults.reasons == {ADS_TOPIC: NOT_AUTHORIZED}
    assert bench.broker.abandoned == 1


async def test_while_it_refuses_nothing_is_sent_to_it_and_each_record_is_owed_at_once() -> None:
    bench = Owing()
    bench.faults.refused(ADS_TOPIC, MISSING)
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    assert (ADS_TOPIC, 0) not in bench.rows
    assert len(bench.rows["changelog", 0]) == 1
    assert owed(bench) == {"ads.1": Position("memberships", 0, 3, 1)}
    labels = {"destination": "ads", "end": "excluded", "exclusion": "owed"}
    assert bench.telemetry.registry.get_sample_value("streams_considered_total", labels) == 1


async def test_when_it_is_back_the_profile_as_it_stands_is_exported_once_and_nothing_is_owed() -> None:
    bench = Owing()
    bench.refuse()
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.take(a_message(1, KEY, a_fragment("two")))
    bench.leave(a_message(0, KEY, LATER, topic="exits"))
    await bench.confirm()
    await bench.mend()

    (body,) = bench.exported()
    assert body["person"] == {"id": "two"}
    assert body["segmentMembership"]["ups"]["a"]["status"] == "exited"
    assert owed(bench) is None
    assert not is_marked(bench.disk.get(0, KEY) or b"")


async def test_it_stays_owed_until_the_broker_has_confirmed_it() -> None:
    bench = Owing()
    bench.refuse()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.faults.accepted(ADS_TOPIC)  # asked, it says yes; written to, it says no
    await bench.look()

    assert bench.exported() == []
    assert owed(bench) == {"ads.1": Position("memberships", 0, 3, 1)}
    assert ADS_TOPIC in bench.faults

    await bench.mend()

    assert len(bench.exported()) == 1
    assert owed(bench) is None
    rows = [row.value for written in bench.rounds for row in written.rows.get(("changelog", 0), [])]
    assert [decode_profile(value or b"").owed is None for value in rows] == [True, *[False] * (len(rows) - 2), True]


async def test_it_is_found_again_after_an_assignment_and_the_topic_is_asked_first() -> None:
    bench = Owing()
    bench.faults.refused(ADS_TOPIC, MISSING)
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.agents.forget()
    bench.faults.keep(())
    bench.agents.assigned([0])
    await bench.look()

    assert bench.exported() == []
    assert list(bench.faults.due(bench.agents.upkeep.unsure)) == [ADS_TOPIC]

    bench.faults.accepted(ADS_TOPIC)
    await bench.look()

    assert len(bench.exported()) == 1


async def test_done_again_after_a_crash_it_has_the_same_id_as_long_as_the_state_is_the_same() -> None:
    bench = Owing()
    bench.faults.refused(ADS_TOPIC, MISSING)
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    kept = bench.disk.rows[0, KEY]
    await bench.mend()
    bench.disk.rows[0, KEY] = kept  # the row that says it is exported was not written
    bench.agents.forget()
    bench.agents.assigned([0])
    await bench.look()

    rows = [row for written in bench.rounds for row in written.rows.get((ADS_TOPIC, 0), [])]
    assert len(rows) == 2
    assert len({dict(row.headers)["streams.id"] for row in rows}) == 1


async def test_a_destination_that_is_deleted_is_owed_nothing_any_more() -> None:
    bench = Owing()
    bench.refuse()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.follow(DESTINATION, gone={"ads.1"})
    await bench.look()

    assert owed(bench) is None
    assert bench.faults.reasons == {}


async def test_what_was_on_its_way_to_one_that_is_deleted_is_not_owed() -> None:
    bench = Owing()
    bench.refuse()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    bench.follow(DESTINATION, gone={"ads.1"})
    await bench.confirm()

    assert owed(bench) is None
    assert bench.happened[-1] == "acknowledged 3"


async def test_the_forgotten_are_kept_until_the_withdrawal_that_is_owed_is_exported() -> None:
    bench = Owing()
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.refuse()
    bench.take(a_message(1, KEY, None))
    await bench.confirm()
    bench.committed |= {("profiles", 0): 2, ("memberships", 0): 4}
    bench.now += 1
    assert bench.remove() == 0

    await bench.mend()
    bench.now += 1

    assert [body.keys() for body in bench.exported()] == [{"person", "segmentMembership"}, {"segmentMembership"}]
    assert bench.exported()[-1]["segmentMembership"]["ups"]["a"]["status"] == "exited"
    assert bench.remove() == 1


async def test_a_record_that_comes_before_the_debt_is_paid_is_exported_in_order() -> None:
    bench = Owing()
    bench.faults.refused(ADS_TOPIC, MISSING)
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.faults.accepted(ADS_TOPIC)
    bench.take(a_message(0, KEY, a_fragment("two")))
    await bench.look()

    rows = [row for written in bench.rounds for row in written.rows.get((ADS_TOPIC, 0), [])]
    metas = [json.loads(dict(row.headers)["streams.meta"]) for row in rows]
    assert [meta["trigger"] for meta in metas] == ["attribute", "owed"]
    assert metas[0]["revision"] < metas[1]["revision"]
    assert owed(bench) is None


async def test_many_are_exported_in_turns() -> None:
    bench = Owing()
    bench.faults.refused(ADS_TOPIC, MISSING)
    for number in range(2_500):
        bench.join(a_message(number, b"k%d" % number, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    await bench.mend()

    assert len(bench.exported()) == 2_500
    assert bench.disk.marked(0) == []
