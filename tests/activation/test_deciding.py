"""Which rule excludes a triggered destination, and what it goes by."""

from __future__ import annotations

from typing import Any

import pytest

from streams.activation.deciding import RULES, Case, exclusion_of, seen_by, verdicts, waits_for
from streams.activation.profiles import Profile, Told
from streams.activation.targets import Trigger
from streams.ends import Exclusion
from streams.exports import Position
from tests.records import Life, a_destination, a_fragment, an_activation, an_attribute

SINCE = 1_000
MANDATORY, EARLY = Exclusion.MANDATORY_ATTRIBUTE_MISSING, Exclusion.BEFORE_SINCE
REQUIRED = Exclusion.REQUIRED_IDENTITY_MISSING


def _case(trigger: Trigger, timestamp: int = SINCE, *, email: str | None = "a@b.c", told: bool = False) -> Case:
    destination = a_destination(attributes=[an_attribute("person.email", mandatory=True)], since=SINCE)
    activation, profile = an_activation(destination), Profile()
    Life(activation, profile).take("profiles", a_fragment(person={"email": email}))
    if told:
        profile.told[destination.incarnation] = Told(1, inside=True)
    target, view = activation.target(destination.incarnation), activation.view(profile)
    return Case(target, trigger, seen_by(target, view), view, Position("exits", 0, 0, timestamp))


@pytest.mark.parametrize(
    ("case", "excluded", "waits"),
    [
        (_case(Trigger.ENTERED), None, None),
        (_case(Trigger.ENTERED, SINCE - 1), EARLY, None),
        (_case(Trigger.ENTERED, SINCE - 1, told=True), EARLY, None),
        (_case(Trigger.EXITED, SINCE - 1), EARLY, None),
        (_case(Trigger.EXITED, SINCE - 1, told=True), None, None),
        (_case(Trigger.ENTERED, email=None), MANDATORY, MANDATORY),
        (_case(Trigger.ATTRIBUTE, email=None, told=True), MANDATORY, MANDATORY),
        (_case(Trigger.EXITED, email=None), None, MANDATORY),
        (_case(Trigger.ENTERED, SINCE - 1, email=None), EARLY, MANDATORY),
    ],
)
def test_the_first_rule_that_forbids_excludes(case: Case, excluded: Any, waits: Any) -> None:
    assert (exclusion_of(case), waits_for(case)) == (excluded, waits)


def test_each_rule_says_what_it_goes_by() -> None:
    told = {each.exclusion: each for each in verdicts(_case(Trigger.ENTERED, SINCE - 1, email=None))}

    assert {exclusion for exclusion, each in told.items() if each.forbids} == {EARLY, MANDATORY}
    assert told[EARLY].details == {"since": 1000, "recorded": 999}
    assert told[MANDATORY].details == {"missing": ["person.email"]}


def test_no_exclusion_has_two_rules() -> None:
    assert len({rule.exclusion for rule in RULES}) == len(RULES)
