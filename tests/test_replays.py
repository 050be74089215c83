"""Whatever is read again after a crash: no duty is lost, the state converges, and no id has two bodies."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.profiles import Profile, decode_profile, encode_profile
from streams.activation.triggers import Trigger
from tests.record_streams import DESTINATIONS, Record, known, said, says_all, streams
from tests.records import NOW_MS, an_activation


class Worker:
    """Applies records, remembering each state and each export, as the changelog and the exports topics do."""

    def __init__(self, state: bytes) -> None:
        self.profile = decode_profile(state)
        self.activation = an_activation(*DESTINATIONS)
        self.states = [state]
        self.exports: list[list[Any]] = []

    def take(self, record: Record, now: int = NOW_MS) -> None:
        step = self.activation.apply(self.profile, record.change, record.position, now)
        self.states.append(encode_profile(self.profile))
        self.exports.append(step.exports)


NEW = encode_profile(Profile())


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


def last_bodies(exports: list[list[Any]]) -> dict[str, Any]:
    return {export.destination.name: json.loads(export.body) for step in exports for export in step}


@settings(deadline=None)
@given(streams)
def test_the_last_export_says_all_without_a_crash(records: list[Record]) -> None:
    worker = Worker(NEW)
    for record in records:
        worker.take(record)

    last = last_bodies(worker.exports)
    for destination in DESTINATIONS:
        assert says_all(destination, last.get(destination.name), known(records)), destination.name


@settings(max_examples=400, deadline=None)
@given(streams, st.data(), st.randoms(use_true_random=False))
def test_the_last_export_says_all_after_any_crash(records: list[Record], data: st.DataObject, random: Any) -> None:
    """Acknowledged < exports that were written <= what the state says: the worst that a crash may leave."""
    before = Worker(NEW)
    for record in records:
        before.take(record)
    durable = data.draw(st.integers(0, len(records)), label="the state includes so many records")
    exported = data.draw(st.integers(0, durable), label="the exports of so many are written")
    acknowledged = data.draw(st.integers(0, exported), label="so many are not read again")

    after = Worker(before.states[durable])
    for record in shuffled(records[acknowledged:], random):
        after.take(record, NOW_MS + 1_000)

    last = last_bodies(before.exports[:exported] + after.exports)
    for destination in DESTINATIONS:
        assert says_all(destination, last.get(destination.name), known(records)), destination.name
    for lost in (export for step in before.exports[exported:durable] for export in step):
        assert lost.meta.trigger != Trigger.EXITED or is_covered(lost, after.exports)
    assert_one_body_per_id(before.exports + after.exports)
    assert values_of(after.states[-1]) == values_of(before.states[-1])


def is_covered(lost: Any, exports: list[list[Any]]) -> bool:
    """Whether the exit that *lost* told is told again, or something later is that did not have to wait."""
    exited = {segment for segment in lost.meta.segments if said(json.loads(lost.body)).get(segment) is False}
    told = [json.loads(e.body) for step in exports for e in step if e.destination is lost.destination]
    mandatory = [attribute.target for attribute in lost.destination.attributes if attribute.mandatory]
    return any(
        all(said(body).get(segment) is False for segment in exited)
        or all(body.get(first, {}).get(second) for first, second in mandatory)
        for body in told
    )


def assert_one_body_per_id(exports: list[list[Any]]) -> None:
    bodies: dict[str, Any] = {}
    for export in (export for step in exports for export in step):
        assert bodies.setdefault(export.id, (export.destination, export.body)) == (export.destination, export.body)


def values_of(state: bytes) -> Any:
    """Return what the slots hold, without what depends on the order of reading."""
    profile = decode_profile(state)
    return profile.memberships, profile.fragments, profile.identities
