"""The loop takes each record once, sees what is not yet confirmed, and a defect costs one record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from streams.activation.activate import Activation
from streams.activation.agents import Agents
from streams.activation.decoding import Record, decoder
from streams.activation.events import Change, Input, Kind, Malformed
from streams.activation.faults import Faults
from streams.activation.limits import MAX_STATE_BYTES
from streams.activation.outbox import Outbox
from streams.activation.profiles import Profile, decode_profile, is_marked
from streams.activation.removals import Removals
from streams.activation.rendering import Step
from streams.activation.rounds import Round, Row
from streams.destinations import Account, Attribute, Destination, Segment
from streams.engine import Message
from streams.exports import Position
from streams.telemetry.telemetry import Telemetry

NOW = 1_700_000_000.0
DESTINATION = Destination(
    name="crm",
    account=Account("https://crm.example"),
    segments=(Segment("a"),),
    attributes=(Attribute(("person", "id"), ("person", "id")),),
)


class Defective(Activation):
    """An activation that fails, half way, on the records of one profile."""

    def apply(self, profile: Profile, change: Change, position: Position, now_ms: int) -> Step:
        step = super().apply(profile, change, position, now_ms)
        if position.offset == 1:
            raise RuntimeError("person.id = do-not-tell")
        return step


class Disk:
    """A table in memory that notes the order of what happens."""

    changelog_topic = "changelog"

    def __init__(self, happened: list[str]) -> None:
        self.rows: dict[tuple[int, bytes], bytes | None] = {}
        self._happened = happened

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get((partition, key))

    def write(self, partition: int, rows: Mapping[bytes, bytes | None], offset: int) -> None:
        self._happened.append(f"written up to {offset}")
        self.rows.update({(partition, key): value for key, value in rows.items()})

    def walk(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return ((key, value) for (number, key), value in list(self.rows.items()) if number == partition and value)

    def marked(self, partition: int) -> list[bytes]:
        return [key for (number, key), value in self.rows.items() if number == partition and value and is_marked(value)]


class Bench:
    """Agents over a disk, with an outbox that is read by the test instead of a broker."""

    def __init__(self, activation: Activation | None = None, max_state_bytes: int = MAX_STATE_BYTES) -> None:
        self.happened: list[str] = []
        self.disk = Disk(self.happened)
        self.rounds: list[Round[Message]] = []
        self.committed: dict[tuple[str, int], int] = {}
        self.ended: dict[tuple[str, int], int] = {}
        self.remakings = 0
        self.now = NOW
        self.telemetry = Telemetry(lambda: NOW, log=None)
        self.faults = Faults(lambda: self.now)
        self.agents = Agents(
            app="app",
            table=self.disk,
            destinations=[DESTINATION],
            activation=activation or Activation([DESTINATION], ["memberships", "profiles"], merge="newest"),
            telemetry=self.telemetry,
            acknowledge=lambda message: self.happened.append(f"acknowledged {message.offset}"),
            removals=Removals(
                lambda *place: self.committed.get(place, 0),
                lambda *place: self.ended.get(place, 0),
                ["profiles", "memberships", "exits"],
                lambda *_: self.remakings,
            ),
            faults=self.faults,
            remakings=lambda *_: self.remakings,
            now=lambda: self.now,
            max_state_bytes=max_state_bytes,
        )
        self.broker = Confirming()
        self.confirmed: Callable[[Round[Message]], None] = lambda written: self.agents.confirmed(written, self.outbox)
        self.outbox: Outbox[Message] = Outbox(
            self.broker, self._confirm, may_refuse=lambda topic: ".exports." in topic, refusing=self.faults
        )
        self.take = self.agents.reader(decoder(Input(Kind.FRAGMENT, "profiles")), "profiles", self.outbox)
        self.join = self.agents.reader(decoder(Input(Kind.QUALIFICATION, "memberships")), "memberships", self.outbox)
        self.leave = self.agents.reader(decoder(Input(Kind.EXIT, "exits")), "exits", self.outbox)

    def _confirm(self, written: Round[Message]) -> None:
        self.rounds.append(written)
        self.confirmed(written)

    async def confirm(self) -> None:
        """Let the broker confirm everything that is put."""
        task = asyncio.create_task(self.outbox.run())
        await asyncio.wait_for(self.outbox.idle(), 90)
        task.cancel()

    def remove(self) -> int:
        """Look at what waits, and remove what may be."""
        if self.agents.upkeep.is_due:
            self.agents.upkeep.look(self.outbox)
        return self.agents.upkeep.remove(self.outbox)

    @property
    def rows(self) -> dict[tuple[str, int], list[Row]]:
        """What the last round wrote."""
        return dict(self.rounds[-1].rows)

    def ends(self, end: str) -> float:
        value = self.telemetry.registry.get_sample_value("streams_records_total", {"topic": "profiles", "end": end})
        return value or 0.0


class Confirming:
    """A broker that confirms at once, with batches of any size; *meanwhile* is called once, during a round."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] | None = None
        self.refusing: dict[str, KafkaError] = {}
        self.abandoned = 0

    async def refusal(self, topic: str, partition: int | None = None) -> str | None:
        return None

    def abandon(self) -> None:
        self.abandoned += 1

    def create_batch(self) -> Any:
        return SimpleNamespace(append=lambda **_: True, close=lambda: None)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic in self.refusing:
            answer.set_exception(self.refusing[topic])
        else:
            answer.set_result(SimpleNamespace(offset=0))
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return answer


def a_message(
    offset: int, key: bytes | None, value: bytes | None, headers: Any = (), topic: str = "profiles"
) -> Message:
    return Message(topic, 0, offset, 1, key, value, headers, assignment=1)


MEMBERSHIP = b'{"segmentMembership": {"ups": {"a": {"lastQualificationTime": "2020-01-01T00:00:00Z"}}}}'


def a_fragment(name: str) -> bytes:
    return json.dumps({"person": {"id": name}}).encode()


def state(bench: Bench, key: bytes) -> Profile:
    kept = bench.disk.get(0, key)
    assert kept is not None
    return decode_profile(kept)


async def test_the_disk_is_written_after_the_confirmation_and_before_the_acknowledgement() -> None:
    bench = Bench()
    bench.take(a_message(0, b"k", a_fragment("first")))
    bench.take(a_message(1, b"k", a_fragment("second")))
    assert bench.disk.rows == {}

    await bench.confirm()

    assert bench.happened == ["written up to 1", "acknowledged 0", "acknowledged 1"]
    assert state(bench, b"k").fragments["profiles"].text == a_fragment("second")


async def test_the_next_record_sees_what_is_not_yet_confirmed() -> None:
    bench = Bench()
    bench.take(a_message(0, b"k", a_fragment("first")))
    bench.take(a_message(1, b"k", a_fragment("second")))
    await bench.confirm()

    revisions = [decode_profile(row.value).revision for row in bench.rows["changelog", 0] if row.value]
    assert revisions == [int(NOW * 1000), int(NOW * 1000) + 1]


async def test_a_defect_costs_one_record_and_its_profile_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Defective([DESTINATION], ["memberships", "profiles"], merge="newest"))
    bench.take(a_message(0, b"k", a_fragment("first")))
    bench.take(a_message(1, b"k", a_fragment("second")))
    bench.join(a_message(2, b"k", MEMBERSHIP))
    bench.take(a_message(3, b"other", a_fragment("third")))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    assert (letter.key, letter.value) == (b"k", a_fragment("second"))
    assert dict(letter.headers)["streams.reason"] == b"internal-error"
    assert state(bench, b"k").fragments["profiles"].position.offset == 0
    assert state(bench, b"k").memberships["ups"].keys() == {"a"}
    assert state(bench, b"other").fragments["profiles"].position.offset == 3
    assert bench.happened[-4:] == [f"acknowledged {offset}" for offset in range(4)]
    assert (bench.ends("malformed"), bench.ends("not-triggered")) == (1, 2)
    assert "do-not-tell" not in caplog.text
    assert "profiles-0-1" in caplog.text


async def test_a_defect_of_the_decoder_costs_one_record_too(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    def decode(record: Record, now_ms: int) -> Change | Malformed:
        if record.value == a_fragment("do-not-tell"):
            raise RuntimeError("do-not-tell")
        return decoder(Input(Kind.FRAGMENT, "profiles"))(record, now_ms)

    take = bench.agents.reader(decode, "profiles", bench.outbox)
    for offset, name in enumerate(("first", "do-not-tell", "third")):
        take(a_message(offset, b"k", a_fragment(name)))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    assert dict(letter.headers)["streams.reason"] == b"internal-error"
    assert state(bench, b"k").fragments["profiles"].text == a_fragment("third")
    assert "do-not-tell" not in caplog.text
    assert "profiles-0-1" in caplog.text


async def test_a_record_that_would_make_the_state_too_large_is_a_dead_letter() -> None:
    bench = Bench(max_state_bytes=200)
    bench.take(a_message(0, b"k", a_fragment("small")))
    bench.take(a_message(1, b"k", a_fragment("x" * 300)))
    bench.join(a_message(2, b"k", MEMBERSHIP))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    assert dict(letter.headers)["streams.reason"] == b"state-too-large"
    assert state(bench, b"k").fragments["profiles"].position.offset == 0


async def test_what_is_malformed_keeps_its_key_bytes_and_headers_and_is_acknowledged() -> None:
    bench = Bench()
    bench.take(a_message(7, b"k", b"{not json", [("trace", b"1")]))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["trace"]) == (b"k", b"{not json", b"1")
    assert headers["__connect.errors.offset"] == b"7"
    assert bench.happened == ["acknowledged 7"]


async def test_what_is_forgotten_is_read_again_from_the_disk() -> None:
    bench = Bench()
    bench.take(a_message(0, b"k", a_fragment("first")))
    await bench.confirm()
    bench.take(a_message(1, b"k", a_fragment("second")))
    bench.agents.forget()
    bench.join(a_message(2, b"k", MEMBERSHIP))
    await bench.confirm()

    assert state(bench, b"k").fragments["profiles"].position.offset == 0


async def test_a_record_taken_during_a_round_is_not_lost_to_the_next_when_the_round_is_confirmed() -> None:
    bench = Bench()
    bench.broker.meanwhile = lambda: bench.take(a_message(1, b"k", a_fragment("second")))
    bench.take(a_message(0, b"k", a_fragment("first")))
    confirm = bench.confirmed

    def confirmed(written: Round[Message]) -> None:
        confirm(written)
        if len(bench.rounds) == 1:
            bench.join(a_message(2, b"k", MEMBERSHIP))

    bench.confirmed = confirmed
    await bench.confirm()

    assert state(bench, b"k").fragments["profiles"].position.offset == 1
    assert state(bench, b"k").memberships["ups"].keys() == {"a"}
