"""Destinations come, change and go between two records; the profiles stay as they are."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from streams.activation.activate import Activation
from streams.activation.profiles import Told
from streams.destinations import Attribute, Destination, Segment
from tests.activation.test_agents import DESTINATION, MEMBERSHIP, Bench, a_fragment, a_message, state

KEY = b"k"
ADS = replace(DESTINATION, name="ads", segments=(Segment("a"), Segment("b")))


def follow(bench: Bench, *destinations: Destination, gone: Collection[str] = ()) -> None:
    activation = Activation(destinations, ["memberships", "profiles"], merge="newest")
    bench.agents.follow(destinations, activation, gone)


async def a_member(*destinations: Destination) -> Bench:
    """Return a bench with a profile that *destinations* were told is in segment a."""
    bench = Bench()
    follow(bench, *destinations)
    bench.take(a_message(0, KEY, a_fragment("one")))
    bench.join(a_message(0, KEY, MEMBERSHIP, topic="memberships"))
    await bench.confirm()
    return bench


def exports(bench: Bench, incarnation: str) -> list[Any]:
    """Return the bodies that an incarnation was exported."""
    topic = (f"app.exports.{incarnation}", 0)
    return [json.loads(row.value or b"") for written in bench.rounds for row in written.rows.get(topic, [])]


async def test_a_destination_added_later_is_told_of_what_happens_from_then_on_and_of_all_that_is_known() -> None:
    bench = await a_member(DESTINATION)

    follow(bench, DESTINATION, ADS)
    await bench.confirm()
    assert exports(bench, "ads.1") == []
    bench.take(a_message(1, KEY, a_fragment("two")))
    await bench.confirm()

    assert [(body["person"], *body["segmentMembership"]["ups"]) for body in exports(bench, "ads.1")] == [
        ({"id": "two"}, "a")
    ]
    assert len(exports(bench, "crm.1")) == 2


async def test_a_changed_destination_is_rendered_by_what_it_is_now_and_says_so() -> None:
    bench = await a_member(DESTINATION)

    follow(bench, replace(DESTINATION, version=2, attributes=(Attribute(("person", "mail"), ("mail",)),)))
    bench.take(a_message(1, KEY, b'{"person": {"id": "one", "mail": "m"}}'))
    await bench.confirm()

    assert exports(bench, "crm.1")[-1].keys() == {"mail", "segmentMembership"}
    (row,) = bench.rows["app.exports.crm.1", 0]
    assert json.loads(dict(row.headers)["streams.meta"])["version"] == 2


async def test_one_that_is_gone_is_exported_nothing_and_what_is_remembered_of_it_does_no_harm() -> None:
    bench = await a_member(DESTINATION, ADS)
    before = bench.disk.get(0, KEY)

    follow(bench, DESTINATION)
    assert bench.disk.get(0, KEY) == before
    bench.take(a_message(1, KEY, None))
    await bench.confirm()

    assert len(exports(bench, "ads.1")) == 1
    assert exports(bench, "crm.1")[-1]["segmentMembership"]["ups"]["a"]["status"] == "exited"


async def test_what_is_remembered_of_one_that_is_gone_for_good_is_dropped_when_the_profile_is_written() -> None:
    bench = await a_member(DESTINATION, ADS)

    follow(bench, DESTINATION, gone={"ads.1"})
    assert state(bench, KEY).told.keys() == {"crm.1", "ads.1"}
    bench.take(a_message(1, KEY, a_fragment("two")))
    await bench.confirm()

    assert state(bench, KEY).told.keys() == {"crm.1"}


async def test_one_that_is_only_not_followed_here_is_remembered() -> None:
    bench = await a_member(DESTINATION, ADS)

    follow(bench, DESTINATION)
    bench.take(a_message(1, KEY, a_fragment("two")))
    await bench.confirm()

    assert isinstance(state(bench, KEY).told["ads.1"], Told)


async def test_one_made_again_under_its_name_is_another() -> None:
    bench = await a_member(DESTINATION)

    follow(bench, replace(DESTINATION, number=2), gone={"crm.1"})
    bench.take(a_message(1, KEY, None))
    await bench.confirm()

    assert exports(bench, "crm.2") == []
    assert len(exports(bench, "crm.1")) == 1


async def test_colliding_attributes_are_refused_before_anything_is_followed() -> None:
    bench = await a_member(DESTINATION)
    twice = replace(DESTINATION, attributes=(*DESTINATION.attributes, Attribute(("other",), ("person", "id"))))
    with pytest.raises(ValueError, match=r"person\.id is taken"):
        follow(bench, twice, ADS)

    bench.take(a_message(1, KEY, a_fragment("two")))
    await bench.confirm()

    assert (len(exports(bench, "crm.1")), exports(bench, "ads.1")) == (2, [])
