"""A forgotten profile is removed once nothing can bring it back, in order with all else that happens to it."""

from __future__ import annotations

import json

from streams.activation.rounds import Row
from tests.activation.test_agents import MEMBERSHIP, NOW, Bench, a_fragment, a_message, state

KEY = b"k"
LATER = MEMBERSHIP.replace(b"2020", b"2021")


async def a_forgotten_profile() -> Bench:
    """Return a bench where a member's null is confirmed and nothing is committed."""
    bench = Bench()
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    bench.take(a_message(1, KEY, None))
    await bench.confirm()
    bench.now += 1
    return bench


def commit(bench: Bench, **offsets: int) -> None:
    bench.committed |= {(topic, 0): offset for topic, offset in offsets.items()}


def changelog(bench: Bench) -> list[bytes | None]:
    return [row.value for written in bench.rounds for row in written.rows.get(("changelog", 0), [])]


def exports(bench: Bench) -> list[Row]:
    return [row for written in bench.rounds for row in written.rows.get(("app.exports.crm.1", 0), [])]


async def test_a_profile_is_removed_when_all_that_it_saw_is_committed_and_not_before() -> None:
    bench = await a_forgotten_profile()
    for offsets in ({}, {"profiles": 2}, {"memberships": 3}):
        commit(bench, **offsets)
        assert bench.remove() == 0

    commit(bench, memberships=4)
    assert bench.remove() == 1
    await bench.confirm()

    assert changelog(bench)[-1] is None
    assert bench.disk.get(0, KEY) is None
    assert bench.remove() == 0


async def test_what_waits_for_its_removal_is_found_again_after_an_assignment() -> None:
    bench = await a_forgotten_profile()
    bench.agents.forget()
    commit(bench, profiles=2, memberships=4)
    assert bench.remove() == 0

    bench.agents.assigned([0])

    assert bench.remove() == 1


async def test_who_was_forgotten_before_the_assignment_waits_for_what_the_topics_held_then() -> None:
    bench = await a_forgotten_profile()
    bench.agents.forget()
    bench.ended = {("profiles", 0): 2, ("memberships", 0): 4, ("exits", 0): 1}
    commit(bench, profiles=2, memberships=4)
    bench.agents.assigned([0])
    assert bench.remove() == 0

    commit(bench, exits=1)

    assert bench.remove() == 1


async def test_what_was_found_too_early_is_removed_later() -> None:
    bench = await a_forgotten_profile()
    bench.agents.assigned([0])
    assert bench.remove() == 0

    commit(bench, profiles=2, memberships=4)

    assert bench.remove() == 1


async def test_a_record_taken_while_the_removal_is_under_way_begins_anew_and_stays() -> None:
    bench = await a_forgotten_profile()
    commit(bench, profiles=2, memberships=4)
    bench.remove()
    bench.broker.meanwhile = lambda: bench.join(a_message(4, KEY, LATER, topic="memberships"))
    await bench.confirm()

    assert len(changelog(bench)) == 5
    assert changelog(bench)[3] is None
    assert state(bench, KEY).forgotten is None
    assert state(bench, KEY).memberships["ups"].keys() == {"a"}


async def test_who_lives_again_before_the_removal_loses_only_what_was_kept() -> None:
    bench = await a_forgotten_profile()
    bench.join(a_message(4, KEY, LATER, topic="memberships"))
    commit(bench, profiles=2, memberships=5)

    assert bench.remove() == 1
    await bench.confirm()

    assert state(bench, KEY).forgotten is None
    assert state(bench, KEY).memberships["ups"]["a"].position.offset == 4


async def test_the_revision_does_not_go_back_after_a_removal_whatever_the_clock_does() -> None:
    bench = await a_forgotten_profile()
    before = state(bench, KEY).revision
    commit(bench, profiles=2, memberships=4)
    bench.now = NOW - 60
    assert bench.remove() == 0  # the clock must have passed the revision

    bench.now = NOW + 60
    assert bench.remove() == 1
    await bench.confirm()
    bench.now = NOW - 60
    bench.join(a_message(4, KEY, LATER, topic="memberships"))
    await bench.confirm()

    assert state(bench, KEY).revision > before
    revisions = [json.loads(dict(row.headers)["streams.meta"])["revision"] for row in exports(bench)]
    assert revisions == sorted(set(revisions))


async def test_a_null_is_never_refused_for_the_size_of_the_state() -> None:
    measured = Bench()
    measured.join(a_message(0, KEY, MEMBERSHIP, topic="memberships"))
    await measured.confirm()
    limit = len(measured.disk.get(0, KEY) or b"")
    bench = Bench(max_state_bytes=limit)
    bench.join(a_message(0, KEY, MEMBERSHIP, topic="memberships"))
    bench.take(a_message(0, KEY, None))
    await bench.confirm()

    assert state(bench, KEY).forgotten is not None
    assert len(bench.disk.get(0, KEY) or b"") > limit


async def test_many_are_removed_in_turns() -> None:
    bench = Bench()
    for number in range(450):
        bench.take(a_message(number, b"k%d" % number, None))
    await bench.confirm()
    commit(bench, profiles=450)
    bench.now += 1

    counts = []
    while removed := bench.remove():
        counts.append(removed)
        await bench.confirm()

    assert counts == [200, 200, 50]
    assert set(bench.disk.rows.values()) == {None}


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning_and_forgets_whom_the_old_one_knew() -> None:
    bench = Bench()
    bench.take(a_message(1000, KEY, a_fragment("old")))
    bench.join(a_message(3, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()

    bench.remakings, bench.now = 1, bench.now + 1
    bench.take(a_message(5, KEY, a_fragment("new")))
    await bench.confirm()
    assert b"new" in (exports(bench)[-1].value or b"")

    bench.take(a_message(6, KEY, None))
    await bench.confirm()
    bench.now += 1
    commit(bench, profiles=7, memberships=4)
    assert bench.remove() == 1
    await bench.confirm()
    assert bench.disk.get(0, KEY) is None
