"""What a policy forbids to export is owed: noted with the record, and exported as things stand once it is allowed."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from streams.activation.asked import decode
from streams.activation.obeying import Commands
from streams.activation.profiles import is_marked
from streams.engine import Message
from streams.exports import Position, decode_meta
from streams.profile_commands import ReExport, Replay, encode_command
from tests.activation.test_agents import DESTINATION, MEMBERSHIP, NOW, a_fragment, a_message, state
from tests.activation.test_agents_owed import ADS, ADS_TOPIC, CRM_TOPIC, KEY, LATER, Owing, owed

FORBIDDEN = replace(ADS, forbidden="C2 on person (in labels customer-data)")
COMMANDS = "app.commands"


class Forbidding(Owing):
    """A bench with two destinations, of which ads may be forbidden."""

    def __init__(self) -> None:
        super().__init__()
        self.commands = Commands(self.agents, self.telemetry.input(COMMANDS).ended, self.outbox, lambda: self.now)
        self.ask = self.commands.reader(decode, {})

    def forbid(self) -> None:
        self.follow(DESTINATION, FORBIDDEN)

    async def allow(self) -> None:
        """Follow the destination as it is without the policy, and do the chores until nothing is due."""
        self.follow(DESTINATION, ADS)
        await self.look()
        await self.mend()

    def considered(self, exclusion: str) -> float:
        labels = {"destination": "ads", "end": "excluded", "exclusion": exclusion}
        return self.telemetry.registry.get_sample_value("streams_considered_total", labels) or 0.0


async def a_member() -> Forbidding:
    """Return a bench with a profile that both destinations were told to be in."""
    bench = Forbidding()
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    assert len(bench.exported()) == len(bench.exported(CRM_TOPIC)) == 1
    return bench


async def test_nothing_is_exported_to_it_and_what_was_to_be_is_owed_before_the_acknowledgement() -> None:
    bench = Forbidding()
    bench.forbid()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    assert (len(bench.exported(CRM_TOPIC)), bench.exported()) == (1, [])
    assert owed(bench) == {"ads.1": Position("memberships", 0, 3, 1)}
    assert is_marked(bench.disk.get(0, KEY) or b"")
    assert bench.happened == ["written up to 0", "acknowledged 3"]
    assert (bench.considered("policy"), bench.considered("owed")) == (1, 0)
    assert list(state(bench, KEY).told) == ["crm.1"]


async def test_where_its_topic_refuses_too_the_policy_is_what_is_told() -> None:
    bench = Forbidding()
    bench.faults.refused(ADS_TOPIC, "topic-missing")
    bench.forbid()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    assert bench.considered("policy") == 1


async def test_when_it_is_allowed_the_profile_as_it_stands_is_exported_once() -> None:
    bench = await a_member()
    bench.forbid()
    bench.take(a_message(1, KEY, a_fragment("two")))
    bench.leave(a_message(0, KEY, LATER, topic="exits"))
    await bench.look()
    assert len(bench.exported()) == 1

    await bench.allow()

    entered, left = bench.exported()
    assert (entered["person"], left["person"]) == ({"id": "one"}, {"id": "two"})
    assert left["segmentMembership"]["ups"]["a"]["status"] == "exited"
    assert (owed(bench), is_marked(bench.disk.get(0, KEY) or b"")) == (None, False)


async def test_what_is_owed_is_no_reason_to_look_at_all_profiles_again_while_it_is_forbidden() -> None:
    bench = Forbidding()
    bench.faults.accepted(ADS_TOPIC)
    bench.forbid()
    await bench.look()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    assert not bench.agents.upkeep.is_due
    assert bench.agents.upkeep.unsure == set()


async def test_it_is_found_again_by_another_owner_whether_it_is_forbidden_there_or_not() -> None:
    bench = Forbidding()
    bench.forbid()
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.agents.forget()
    bench.agents.assigned([0])
    await bench.mend()
    assert (bench.exported(), owed(bench)) == ([], {"ads.1": Position("memberships", 0, 3, 1)})

    bench.agents.forget()
    bench.faults.keep(())
    bench.agents.assigned([0])
    await bench.allow()

    assert (len(bench.exported()), owed(bench)) == (1, None)


async def test_what_is_forbidden_while_it_is_paid_stays_owed() -> None:
    bench = Forbidding()
    bench.forbid()
    for number in range(1_500):
        bench.join(a_message(number, b"k%d" % number, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    bench.follow(DESTINATION, ADS)
    bench.faults.accepted(ADS_TOPIC)
    assert bench.agents.upkeep.look(bench.outbox) == 1_000  # the first of two turns
    bench.forbid()
    await bench.look()
    assert (len(bench.exported()), len(bench.disk.marked(0))) == (1_000, 500)

    await bench.allow()
    assert (len(bench.exported()), bench.disk.marked(0)) == (1_500, [])


async def test_a_person_that_is_forgotten_meanwhile_is_withdrawn_from_who_was_told_of_them() -> None:
    bench = await a_member()
    bench.forbid()
    bench.take(a_message(1, KEY, None))
    await bench.confirm()
    bench.committed |= {("profiles", 0): 2, ("memberships", 0): 4}
    bench.now += 1
    assert bench.remove() == 0

    await bench.allow()
    bench.now += 1

    assert [body.keys() for body in bench.exported()] == [{"person", "segmentMembership"}, {"segmentMembership"}]
    assert bench.exported()[-1]["segmentMembership"]["ups"]["a"]["status"] == "exited"
    assert bench.remove() == 1


async def test_who_was_never_told_of_a_person_is_not_told_that_they_have_gone_and_nothing_of_them_is_kept() -> None:
    bench = Forbidding()
    bench.forbid()
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    bench.take(a_message(1, KEY, None))
    await bench.confirm()
    bench.committed |= {("profiles", 0): 2, ("memberships", 0): 4}
    bench.now += 1

    assert bench.remove() == 1
    await bench.confirm()
    assert bench.disk.get(0, KEY) is None
    await bench.allow()
    assert bench.exported() == []


async def test_a_re_export_that_is_asked_for_meanwhile_is_owed() -> None:
    bench = await a_member()
    bench.forbid()
    value = encode_command(ReExport(destination="ads.1"))
    bench.ask(Message(COMMANDS, 0, 5, int(NOW * 1000), KEY, value, (), assignment=1))
    await bench.confirm()
    assert bench.happened[-1] == "acknowledged 5"
    assert (len(bench.exported()), list(owed(bench) or ())) == (1, ["ads.1"])

    await bench.allow()

    first, again = bench.exported()
    assert first == again


async def test_nothing_is_replayed_meanwhile_and_the_dead_letter_may_be_once_it_is_allowed() -> None:
    bench = await a_member()
    (row,) = [row for written in bench.rounds for row in written.rows.get((ADS_TOPIC, 0), [])]
    headers = dict(row.headers)
    meta = decode_meta(headers["streams.meta"])
    replay = Replay(
        destination="ads.1", id=headers["streams.id"].decode(), meta=meta, body=msgspec.Raw(row.value or b"")
    )

    def asked(offset: int) -> Message:
        return Message(COMMANDS, 0, offset, int(NOW * 1000), KEY, encode_command(replay), (), assignment=1)

    bench.forbid()
    bench.ask(asked(5))
    await bench.confirm()
    assert (bench.happened[-1], len(bench.exported()), owed(bench)) == ("acknowledged 5", 1, None)
    assert bench.considered("policy") == 1

    await bench.allow()
    bench.ask(asked(6))
    await bench.confirm()
    assert [json.dumps(body) for body in bench.exported()] == [json.dumps(json.loads(row.value or b""))] * 2
