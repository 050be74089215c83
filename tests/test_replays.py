"""Whatever is read again after a crash: no duty is lost, the state converges, and no id has two bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.asked import Asked, decode
from streams.activation.expiries import expiry, next_due
from streams.activation.owing import acquit, postpone
from streams.activation.profiles import Profile, decode_profile, due_of, encode_profile, is_marked
from streams.activation.removals import Removals
from streams.activation.rendering import Rendered, Step
from streams.activation.targets import Trigger
from streams.destinations import Destination
from streams.ends import Exclusion
from streams.engine import Message
from streams.exports import Position
from streams.profile_commands import ReExport, encode_command
from tests.record_streams import (
    COMMANDS,
    CONSENTING,
    DESTINATIONS,
    LATE,
    Model,
    Record,
    attributes,
    lives,
    said,
    says_all,
    streams,
)
from tests.records import INPUTS, KEY, NOW_MS, an_activation

ALL = (*DESTINATIONS, LATE, *CONSENTING)
NEW = encode_profile(Profile())
EXITS = (Trigger.EXITED, Trigger.FORGOTTEN)


@dataclass
class Row:
    """A row of the changelog: the state, the number of records in it, and what must be known then."""

    state: bytes
    records: int
    now: int
    removed: bool = False


@dataclass
class Worker:
    """Applies records and removals, remembering each row and each export, as changelog and exports topics do."""

    state: bytes = NEW
    now: int = NOW_MS
    ends: Mapping[str, int] = field(default_factory=dict)
    """Where the topics ended when this worker took over."""
    committed: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    exports: list[list[Rendered]] = field(default_factory=list)
    refusing: frozenset[str] = frozenset()
    """The incarnations whose exports topics refuse."""
    asked: int = 0
    """How many commands there are."""
    log: list[Record] = field(default_factory=list)
    """What was taken, in that order."""
    waiting: list[Record] = field(default_factory=list)
    """The commands that the worker asks of itself and that it has not taken yet; they are on their topic."""

    def __post_init__(self) -> None:
        self.profile = decode_profile(self.state)
        self.activation = an_activation(*ALL)
        self.rows.append(Row(self.state, 0, self.now))
        self.removals = Removals(
            lambda topic, _: self.committed.get(topic, 0), lambda topic, _: self.ends.get(topic, 0), [*INPUTS, COMMANDS]
        )
        self.removals.found(0, [KEY] if is_marked(self.state) else [])

    def take(self, record: Record) -> None:
        self.now += 10
        self.removals.taken(record.topic)[0] = record.position.offset
        step = self._applied(record)
        assert_bounded(self.profile)
        postpone(step, self.profile, record.position, self._prevents)
        self.log.append(record)
        self.exports.append(step.exports)
        self.rows.append(Row(encode_profile(self.profile), len(self.exports), self.now))

        if self.profile.forgotten is not None:
            self.removals.note(0, KEY)

    def _applied(self, record: Record) -> Step:
        if record.topic != COMMANDS:
            return self.activation.apply(self.profile, record.change(self.now), record.position, self.now)
        asked = decode(Message(COMMANDS, 0, 0, NOW_MS, KEY, record.value, (), assignment=1), self.now)
        assert isinstance(asked, Asked)
        return self.activation.obey(self.profile, asked, record.position, self.now)

    def _prevents(self, incarnation: str) -> Exclusion | None:
        return Exclusion.OWED if incarnation in self.refusing else None

    def expire(self) -> None:
        """Ask for what is due, as a worker does that has just been assigned the partition, too."""
        command = expiry(self.profile, self.now, lambda _: False)
        if command is not None:
            self.asked += 1
            position = Position(COMMANDS, 0, self.asked, self.now)
            self.waiting.append(Record(COMMANDS, encode_command(command), position))

    def mend(self) -> None:
        """Let the topics take what is owed."""
        self.refusing = frozenset()
        for incarnation, position in (self.profile.owed or {}).items():
            self.now += 10
            step = self.activation.renew(self.profile, incarnation, Trigger.OWED, position, self.now)
            self.exports[-1] = [*self.exports[-1], *step.exports]
            acquit(self.profile, incarnation, position)
        assert self.profile.owed is None

    def re_export(self, destination: Destination) -> None:
        """Do what a command asks."""
        self.now += 10
        self.asked += 1
        asked = Asked(ReExport(destination=destination.incarnation))
        step = self.activation.re_export(self.profile, asked, Position(COMMANDS, 0, self.asked, NOW_MS), self.now)
        self.exports[-1] = [*self.exports[-1], *step.exports]

    def remove(self) -> bool:
        """Take away what was forgotten, if it is time for that."""
        forgotten = self.profile.forgotten
        if self.profile.owed is not None:
            return False
        if forgotten is None or not list(self.removals.due()):
            return False
        assert self.removals.are_committed(0, forgotten.seen)
        self.removals.done(0, KEY)
        self.profile.forgotten = None
        if self.profile.is_blank:
            self.profile = Profile()
        self.rows.append(Row(encode_profile(self.profile), len(self.exports), self.now, removed=True))
        return True


def assert_bounded(profile: Profile) -> None:
    """Check that the profile's moment is no later than that of anything in it, and that its state tells it."""
    due = next_due(profile)
    assert due is None or (profile.due is not None and profile.due <= due)
    assert due_of(encode_profile(profile)) == profile.due


def ends(records: Iterable[Record]) -> dict[str, int]:
    """Return the next offset by topic behind *records*."""
    return {record.topic: record.position.offset + 1 for record in records}


def shuffled(records: list[Record], random: Any) -> list[Record]:
    """Return *records* in another order that each topic may be read in: its own order stays."""
    waiting = {topic: [r for r in records if r.topic == topic] for topic in {r.topic: None for r in records}}
    found = []
    while waiting:
        topic = random.choice(sorted(waiting))
        found.append(waiting[topic].pop(0))
        if not waiting[topic]:
            del waiting[topic]
    return found


def sent(exports: Iterable[Sequence[Rendered]], destination: Destination) -> list[Rendered]:
    return [export for step in exports for export in step if export.destination == destination]


def assert_told(destination: Destination, exports: Sequence[Rendered], model: Model) -> None:
    """Check what *destination* thinks now: by its last export, and by all of them one over the other."""
    bodies = [json.loads(export.body) for export in exports]
    if destination.since is None:
        assert says_all(destination, bodies[-1] if bodies else None, model.known), destination.name
    thinks: dict[str, bool] = {}
    for body in bodies:
        thinks |= said(body)
    may_be_told = model.known.permitted(destination) is not None
    inside = {segment for segment, is_inside in model.known.inside.items() if is_inside and may_be_told}
    assert {segment for segment, is_inside in thinks.items() if is_inside} <= inside, destination.name
    revisions = [export.meta.revision for export in exports]
    assert revisions == sorted(set(revisions)), destination.name


def assert_state(profile: Profile, model: Model) -> None:
    """Check that the state holds what is known, and nothing of what was forgotten."""
    memberships = {s: (slot.time_us, not slot.inside) for s, slot in profile.memberships.get("ups", {}).items()}
    order = sorted(model.memberships)
    assert sorted(memberships) == order
    assert [memberships[s][1] for s in order] == [model.memberships[s][1] for s in order]
    by_model = sorted(order, key=lambda s: model.memberships[s])
    assert [memberships[s] for s in by_model] == sorted(memberships.values())
    fragments = {s: json.loads(slot.text) for s, slot in profile.fragments.items() if slot.text is not None}
    assert fragments == {topic: value for topic, (_, _, value) in model.fragments.items()}
    maps = {topic: json.loads(slot.text) for topic, slot in profile.identities.items() if slot.text is not None}
    assert maps == model.identities


@settings(deadline=None)
@given(
    streams | lives,
    st.lists(st.booleans(), min_size=20, max_size=20),
    st.lists(st.none() | st.sampled_from(ALL), min_size=20, max_size=20),
    st.booleans(),
)
def test_the_last_export_says_all_without_a_crash(
    records: list[Record], removals: list[bool], asked: list[Destination | None], late: bool
) -> None:
    worker, model = Worker(), Model()
    waiting = list(records)
    while waiting or worker.waiting:
        record = worker.waiting.pop(0) if worker.waiting and (late or not waiting) else waiting.pop(0)
        late = not late
        worker.take(record)
        model.take(record, worker.now)
        count = len(worker.log) % 20
        if count % 3 == 0 or not waiting:
            worker.expire()
        if (destination := asked[count]) is not None:
            worker.re_export(destination)
        if removals[count]:
            worker.committed = ends(worker.log)
            if worker.remove():
                model.removed()

        assert_state(worker.profile, model)
        for export in worker.exports[-1]:
            known = {} if is_withdrawal(export) else model.known.values
            mapped = {a.source[0] for a in export.destination.attributes}
            told = attributes(export.destination, json.loads(export.body))
            assert told == {name: value for name, value in known.items() if name in mapped}
            assert is_withdrawal(export) or identities(export) == model.known.permitted(export.destination)
    for destination in ALL:
        assert_told(destination, sent(worker.exports, destination), model)


@dataclass
class Crash:
    """What a crash leaves: a round may be written in part, so each topic ends elsewhere, but none beyond the state."""

    acknowledged: int
    durable: int
    exported: dict[str, int]


@st.composite
def crashes(draw: st.DrawFn, records: list[Record]) -> tuple[Worker, Crash]:
    """Return a worker that took some records, with removals between them, and where it crashed.

    Some topics refuse, from some record on.
    """
    worker, acknowledged = Worker(), 0
    refusing = draw(st.frozensets(st.sampled_from([d.incarnation for d in ALL])) | st.just(frozenset()), label="refuse")
    refusing_from = draw(st.integers(0, len(records)), label="from")
    taken = draw(st.integers(0, len(records)), label="records taken")
    left = list(records[:taken])
    while left:
        is_command = bool(worker.waiting) and draw(st.booleans(), label="the command comes")
        worker.refusing = refusing if len(worker.log) >= refusing_from else frozenset()
        worker.take((worker.waiting if is_command else left).pop(0))
        if draw(st.booleans()):
            acknowledged = draw(st.integers(acknowledged, len(worker.log)), label="acknowledged")
            worker.committed = ends(worker.log[:acknowledged])
            worker.remove()
        if draw(st.booleans(), label="what is due is asked for"):
            worker.expire()
    least = next(place for place, row in enumerate(worker.rows) if row.records >= acknowledged)
    durable = draw(st.integers(least, len(worker.rows) - 1), label="the last durable row")
    exported = {d.name: draw(st.integers(acknowledged, worker.rows[durable].records), label=d.name) for d in ALL}
    return worker, Crash(acknowledged, durable, exported)


@settings(max_examples=1_000, deadline=None)
@given(st.data(), st.randoms(use_true_random=False))
def test_the_last_export_says_all_after_any_crash(data: st.DataObject, random: Any) -> None:
    records = data.draw(streams | lives)
    before, crash = data.draw(crashes(records))
    row = before.rows[crash.durable]
    model = Model()
    for earlier in before.rows[1 : crash.durable + 1]:
        if earlier.removed:
            model.removed()
        else:
            model.take(before.log[earlier.records - 1], earlier.now)

    after = Worker(row.state, before.now + 1_000, ends(before.log), asked=before.asked)
    after.committed = ends(before.log[: crash.acknowledged])
    after.exports.append([])
    log = [*before.log, *before.waiting, *[record for record in records if record not in before.log]]
    if data.draw(st.booleans(), label="the topics are back at once"):
        after.mend()
    else:
        after.refusing = before.refusing
    left = shuffled(log[crash.acknowledged :], random)
    after.expire()
    while left or after.waiting:
        record = left.pop(0) if left else after.waiting.pop(0)
        after.take(record)
        after.committed |= ends([record])
        if record in log[: row.records]:
            model.again(record, after.now)
        else:
            model.take(record, after.now)
        if random.random() < 0.5 and after.remove():
            model.removed()
        if random.random() < 0.3 or not left:
            after.expire()

    after.mend()
    assert_state(after.profile, model)
    assert_one_body_per_id(before.exports + after.exports)
    for destination in ALL:
        written = sent(before.exports[: crash.exported[destination.name]], destination)
        again = sent(after.exports, destination)
        assert_told(destination, written + again, model)
        for lost in sent(before.exports[crash.exported[destination.name] : row.records], destination):
            assert not (lost.meta.trigger in EXITS or is_withdrawal(lost)) or is_covered(lost, again)


def is_withdrawal(export: Rendered) -> bool:
    """Whether an export takes back what was told, and is no exit like any other."""
    trigger, body = export.meta.trigger, json.loads(export.body)
    return trigger == Trigger.FORGOTTEN or (trigger == Trigger.CONSENT and not any(said(body).values()))


def identities(export: Rendered) -> set[str]:
    return {item["id"] for items in json.loads(export.body).get("identityMap", {}).values() for item in items}


def is_covered(lost: Rendered, exports: Sequence[Rendered]) -> bool:
    """Whether the exit that *lost* told is told again, or something later is that did not have to wait."""
    exited = {segment for segment in lost.meta.segments if said(json.loads(lost.body)).get(segment) is False}
    told = [json.loads(export.body) for export in exports]
    mandatory = [attribute.target for attribute in lost.destination.attributes if attribute.mandatory]
    return any(
        all(said(body).get(segment) is False for segment in exited)
        or all(body.get(first, {}).get(second) for first, second in mandatory)
        for body in told
    )


def assert_one_body_per_id(exports: Iterable[Sequence[Rendered]]) -> None:
    bodies: dict[str, Any] = {}
    for export in _each(exports):
        assert bodies.setdefault(export.id, (export.destination, export.body)) == (export.destination, export.body)


def _each(exports: Iterable[Sequence[Rendered]]) -> Iterator[Rendered]:
    return (export for step in exports for export in step)
