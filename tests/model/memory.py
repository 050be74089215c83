"""Drives the product's pure activation, with crashes: state and exports are as far as they were confirmed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from streams.activation.activate import Activation
from streams.activation.decoding import decoder
from streams.activation.events import Input, Kind, Malformed
from streams.activation.profiles import Profile, decode_profile, encode_profile
from streams.activation.rendering import Step
from streams.configuration.documents import examine_one
from streams.configuration.stored import document_node
from streams.destinations import Destination
from streams.engine import Message
from streams.exports import Position
from tests.model.judge import Done, Judge, Sent
from tests.model.laws import Person, Record, Setting
from tests.model.strategies import Crash, Event, Example

NOW_MS = 1_700_000_000_000
KEY = b"profile-1"


@lru_cache(4_096)
def _destination(document: str) -> Destination:
    (destination,) = examine_one(document_node(json.loads(document), 1), {}).destinations
    return destination


def destinations(setting: Setting) -> list[Destination]:
    """Return the destinations that the documents describe."""
    return [_destination(json.dumps(document)) for document in setting.documents]


@dataclass(frozen=True)
class Taken:
    """A record that was taken, for the first time or again, and what was so after it, to both."""

    position: Position
    state: bytes
    person: Person
    due: dict[str, Any]
    sent: list[Sent]


class Driven:
    """One profile of the product, whose records the judge is told."""

    def __init__(self, setting: Setting) -> None:
        self.judge = Judge(setting)
        self._inputs = {topic: decoder(Input(Kind(kind), topic)) for topic, kind in setting.inputs.items()}
        self._activation = Activation(destinations(setting), list(setting.inputs), merge=setting.merge)
        self._profile, self._now = Profile(), NOW_MS
        self._records: dict[str, list[Record]] = {topic: [] for topic in setting.inputs}
        self._committed = dict.fromkeys(setting.inputs, 0)
        self._log: list[Taken] = []
        """All that was taken, in this session and before it."""
        self._session = 0
        """Where in it this session begins: before that all is confirmed, and written."""
        self._note(Position("", 0, -1, 0), [])

    @property
    def written(self) -> list[Sent]:
        """All that stands in the exports."""
        return [one for each in self._log for one in each.sent]

    def run(self, example: Example) -> None:
        """Let all happen."""
        for event in example.events:
            self.happen(event)

    def happen(self, event: Event) -> None:
        """Let one thing happen."""
        if isinstance(event, Record):
            self._records[event.topic].append(event)
            self._take(event, Position(event.topic, 0, len(self._records[event.topic]) - 1, event.timestamp))
        elif isinstance(event, Crash):
            self._crash(event)
        else:
            self._remove()

    def _take(self, record: Record, position: Position) -> None:
        done = self._done(record, position)
        self.judge.take(record, done, self._now)
        self._note(position, done.sent)

    def _note(self, position: Position, sent: list[Sent]) -> None:
        state, person = encode_profile(self._profile), self.judge.person.copy()
        self._log.append(Taken(position, state, person, dict(self.judge.due), sent))

    def _done(self, record: Record, position: Position) -> Done:
        value = None if record.value is None else json.dumps(record.value).encode()
        message = Message(record.topic, 0, position.offset, record.timestamp, KEY, value, (), assignment=1)
        change = self._inputs[record.topic](message, self._now)
        if isinstance(change, Malformed):
            return Done("malformed", [], {})
        step = self._activation.apply(self._profile, change, position, self._now)
        considered = {each.name: (end.value, why and why.value) for each, end, why in step.considered}
        return Done(step.end.value, _sent(step), considered)

    def _remove(self) -> None:
        """Commit everything, and remove what was forgotten, as the upkeep does."""
        self._committed = {topic: len(records) for topic, records in self._records.items()}
        self._profile.forgotten = None
        if self._profile.is_blank:
            self._profile = Profile(revision=self._profile.revision)
        self.judge.removed()
        self._note(Position("", 0, -1, 0), [])
        self._session = len(self._log)

    def _crash(self, crash: Crash) -> None:
        """Go back to what was confirmed, and read again what was not committed, in another order of the inputs."""
        first = max(1, self._session)
        confirmed = first + round(crash.confirmed * (len(self._log) - first))
        exported = first + round(crash.exported * (confirmed - first))
        self._commit(crash, self._log[first:exported])
        kept, last = self._log[:confirmed], self._log[confirmed - 1]
        self._profile, self.judge.worlds, self.judge.due = (
            decode_profile(last.state),
            [last.person.copy()],
            dict(last.due),
        )
        self._log = [each if place < exported else replace(each, sent=[]) for place, each in enumerate(kept)]
        self._session = len(self._log)
        self.judge.last = {each.destination: each.body for each in self.written}
        for record, position in self._read_again(crash.order):
            if all(each.position != position for each in self._log):
                self._take(record, position)
                continue
            done = self._done(record, position)
            self.judge.again(done, [self.judge.person], self._now)
            self._note(position, done.sent)
        self.judge.covered(self._now)

    def _commit(self, crash: Crash, acknowledged: list[Taken]) -> None:
        """Commit of each input a share of what is *acknowledged* since the last crash."""
        for share, topic in zip(crash.committed, self._records, strict=False):
            count = sum(each.position.topic == topic for each in acknowledged)
            self._committed[topic] += round(share * count)

    def _read_again(self, order: int) -> Iterator[tuple[Record, Position]]:
        offsets = {topic: list(range(self._committed[topic], len(records))) for topic, records in self._records.items()}
        topics = [topic for topic, each in offsets.items() for _ in each]
        random.Random(order).shuffle(topics)
        for topic in topics:
            offset = offsets[topic].pop(0)
            record = self._records[topic][offset]
            yield record, Position(topic, 0, offset, record.timestamp)


def _sent(step: Step) -> list[Sent]:
    return [Sent(each.destination.name, each.meta.trigger, json.loads(each.body), each.id) for each in step.exports]
