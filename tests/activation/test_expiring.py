"""The owner asks itself for what is due: once per assignment and profile, found again by the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.activation import expiring
from streams.activation.asked import decode
from streams.activation.obeying import Commands
from streams.activation.profiles import EXITED_KEPT_MS
from streams.activation.rounds import Row
from streams.engine import Message
from tests.activation.test_agents import NOW, Bench, state

TOPIC = "app.commands"
UNTIL = NOW + 60


def a_message(offset: int, key: bytes, value: bytes, topic: str = "memberships", at: float = NOW) -> Message:
    return Message(topic, 0, offset, int(at * 1000), key, value, (), assignment=1)


def a_membership(until: str | None = None, **more: str) -> bytes:
    entry = {"lastQualificationTime": "2020-01-01T00:00:00Z", **({"validUntil": until} if until else {}), **more}
    return json.dumps({"segmentMembership": {"ups": {"a": entry}}}).encode()


IN = a_membership("2023-11-14T22:14:20Z")
"""Until UNTIL."""
OUT = a_membership(lastQualificationTime="2020-01-02T00:00:00Z")


class Expiring(Bench):
    """A bench whose own commands come back to it, as far as a test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.expiring = self.agents.expiring
        commands = Commands(self.agents, self.telemetry.input(TOPIC).ended, self.outbox, lambda: self.now)
        self.obey = commands.reader(decode, {})
        self.obeyed = 0
        self.agents.assigned([0])

    async def look(self) -> int:
        """Do what the chores do, and return how many commands were put."""
        before = len(self.asked)
        if self.expiring.is_walk_due:
            self.expiring.begin()
            await self.confirm()
        while self.expiring.is_walking:
            self.expiring.walk()
        while self.expiring.ask(self.outbox):
            pass
        await self.confirm()
        return len(self.asked) - before

    async def expire(self) -> None:
        """Take the commands that stand on their topic."""
        for offset, row in list(enumerate(self.asked))[self.obeyed :]:
            self.obey(Message(TOPIC, 0, offset, int(self.now * 1000), row.key, row.value, (), assignment=1))
            self.obeyed += 1
        await self.confirm()

    def written(self, topic: str) -> list[Row]:
        return [row for each in self.rounds for row in each.rows.get((topic, 0), [])]

    @property
    def asked(self) -> list[Row]:
        return self.written(TOPIC)

    @property
    def triggers(self) -> list[str]:
        rows = self.written("app.exports.crm.1")
        return [json.loads(dict(row.headers)["streams.meta"])["trigger"] for row in rows]

    def counted(self, what: str) -> float | None:
        return self.telemetry.registry.get_sample_value("streams_memberships_expired_total", {"what": what})


async def test_a_membership_is_expired_when_its_end_has_come() -> None:
    bench = Expiring()
    bench.join(a_message(0, b"k", IN))
    assert await bench.look() == 0

    bench.now = UNTIL
    assert await bench.look() == 1
    await bench.expire()

    assert bench.triggers == ["entered", "exited"]
    assert not state(bench, b"k").memberships["ups"]["a"].inside
    assert bench.happened[-1] == "acknowledged 0"
    assert bench.counted("ended") == 1.0
    assert bench.telemetry.registry.get_sample_value("streams_records_total", {"topic": TOPIC, "end": "activated"}) == 1


async def test_what_is_asked_for_is_not_asked_for_again_while_it_is_under_way() -> None:
    bench = Expiring()
    bench.join(a_message(0, b"k", IN))
    bench.now = UNTIL
    assert [await bench.look(), await bench.look()] == [1, 0]

    bench.now = UNTIL + 3_600  # the walk that is due by then finds it, too
    assert await bench.look() == 0
    await bench.expire()

    assert bench.triggers == ["entered", "exited"]


async def test_what_is_due_is_found_again_after_an_assignment() -> None:
    bench = Expiring()
    bench.join(a_message(0, b"k", IN))
    await bench.look()
    bench.agents.forget()
    bench.now = UNTIL
    assert await bench.look() == 0

    bench.agents.assigned([0])

    assert await bench.look() == 1


async def test_a_command_of_the_owner_before_and_ours_end_a_membership_once() -> None:
    bench = Expiring()
    bench.join(a_message(0, b"k", IN))
    bench.now = UNTIL
    await bench.look()
    bench.agents.assigned([0])
    await bench.look()
    assert len(bench.asked) == 2

    await bench.expire()

    assert bench.triggers == ["entered", "exited"]
    assert bench.telemetry.registry.get_sample_value("streams_records_total", {"topic": TOPIC, "end": "overtaken"}) == 1


async def test_what_is_written_after_the_walk_has_begun_is_known_without_another() -> None:
    bench = Expiring()
    await bench.look()
    bench.join(a_message(0, b"k", IN))
    await bench.confirm()

    bench.now = UNTIL
    assert not bench.expiring.is_walk_due
    assert await bench.look() == 1


async def test_what_ends_beyond_the_horizon_is_found_by_a_later_walk() -> None:
    bench = Expiring()
    await bench.look()
    bench.join(a_message(0, b"k", a_membership("2023-11-15T02:00:00Z")))
    await bench.confirm()
    asked = 0
    for _ in range(16):
        bench.now += 900
        asked += await bench.look()

    assert asked == 1


async def test_a_renewal_moves_the_end() -> None:
    bench = Expiring()
    await bench.look()
    bench.join(a_message(0, b"k", IN))
    renewed = a_membership("2023-11-14T22:20:00Z", lastQualificationTime="2020-01-02T00:00:00Z")
    bench.join(a_message(1, b"k", renewed))
    await bench.confirm()

    bench.now = UNTIL
    assert await bench.look() == 0
    bench.now = UNTIL + 340
    assert await bench.look() == 1


async def test_no_more_commands_are_under_way_than_others_can_wait_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "MOST_UNDER_WAY", 3)
    bench = Expiring()
    for number in range(8):
        bench.join(a_message(number, b"%d" % number, IN))
    bench.now = UNTIL

    asked = []
    for _ in range(3):
        asked.append(await bench.look())
        await bench.expire()

    assert asked == [3, 3, 2]
    assert bench.triggers.count("exited") == 8


async def test_a_walk_takes_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "WALKED_AT_ONCE", 2)
    bench = Expiring()
    for number in range(5):
        bench.join(a_message(number, b"%d" % number, IN))
    await bench.confirm()
    bench.expiring.begin()

    turns = 0
    while bench.expiring.is_walking:
        bench.expiring.walk()
        turns += 1

    assert turns == 3


def commit(bench: Expiring, **offsets: int) -> None:
    bench.committed |= {(topic, 0): offset for topic, offset in offsets.items()}


async def an_old_exit(**ends: int) -> Expiring:
    """Return one that has left thirty days ago, and of whom nothing else is known."""
    bench = Expiring()
    bench.ended |= {(topic, 0): end for topic, end in ends.items()}
    bench.leave(a_message(3, b"k", OUT, topic="exits"))
    await bench.look()
    bench.now += EXITED_KEPT_MS / 1000 + 1
    return bench


async def test_an_old_exit_leaves_the_state_and_with_it_the_profile_that_had_nothing_else() -> None:
    bench = await an_old_exit()
    commit(bench, exits=4)
    assert await bench.look() == 1

    await bench.expire()

    assert bench.written("changelog")[-1] == Row(b"k", None, [])
    assert bench.disk.get(0, b"k") is None
    assert (bench.counted("dropped"), bench.triggers) == (1.0, ["exited"])
    bench.join(a_message(0, b"k", a_membership()))
    await bench.confirm()
    assert bench.triggers == ["exited", "entered"]


async def test_a_profile_that_has_more_than_the_exit_stays() -> None:
    bench = await an_old_exit()
    bench.take(a_message(0, b"k", b'{"person": {"id": "one"}}', topic="profiles"))
    commit(bench, exits=4)
    await bench.look()

    await bench.expire()

    assert state(bench, b"k").memberships == {}


@pytest.mark.parametrize("topic", ["exits", "memberships"])
async def test_an_old_exit_stays_until_nothing_from_before_can_be_read_again(topic: str) -> None:
    """Also in the other inputs: at a first start an older entry of theirs may still be unread."""
    bench = await an_old_exit(memberships=2)
    commit(bench, **({"exits": 4, "memberships": 2} | {topic: 1}))
    assert await bench.look() == 0

    commit(bench, exits=4, memberships=2)
    assert await bench.look() == 0  # it is not looked at each second
    bench.now += expiring.AGAIN_MS / 1000

    assert await bench.look() == 1


async def test_what_a_command_carries_is_not_told_anywhere(log: Any) -> None:
    bench = Expiring()
    bench.join(a_message(0, b"canary", IN.replace(b'"a"', b'"canary-segment"')))
    bench.now = UNTIL
    await bench.look()
    await bench.expire()

    assert json.loads(bench.asked[0].value or b"")["memberships"][0]["segment"] == "canary-segment"
    assert "canary" not in str(log)


@pytest.fixture
def log() -> Iterator[Any]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def test_a_membership_in_the_overlay_counts_not_the_one_on_the_disk() -> None:
    bench = Expiring()
    await bench.look()
    bench.join(a_message(0, b"k", IN))
    await bench.confirm()
    bench.now = UNTIL
    bench.leave(a_message(0, b"k", OUT, topic="exits"))

    assert await bench.look() == 0
