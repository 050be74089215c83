"""Whether a destination that a record triggers is sent it: the first rule that forbids excludes. Pure.

A rule is one line of ``RULES``, or of ``WAITING`` if an entry waits by it and an exit never does (design law 3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from streams.activation.targets import Target, Trigger
from streams.activation.unions import Values, View
from streams.ends import Exclusion
from streams.exports import Position


class Case(msgspec.Struct, frozen=True, gc=False):
    """What is decided on: a triggered target, what it gets to see, all of the profile, and the record."""

    target: Target
    trigger: Trigger
    seen: Values
    """The values of the target's attributes."""
    view: View
    position: Position
    repeated: bool = False
    """Whether the record is done again; it matters where consent is needed, and before ``since``."""


class Rule(msgspec.Struct, frozen=True):
    """What excludes a case, and what of the case it goes by."""

    exclusion: Exclusion
    forbids: Callable[[Case], bool]
    details: Callable[[Case], Mapping[str, object]]
    """What it looked at, by name, for whom asks why; names and numbers, no value of the profile."""


class Verdict(msgspec.Struct, frozen=True):
    """What one rule says of a case."""

    exclusion: Exclusion
    forbids: bool
    details: Mapping[str, object]


def seen_by(target: Target, view: View) -> Values:
    """Return the values of the target's attributes."""
    values = view.values
    return [values[place] for place in target.places]


def exclusion_of(case: Case) -> Exclusion | None:
    """Return what excludes *case*, by the first rule that does; None if its target is sent the export."""
    for rule in RULES:
        if rule.forbids(case):
            return rule.exclusion
    return None


def withdraws(case: Case) -> bool:
    """Say whether the target of a case that is excluded is told that the profile is gone (``consent_withdrawals``).

    That is when it was told "in" and consent is missing now; and when the record is done again and the last that the
    target was told is "out": that may have been a withdrawal, and it is not known whether it has got there.
    """
    target = case.target
    if target.consents is None or (told := case.view.profile.told.get(target.incarnation)) is None:
        return False
    return _is_withheld(case) if told.inside else case.repeated


def waits_for(case: Case) -> Exclusion | None:
    """Return what an entry waits for, whatever the trigger; None if it would not wait."""
    for rule in WAITING:
        if rule.forbids(case):
            return rule.exclusion
    return None


def verdicts(case: Case) -> Iterator[Verdict]:
    """Yield what each rule says of *case*, in the order in which they are asked."""
    return (Verdict(rule.exclusion, rule.forbids(case), rule.details(case)) for rule in RULES)


def _is_too_early(case: Case) -> bool:
    """Say whether the record is from before ``since``.

    For one that was told an exit is not: it may think it is in. Nor is a record that is done again, since it may have
    replaced one that was not too early, whose export nobody knows to have been written.
    """
    since = case.target.since
    if since is None or case.position.timestamp >= since:
        return False
    matters = case.trigger is Trigger.EXITED or case.repeated
    return not matters or case.target.incarnation not in case.view.profile.told


def _times(case: Case) -> Mapping[str, object]:
    return {"since": case.target.since, "recorded": case.position.timestamp}


def _is_withheld(case: Case) -> bool:
    return case.target.consents is not None and not case.target.permission(case.view).given


def _answers(case: Case) -> Mapping[str, object]:
    target = case.target
    return {} if target.consents is None else target.consents.answers(case.view.values[target.consents_at])


def _is_incomplete(case: Case) -> bool:
    return not case.target.projection.is_complete(case.seen)


def _missing(case: Case) -> Mapping[str, object]:
    return {"missing": [".".join(each.source) for each in case.target.projection.missing(case.seen)]}


def _identities(case: Case) -> bytes | None:
    """Return those that consent lets the target see."""
    return case.target.permitted(case.view.identities, case.view).identities


def _is_unidentified(case: Case) -> bool:
    selection = case.target.projection.selection
    return bool(selection.required) and bool(selection.missing(_identities(case)))


def _namespaces(case: Case) -> Mapping[str, object]:
    return {"missing": list(case.target.projection.selection.missing(_identities(case)))}


def _but_no_exit(rule: Rule) -> Rule:
    forbids = rule.forbids
    return Rule(rule.exclusion, lambda case: case.trigger is not Trigger.EXITED and forbids(case), rule.details)


WAITING: Sequence[Rule] = (
    Rule(Exclusion.MANDATORY_ATTRIBUTE_MISSING, _is_incomplete, _missing),
    Rule(Exclusion.REQUIRED_IDENTITY_MISSING, _is_unidentified, _namespaces),
)
"""What an entry waits for."""

RULES: Sequence[Rule] = (
    Rule(Exclusion.BEFORE_SINCE, _is_too_early, _times),
    Rule(Exclusion.CONSENT, _is_withheld, _answers),
    *(_but_no_exit(rule) for rule in WAITING),
)
"""All, in the order in which they are asked."""
