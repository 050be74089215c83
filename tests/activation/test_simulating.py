"""A simulated record is decoded and applied as a worker does it, and what came of it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.activation.masking import Mask
from streams.activation.simulating import Arrived, Simulation
from streams.activation.simulation import Taken
from tests.golden_cases import cases, inputs
from tests.records import INPUTS, KEY, NOW_MS, a_destination, a_fragment, a_membership, an_attribute

ONCE_APPLIED = [case for case in cases() if not any(given.documents or given.passes for given in inputs(case))]
"""The cases in which the documents stay as they are: a simulation does not change them."""


def a_simulation(*destinations: Any, reveal: bool = True, partitioner: str = "any", partitions: int = 1) -> Simulation:
    return Simulation(
        INPUTS,
        destinations or (a_destination(),),
        merge="newest",
        partitioner=partitioner,
        partitions=partitions,
        mask=Mask(reveal=reveal),
    )


def take(simulation: Simulation, topic: str, value: bytes | None, *, offset: int | None = None) -> Taken:
    partition, at = simulation.place(topic, KEY, None, offset)
    return simulation.take(Arrived(topic, partition, at, NOW_MS, KEY, value), NOW_MS, "here")


def test_it_is_told_what_was_written_and_what_was_overtaken_by_what() -> None:
    simulation = a_simulation()
    take(simulation, "memberships", a_membership("a", 5, status="realized"))

    later = take(simulation, "memberships", a_membership("a", 1, status="exited", ids={"ecid": [{"id": "1"}]}))

    (said,) = later.decoded.memberships
    assert (said.segment, said.status, said.written, said.instead) == ("a", "exited", False, "memberships-0-0")
    assert later.decoded.identities is not None
    assert later.decoded.identities.written


def test_an_exclusion_comes_with_its_rule_and_what_heals_it() -> None:
    simulation = a_simulation(a_destination(attributes=[an_attribute("person.email", mandatory=True)]))

    (outcome,) = take(simulation, "memberships", a_membership("a", status="realized")).destinations

    assert (outcome.end, outcome.exclusion, outcome.exports) == ("excluded", "mandatory-attribute-missing", ())
    assert outcome.meaning is not None
    assert "mandatory" in outcome.meaning
    assert outcome.todo is not None
    assert "when the attribute comes" in outcome.todo


def test_the_same_offset_again_is_the_same_record_read_again() -> None:
    simulation = a_simulation()
    value = a_membership("a", status="realized")
    once = take(simulation, "memberships", value)

    again = take(simulation, "memberships", value, offset=0)
    anew = take(simulation, "memberships", value)

    assert again.destinations[0].exports[0].body == once.destinations[0].exports[0].body
    assert anew.offset == 1
    assert anew.end == "not-triggered"


def test_a_null_forgets_and_a_malformed_record_says_why() -> None:
    simulation = a_simulation()
    take(simulation, "memberships", a_membership("a", status="realized"))
    take(simulation, "profiles", a_fragment(person={"email": "a@b"}))

    null, malformed = take(simulation, "profiles", None), take(simulation, "profiles", b"[]")

    assert null.decoded.kind == "null"
    assert null.decoded.fragment is not None
    assert null.decoded.fragment.written
    assert [export.trigger for export in null.destinations[0].exports] == ["forgotten"]
    assert (malformed.end, malformed.decoded.reason) == ("malformed", "not-an-object")


def test_what_is_not_where_the_partitioner_puts_it_is_malformed() -> None:
    simulation = a_simulation(partitioner="murmur2", partitions=8)
    home, _ = simulation.place("profiles", KEY, None, None)
    elsewhere = Arrived("profiles", (home + 1) % 8, 0, NOW_MS, KEY, b"{}")

    assert take(simulation, "profiles", b"{}").decoded.reason is None
    assert simulation.take(elsewhere, NOW_MS, "here").decoded.reason == "wrong-partition"


def test_no_value_shows_unless_it_is_asked_for() -> None:
    simulation = a_simulation(reveal=False)
    ids = {"ecid": [{"id": "secret-id"}]}
    taken = [
        take(simulation, "profiles", a_fragment(person={"email": "secret@example.com"}, identityMap=ids)),
        take(simulation, "memberships", a_membership("a", status="realized", ids=ids)),
    ]
    text = msgspec.json.encode(taken).decode()

    assert taken[1].destinations[0].exports
    assert "secret" not in text
    assert KEY.decode() not in text
    assert "secret" not in repr(taken)


def test_what_policies_forbid_is_excluded_and_owed_until_it_is_allowed_again() -> None:
    simulation = a_simulation(a_destination(forbidden="C2 on person"))
    (forbidden,) = take(simulation, "memberships", a_membership("a", status="realized")).destinations

    simulation.follow([a_destination()])
    (allowed,) = take(simulation, "memberships", a_membership("a", 5, status="exited")).destinations

    assert (forbidden.end, forbidden.exclusion, forbidden.exports) == ("excluded", "policy", ())
    assert [export.trigger for export in allowed.exports] == ["exited"]


def test_who_was_never_told_of_a_profile_is_not_told_that_it_is_forgotten() -> None:
    simulation = a_simulation(a_destination(forbidden="C2 on person"))
    take(simulation, "memberships", a_membership("a", status="realized"))
    take(simulation, "profiles", a_fragment(person={"email": "a@b"}))

    simulation.follow([a_destination()])
    null = take(simulation, "profiles", None)

    assert [outcome.exports for outcome in null.destinations] == [()]
