"""What policies forbid a destination, with the way from each label to the action that it forbids. Pure.

The labels of a segment count together with those of all attributes, identities and sources that the destination is
sent, and never together with those of another segment. Whatever is labelled, or denied, more forbids no less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple

from streams.destinations import UPS, Destination, Segment
from streams.governance.labels import Labels, Path
from streams.governance.policies import Policy, matched


@dataclass(frozen=True, slots=True)
class Lineage:
    """How a label comes to a destination."""

    label: str
    on: str
    """What is labelled, such as ``person`` or ``source crm``."""
    document: str
    """Which document says so, such as ``labels customer-data``."""
    through: str
    """What carries it to the destination, such as ``attribute person.email``."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A policy that a destination violates by one of its marketing actions."""

    policy: Policy
    action: str | None
    """None where the destination names no action, and the policy denies any."""
    destination: str
    segment: Segment | None
    """The segment by whose labels, among others, it is violated; None = by those of the rest alone."""
    lineages: tuple[Lineage, ...]


Carried = Mapping[str, tuple[Lineage, ...]]
"""By label how it comes to a destination."""
NO_LABELS: Carried = {}


@dataclass(frozen=True)
class Governance:
    """The policies that are in force, and all labels."""

    policies: tuple[Policy, ...] = ()
    labels: tuple[Labels, ...] = ()

    @cached_property
    def _attributes(self) -> list[tuple[Path, str, str]]:
        """Each labelled path with its label and document, in the order of the paths."""
        return sorted(
            (path, label, each.document)
            for each in self.labels
            for path, labels in each.attributes.items()
            for label in labels
        )

    def on_attribute(self, path: Path) -> Iterator[Lineage]:
        """Yield the labels of what lies at *path*, above it, which it inherits, and below it, which it holds."""
        through = attribute_called(path)
        for length in range(1, len(path)):
            above = path[:length]
            at = takewhile(lambda each, above=above: each[0] == above, self._from(above))  # type: ignore[misc]
            yield from (self._lineage(each, through) for each in at)
        yield from (self._lineage(each, through) for each in self._from(path))

    def _from(self, path: Path) -> Iterator[tuple[Path, str, str]]:
        """Yield what is labelled at *path* and below it; what is at it comes first."""
        found = self._attributes
        for index in range(bisect_left(found, (path, "", "")), len(found)):
            if found[index][0][: len(path)] != path:
                return
            yield found[index]

    @staticmethod
    def _lineage(labelled: tuple[Path, str, str], through: str) -> Lineage:
        path, label, document = labelled
        return Lineage(label, ".".join(path), document, through)


def evaluate(destination: Destination, governance: Governance) -> tuple[Violation, ...]:
    """Return all that policies in force forbid *destination*; it may be sent nothing while there is anything."""
    if not governance.policies or not governance.labels:
        return ()
    rest, rulings = _by_label(_of_rest(destination, governance)), _Rulings(destination, governance)
    found = [_violation(destination, ruling, rest, None) for ruling in rulings.of(frozenset(rest))]
    for segment in destination.segments:
        own = _by_label(_of_segment(segment, governance))
        if own:
            by_own = (each for each in rulings.of(frozenset((*rest, *own))) if not own.keys().isdisjoint(each.by))
            found += (_violation(destination, ruling, rest, segment, own) for ruling in by_own)
    return tuple(found)


def carried(destination: Destination, governance: Governance) -> tuple[Lineage, ...]:
    """Return how each label comes to *destination*, whether or not a policy speaks of it."""
    segments = (lineage for segment in destination.segments for lineage in _of_segment(segment, governance))
    return (*_of_rest(destination, governance), *segments)


def denied(action: str | None, labels: Iterable[str], governance: Governance) -> list[tuple[Policy, frozenset[str]]]:
    """Return the policies in force that deny data with *labels* to *action*, each with the labels that it goes by."""
    present = frozenset(labels)
    found = ((policy, matched(policy.deny, present)) for policy in governance.policies if policy.denies(action))
    return [(policy, by) for policy, by in found if by]


class _Ruling(NamedTuple):
    """A policy that denies an action, and the labels by which it does."""

    action: str | None
    policy: Policy
    by: tuple[str, ...]


class _Rulings:
    """What policies deny a destination, by the labels that are there: many segments have the same ones, or none."""

    def __init__(self, destination: Destination, governance: Governance) -> None:
        self._actions, self._governance = destination.marketing_actions or (None,), governance
        self._known: dict[frozenset[str], list[_Ruling]] = {}

    def of(self, labels: frozenset[str]) -> list[_Ruling]:
        """Return what is denied to data with *labels*."""
        if labels not in self._known:
            self._known[labels] = [
                _Ruling(action, policy, tuple(sorted(by)))
                for action in self._actions
                for policy, by in denied(action, labels, self._governance)
            ]
        return self._known[labels]


def _violation(
    destination: Destination, ruling: _Ruling, rest: Carried, segment: Segment | None, own: Carried = NO_LABELS
) -> Violation:
    ways = (lineage for label in ruling.by for lineage in (*rest.get(label, ()), *own.get(label, ())))
    return Violation(ruling.policy, ruling.action, destination.name, segment, tuple(ways))


def _of_rest(destination: Destination, governance: Governance) -> Iterator[Lineage]:
    """Yield the labels of all but the segments."""
    for attribute in destination.attributes:
        yield from governance.on_attribute(attribute.source)
    selected = destination.identities
    namespaces = None if selected is None else {each.namespace for each in selected}
    for each in governance.labels:
        for namespace, labels in each.identities.items():
            if namespaces is None or namespace in namespaces:
                through = identities_called(namespace)
                yield from (Lineage(label, f"identities {namespace}", each.document, through) for label in labels)
    if through := _from_sources(destination):
        for each in governance.labels:
            for source, labels in each.sources.items():
                yield from (Lineage(label, f"source {source}", each.document, through) for label in labels)


def _from_sources(destination: Destination) -> str:
    """Return what a destination may be sent of any source: who mapped a path cannot tell where its value comes from."""
    attributes = "attributes" if destination.attributes else ""
    identities = "identities" if destination.identities != () else ""
    return " and ".join(filter(None, (attributes, identities)))


def _of_segment(segment: Segment, governance: Governance) -> Iterator[Lineage]:
    called = segment_called(segment)
    for each in governance.labels:
        for label in each.segments.get((segment.namespace, segment.id), ()):
            yield Lineage(label, called, each.document, called)


def attribute_called(source: Path) -> str:
    """Return what a lineage calls a mapped attribute."""
    return f"attribute {'.'.join(source)}"


def identities_called(namespace: str) -> str:
    """Return what a lineage calls the identities of a namespace."""
    return f"identities of {namespace}"


def segment_called(segment: Segment) -> str:
    """Return what a lineage calls a segment: with its namespace, unless that is the platform's own."""
    return f"segment {segment.id if segment.namespace == UPS else f'{segment.namespace}:{segment.id}'}"


def _by_label(lineages: Iterable[Lineage]) -> Carried:
    found: dict[str, list[Lineage]] = defaultdict(list)
    for lineage in lineages:
        found[lineage.label].append(lineage)
    return {label: tuple(of_one) for label, of_one in found.items()}
