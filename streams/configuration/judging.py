"""Judges a destination by what governs it: the paths that no union schema knows, and the policies that it violates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from streams.codes import Advice, Mistake
from streams.configuration.advice import Advised
from streams.configuration.governing import Governed
from streams.configuration.located import Node
from streams.configuration.problems import Problem, dotted, nearest
from streams.destinations import Destination
from streams.governance.core import CORE_ACTIONS
from streams.governance.evaluating import Violation, attribute_called, evaluate, identities_called, segment_called
from streams.governance.labels import Path
from streams.governance.policies import Policy, written
from streams.governance.schemas import UnionSchema
from streams.governance.telling import way

Place = tuple[str | int, ...]
T = TypeVar("T")


def objections(destination: Destination, document: Node, governed: Governed) -> Iterator[Problem]:
    """Yield why *destination* may not come to be in force; *document* is where it stands."""
    for index, attribute in enumerate(destination.attributes):
        if not governed.union.knows(attribute.source):
            place: Place = ("attributes", index)
            what = f"no union schema knows {'.'.join(attribute.source)!r}"
            remedy = _near(attribute.source, governed.union)
            yield Problem(document.at(place).where, what, remedy, dotted(place), Mistake.UNKNOWN_PATH)
    yield from _violated(destination, document, evaluate(destination, governed.governance))


def action_advice(destination: Destination, governed: Governed) -> Iterator[Advised]:
    """Yield which marketing actions nothing is known of: no policy can forbid them."""
    known = governed.actions
    for action in destination.marketing_actions:
        if action not in known:
            what = f"marketing action {action!r} is no core one, and no policy names it"
            close = nearest(action, sorted(known))
            remedy = f"did you mean {close!r}?" if close else "no policy can forbid what it is for: name it in one"
            yield ("marketingActions",), what, remedy, Advice.UNKNOWN_ACTION


def policy_advice(policy: Policy) -> Iterator[Advised]:
    """Yield which marketing actions of a policy are core ones in another case."""
    by_folded = {action.casefold(): action for action in CORE_ACTIONS}
    for action in policy.marketing_actions or ():
        core = by_folded.get(action.casefold(), action)
        if core != action:
            what, remedy = f"marketing action {action!r} is no core one", f"the core one is {core!r}, and case counts"
            yield ("marketingActions",), what, remedy, Advice.UNKNOWN_ACTION


def _violated(destination: Destination, document: Node, violations: tuple[Violation, ...]) -> Iterator[Problem]:
    """Yield each way from a label to a forbidden action once, at what carries the label."""
    places, told = _places(destination), set[str]()
    for violation in violations:
        policy = violation.policy
        for lineage in violation.lineages:
            what = f"{way(lineage, violation)}: policy {policy.name} denies it where {written(policy.deny)}"
            if what in told:
                continue
            told.add(what)
            place = places.get(lineage.through, ("name",))
            remedy = f"leave one of them out, or mend the labels or the policy ('streams policies show {policy.name}')"
            yield Problem(document.at(place).where, what, remedy, dotted(place), Mistake.POLICY_VIOLATION)


def _places(destination: Destination) -> Mapping[str, Place]:
    """Return where what carries a label stands, by what a lineage calls it."""
    attributes = {attribute_called(each.source): ("attributes", i) for i, each in _numbered(destination.attributes)}
    identities = {identities_called(each.namespace): ("identities", i) for i, each in _numbered(destination.identities)}
    segments = {segment_called(each): ("segments", i) for i, each in _numbered(destination.segments)}
    return {**attributes, **identities, **segments}


def _numbered(items: tuple[T, ...] | None) -> list[tuple[int, T]]:
    return list(enumerate(items or ()))


def _near(path: Path, union: UnionSchema) -> str:
    """Return the remedy for an unknown path: one with the same last name, or one beside it, that was probably meant."""
    text = ".".join(path)
    beside = next((path[:length] for length in range(len(path) - 1, 0, -1) if path[:length] in union.paths), ())
    alike = [".".join(each) for each in union.paths if each[-1].casefold() == path[-1].casefold()]
    siblings = [".".join(each) for each in union.paths if each[: len(beside)] == beside]
    close = nearest(text, sorted(alike)) or nearest(text, sorted(siblings)) or min(alike, key=len, default=None)
    return f"did you mean {close!r}?" if close else "add it to a document of kind: schema, or leave it out"
