"""A dead letter is written once more as it was, unless something newer was said of its profile since."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.asked import Asked
from streams.activation.owing import postpone
from streams.activation.profiles import Profile, encode_profile
from streams.activation.rendering import Rendered, Step
from streams.activation.targets import Trigger
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position
from streams.profile_commands import Replay
from tests.record_streams import Model, Record, lives, said, streams
from tests.records import NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute
from tests.test_replays import ALL, Worker, ends, sent

EXPORTED = Position("commands", 0, 9, NOW_MS)


def replay(life: Life, export: Rendered, *, replays: int = 1) -> Step:
    command = Replay(
        destination=export.destination.incarnation,
        id=export.id,
        meta=export.meta,
        body=msgspec.Raw(export.body),
        replays=replays,
    )
    return life.activation.obey(life.profile, Asked(command), EXPORTED, NOW_MS)


def a_member(**more: Any) -> Life:
    """Return a life whose first export says that the profile has entered."""
    life = Life(an_activation(a_destination(segments=["a", "b"], **more)))
    life.take("profiles", a_fragment(person={"email": "m"}, identityMap={"ecid": [{"id": "1"}]}))
    life.take("qualifications", a_membership("a", 1))
    return life


@pytest.mark.parametrize("replays", [1, 2])
def test_the_last_export_of_a_profile_is_written_as_it_was_and_nothing_is_noted(replays: int) -> None:
    life = a_member()
    life.take("qualifications", a_membership("unmapped", 2))
    before = encode_profile(life.profile)

    step = replay(life, life.exports[0], replays=replays)

    (export,) = step.exports
    assert (export.id, export.body, export.meta) == (life.exports[0].id, life.exports[0].body, life.exports[0].meta)
    assert (export.replays, step.end) == (replays, RecordEnd.ACTIVATED)
    assert [(end, why) for _, end, why in step.considered] == [(RecordEnd.ACTIVATED, None)]
    assert (step.written, encode_profile(life.profile)) == (False, before)


def test_what_was_exported_since_is_not_taken_back() -> None:
    life = a_member()
    life.take("exits", a_membership("a", 2))

    step = replay(life, life.exports[0])

    assert (step.end, step.exports, step.considered) == (RecordEnd.OVERTAKEN, [], [])
    assert replay(life, life.exports[1]).end is RecordEnd.ACTIVATED


def test_what_another_destination_was_told_since_counts_nothing() -> None:
    life = Life(an_activation(a_destination(segments=["a"]), a_destination("ads", segments=["b"])))
    life.take("qualifications", a_membership("a", 1))
    life.take("qualifications", a_membership("b", 1))

    assert replay(life, life.exports[0]).end is RecordEnd.ACTIVATED


def test_who_was_forgotten_does_not_come_back() -> None:
    life = a_member()
    life.take("profiles", None)
    assert replay(life, life.exports[0]).end is RecordEnd.OVERTAKEN

    life.profile = Profile()  # removed
    assert replay(life, life.exports[0]).end is RecordEnd.OVERTAKEN

    life.take("qualifications", a_membership("unmapped", 3))  # lives again, and was not exported
    assert replay(life, life.exports[0]).end is RecordEnd.OVERTAKEN


def test_a_withdrawal_may_be_said_again_whatever_is_left_of_the_profile() -> None:
    life = a_member()
    life.take("profiles", None)
    withdrawal = life.exports[-1]
    assert withdrawal.meta.trigger == Trigger.FORGOTTEN
    assert replay(life, withdrawal).exports[0].body == withdrawal.body

    life.profile = Profile()
    assert replay(life, withdrawal).exports[0].id == withdrawal.id

    life.take("qualifications", a_membership("a", 3), now=NOW_MS + 60_000)
    assert replay(life, withdrawal).end is RecordEnd.OVERTAKEN


def test_of_two_withdrawals_the_last_is_said() -> None:
    life = a_member()
    life.take("profiles", None)
    life.take("qualifications", a_membership("b", 3))
    life.take("profiles", None)
    first, last = (export for export in life.exports if export.meta.trigger == Trigger.FORGOTTEN)

    assert replay(life, first).end is RecordEnd.OVERTAKEN
    assert replay(life, last).end is RecordEnd.ACTIVATED


def test_an_entry_that_waited_is_replayed_though_the_profile_would_wait_again() -> None:
    """What was complete when it was recorded stays what it is."""
    life = a_member(attributes=[an_attribute("person.email", mandatory=True)])
    life.take("profiles", a_fragment(other=1))

    assert replay(life, life.exports[0]).end is RecordEnd.ACTIVATED


def test_a_topic_that_refuses_is_owed_it() -> None:
    life = a_member()
    step = replay(life, life.exports[0])

    postpone(step, life.profile, EXPORTED, lambda _: Exclusion.OWED)

    assert [(end, why) for _, end, why in step.considered] == [(RecordEnd.EXCLUDED, Exclusion.OWED)]
    assert (step.exports, life.profile.owed) == ([], {"crm.1": EXPORTED})


@settings(deadline=None)
@given(
    streams | lives,
    st.lists(st.booleans(), min_size=20, max_size=20),
    st.lists(st.integers(0, 40), min_size=20, max_size=20),
)
def test_whatever_is_replayed_and_when_nothing_older_follows_and_nobody_comes_back(
    records: list[Record], removals: list[bool], replays: list[int]
) -> None:
    """Any export may become a dead letter, and be replayed after any record."""
    worker, model = Worker(), Model()
    for count, record in enumerate(records, 1):
        worker.take(record)
        model.take(record)
        if removals[count]:
            worker.committed = ends(records[:count])
            if worker.remove():
                model.removed()
        letters = [export for step in worker.exports for export in step]
        if not letters:
            continue
        letter = letters[replays[count] % len(letters)]
        is_unknown = worker.profile.is_blank
        step = replay(Life(worker.activation, worker.profile), letter)
        worker.exports[-1] = [*worker.exports[-1], *step.exports]

        assert not (is_unknown and step.exports) or letter.meta.trigger == Trigger.FORGOTTEN
    for destination in ALL:
        exports = sent(worker.exports, destination)
        thinks: dict[str, bool] = {}
        for export in exports:
            thinks |= said(json.loads(export.body))
        inside = {segment for segment, is_inside in model.known.inside.items() if is_inside}
        assert {segment for segment, is_inside in thinks.items() if is_inside} <= inside, destination.name
        revisions = [export.meta.revision for export in exports if export.meta.trigger != Trigger.FORGOTTEN]
        assert revisions == sorted(revisions), destination.name
        assert len({(export.id, export.body) for export in exports}) == len({export.id for export in exports})
