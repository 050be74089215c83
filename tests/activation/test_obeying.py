"""A command is done by who follows the version that it asks for, and put back until then; none is lost."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import msgspec

from streams.activation.activate import Activation
from streams.activation.answers import MISSING
from streams.activation.asked import decode
from streams.activation.obeying import UNKNOWN_SECONDS, Commands
from streams.activation.profiles import decode_profile
from streams.activation.rounds import Row
from streams.destinations import Destination
from streams.engine import Message
from streams.exports import Position, decode_meta
from streams.profile_commands import ReExport, Replay, encode_command
from tests.activation.test_agents import DESTINATION, MEMBERSHIP, NOW, Bench, a_message

KEY, TOPIC = b"k", "app.commands"
SECOND = replace(DESTINATION, version=2)


class Asking(Bench):
    """A bench with a member, whose commands are taken."""

    def __init__(self) -> None:
        super().__init__()
        ended = self.telemetry.input(TOPIC).ended
        self.commands = Commands(self.agents, ended, self.outbox, lambda: self.now)
        self.ask = self.commands.reader(decode, {})
        self.join(a_message(0, KEY, MEMBERSHIP, topic="memberships"))

    def follow(self, *destinations: Destination, gone: Collection[str] = ()) -> None:
        activation = Activation(destinations, ["memberships", "profiles"], merge="newest")
        self.agents.follow(destinations, activation, gone)
        self.commands.look_again()

    def written(self, topic: str) -> list[Row]:
        return [row for written in self.rounds for row in written.rows.get((topic, 0), [])]

    def triggers(self, incarnation: str = "crm.1") -> list[str]:
        rows = self.written(f"app.exports.{incarnation}")
        return [json.loads(dict(row.headers)["streams.meta"])["trigger"] for row in rows]

    def counted(self, end: str) -> float:
        found = self.telemetry.registry.get_sample_value("streams_records_total", {"topic": TOPIC, "end": end})
        return found or 0.0


def a_command(offset: int = 0, *, at: float = NOW, headers: Any = (), **asked: Any) -> Message:
    value = encode_command(ReExport(**({"destination": "crm.1"} | asked)))
    return Message(TOPIC, 0, offset, int(at * 1000), KEY, value, headers, assignment=1)


async def test_a_command_is_done_and_acknowledged() -> None:
    bench = Asking()
    bench.ask(a_command(5))
    await bench.confirm()

    assert bench.triggers() == ["entered", "re-export"]
    assert bench.happened[-1] == "acknowledged 5"
    assert bench.counted("activated") == 1


async def test_what_asks_for_a_version_that_is_not_followed_is_put_back_behind_the_others() -> None:
    bench = Asking()
    bench.ask(a_command(5, version=2, headers=[("trace", b"1")]))
    await bench.confirm()
    assert "acknowledged 5" not in bench.happened

    bench.commands.put_back()
    await bench.confirm()

    (copy,) = bench.written(TOPIC)
    assert (copy.key, copy.value, copy.headers) == (KEY, a_command(version=2).value, [("trace", b"1")])
    assert bench.happened[-1] == "acknowledged 5"
    assert (bench.triggers(), bench.counted("overtaken")) == (["entered"], 1)


async def test_what_waits_is_done_as_soon_as_its_version_is_followed() -> None:
    bench = Asking()
    bench.ask(a_command(5, version=2))
    bench.follow(SECOND)
    await bench.confirm()
    bench.commands.put_back()
    await bench.confirm()

    assert bench.triggers() == ["entered", "re-export"]
    assert bench.written(TOPIC) == []
    assert bench.happened[-1] == "acknowledged 5"


async def test_an_incarnation_that_is_gone_is_sent_nothing() -> None:
    bench = Asking()
    bench.follow(replace(DESTINATION, number=2), gone={"crm.1"})
    bench.ask(a_command(5))
    await bench.confirm()

    assert bench.happened[-1] == "acknowledged 5"
    assert (bench.triggers(), bench.counted("not-triggered")) == (["entered"], 1)


async def test_one_that_is_not_known_yet_is_waited_for_and_not_for_ever() -> None:
    bench = Asking()
    bench.ask(a_command(5, destination="ads.1"))
    bench.ask(a_command(6, destination="typo.1"))
    bench.commands.put_back()
    bench.follow(DESTINATION, replace(DESTINATION, name="ads"))
    await bench.confirm()

    assert bench.triggers("ads.1") == ["re-export"]
    assert "acknowledged 6" not in bench.happened

    bench.now += UNKNOWN_SECONDS + 1
    bench.commands.put_back()
    await bench.confirm()

    assert bench.happened[-1] == "acknowledged 6"
    assert (bench.written(TOPIC), bench.counted("not-triggered")) == ([], 1)


async def test_what_waits_is_left_to_the_next_owner() -> None:
    bench = Asking()
    bench.ask(a_command(5, version=2))
    bench.commands.forget()
    bench.follow(SECOND)
    bench.commands.put_back()
    await bench.confirm()

    assert "acknowledged 5" not in bench.happened
    assert bench.triggers() == ["entered"]


async def test_a_malformed_command_is_a_dead_letter() -> None:
    bench = Asking()
    bench.ask(Message(TOPIC, 0, 5, 1, KEY, b'{"command": "obey"}', (), assignment=1))
    bench.ask(a_command(6))
    await bench.confirm()

    (letter,) = bench.written("app.dead-letters")
    assert dict(letter.headers)["streams.reason"] == b"invalid-command"
    assert (bench.counted("malformed"), bench.counted("activated")) == (1, 1)
    assert bench.triggers() == ["entered", "re-export"]


def a_replay(exported: Row, offset: int = 5, *, key: bytes = KEY, **changed: Any) -> Message:
    """Return the command to replay an export, as an operator's is made of its dead letter."""
    headers = dict(exported.headers)
    replay = Replay(
        destination="crm.1",
        id=headers["streams.id"].decode(),
        meta=decode_meta(headers["streams.meta"]),
        body=msgspec.Raw(exported.value or b""),
    )
    value = encode_command(msgspec.structs.replace(replay, **changed))
    return Message(TOPIC, 0, offset, int(NOW * 1000), key, value, (), assignment=1)


async def test_a_dead_letter_is_written_again_with_the_same_id_and_bytes_and_no_state_is() -> None:
    bench = Asking()
    await bench.confirm()
    (exported,) = bench.written("app.exports.crm.1")
    states = len(bench.written("changelog"))

    bench.ask(a_replay(exported, replays=3))
    await bench.confirm()

    _, again = bench.written("app.exports.crm.1")
    assert (again.key, again.value) == (exported.key, exported.value)
    assert again.headers == [*exported.headers, ("streams.replays", b"3")]
    assert len(bench.written("changelog")) == states
    assert (bench.happened[-1], bench.counted("activated")) == ("acknowledged 5", 1)


async def test_one_that_was_exported_since_is_overtaken() -> None:
    bench = Asking()
    await bench.confirm()
    (exported,) = bench.written("app.exports.crm.1")
    bench.ask(a_command(5))
    bench.ask(a_replay(exported, 6))
    await bench.confirm()

    assert bench.triggers() == ["entered", "re-export"]
    assert (bench.happened[-1], bench.counted("overtaken")) == ("acknowledged 6", 1)


async def test_one_whose_destination_is_gone_is_sent_nothing() -> None:
    bench = Asking()
    await bench.confirm()
    (exported,) = bench.written("app.exports.crm.1")
    bench.follow(replace(DESTINATION, number=2), gone={"crm.1"})
    bench.ask(a_replay(exported))
    await bench.confirm()

    assert (bench.triggers(), bench.counted("not-triggered")) == (["entered"], 1)


async def test_one_that_was_changed_on_its_way_is_a_dead_letter_and_no_export() -> None:
    bench = Asking()
    await bench.confirm()
    (exported,) = bench.written("app.exports.crm.1")
    bench.ask(a_replay(exported, body=msgspec.Raw(b'{"person":{"email":"somebody.else"}}')))
    await bench.confirm()

    (letter,) = bench.written("app.dead-letters")
    assert dict(letter.headers)["streams.reason"] == b"invalid-command"
    assert bench.triggers() == ["entered"]


async def test_a_withdrawal_that_is_owed_leaves_nothing_behind_of_who_is_not_known_any_more() -> None:
    bench = Asking()
    bench.agents.assigned([0])
    bench.take(a_message(0, KEY, None))
    await bench.confirm()
    _, withdrawal = bench.written("app.exports.crm.1")
    bench.faults.refused("app.exports.crm.1", MISSING)
    bench.ask(a_replay(withdrawal, key=b"removed"))
    await bench.confirm()
    assert decode_profile(bench.disk.get(0, b"removed") or b"").owed == {
        "crm.1": Position(TOPIC, 0, 5, int(NOW * 1000))
    }

    bench.faults.accepted("app.exports.crm.1")
    while bench.agents.upkeep.is_due or bench.agents.upkeep.is_looking:
        bench.agents.upkeep.look(bench.outbox)
        await bench.confirm()

    assert bench.disk.get(0, b"removed") is None
    assert bench.rows["changelog", 0] == [Row(b"removed", None, [])]
