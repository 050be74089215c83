"""Reads documents of governance: policies, labels and union schemas, those in force and those that are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.configuration import rules
from streams.configuration.governance_draft import ALL, LabelsDraft, PolicyDraft, SchemaDraft
from streams.configuration.json_schema import described
from streams.configuration.located import Node
from streams.configuration.problems import Problem
from streams.configuration.reading import refuse_stray_references
from streams.configuration.stored import document_node
from streams.configuration.validation import validate
from streams.destinations import UPS
from streams.governance.core import CORE_ACTIONS, CORE_POLICIES
from streams.governance.evaluating import Governance
from streams.governance.labels import Labels
from streams.governance.policies import All, Any, Expression, Policy
from streams.governance.schemas import Schema, UnionSchema
from streams.registry.records import GOVERNING, LABELS, POLICY, SCHEMA, Version

Key = tuple[str, str]
"""A document's kind and name."""
Versions = Mapping[str, Mapping[str, Version]]
"""What is in force, by kind and name."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A policy, and whether it is in force."""

    policy: Policy
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What a union schema says: the paths that it knows, and their labels."""

    schema: Schema
    labels: Labels


Read = Ruled | Labels | Described


@dataclass(frozen=True, slots=True)
class Governed:
    """What documents of governance say together."""

    read: Mapping[Key, Read] = field(default_factory=dict)
    problems: Mapping[Key, tuple[Problem, ...]] = field(default_factory=dict)
    """Of those that cannot be read, why."""

    @property
    def governance(self) -> Governance:
        """The policies in force and all labels."""
        policies = tuple(each.policy for each in self.read.values() if isinstance(each, Ruled) and each.is_enabled)
        return Governance(policies, tuple(self._labels()))

    @property
    def union(self) -> UnionSchema:
        """The union schema."""
        return UnionSchema(tuple(each.schema for each in self.read.values() if isinstance(each, Described)))

    @property
    def actions(self) -> frozenset[str]:
        """The marketing actions that are known: the core ones, and what a policy names, be it disabled."""
        policies = [each.policy for each in self.read.values() if isinstance(each, Ruled)]
        return frozenset(CORE_ACTIONS).union(*(policy.marketing_actions or () for policy in policies))

    def given(self, read: Mapping[Key, Read]) -> Governed:
        """Return what is said where *read* is said, too, in place of what was."""
        problems = {key: told for key, told in self.problems.items() if key not in read}
        return Governed(dict(sorted({**self.read, **read}.items())), problems)

    def _labels(self) -> Iterator[Labels]:
        for each in self.read.values():
            if isinstance(each, Labels):
                yield each
            elif isinstance(each, Described) and each.labels.attributes:
                yield each.labels


def governed(standing: Versions) -> Governed:
    """Return what the documents of governance in force say; the deleted ones say nothing."""
    read: dict[Key, Read] = {}
    problems: dict[Key, tuple[Problem, ...]] = {}
    for kind in GOVERNING:
        for name, version in sorted(standing.get(kind, {}).items()):
            if version.life == "deleted":
                continue
            wrong: list[Problem] = []
            document = document_node(version.document, version.version)
            refuse_stray_references(document, wrong)
            found = governing_in(kind, document, wrong)
            if found is None or wrong:
                problems[kind, name] = tuple(wrong)
            else:
                read[kind, name] = found
    return Governed(dict(sorted(read.items())), problems)


def governing_in(kind: str, document: Node, problems: list[Problem]) -> Read | None:
    """Return what *document* says; None with its problems where it is wrong."""
    if kind == POLICY:
        policy = validate(PolicyDraft, document, problems)
        return None if policy is None else Ruled(policy_of(policy), policy.status == "enabled")
    if kind == LABELS:
        labels = validate(LabelsDraft, document, problems)
        return None if labels is None else _labels(labels)
    schema = validate(SchemaDraft, document, problems)
    return None if schema is None else _schema(schema)


def policy_of(draft: PolicyDraft) -> Policy:
    """Return the policy that a valid draft describes; a shipped one is as it is shipped."""
    if draft.name in CORE_POLICIES:
        return CORE_POLICIES[draft.name]
    actions = None if draft.marketing_actions == (ALL,) else draft.marketing_actions
    return Policy(draft.name, expression(draft.deny), actions, draft.description)


def expression(written: object) -> Expression:
    """Return the expression that is written in a document the one way."""
    if isinstance(written, str):
        return written
    assert isinstance(written, dict)
    operands = tuple(map(expression, written["operands"]))
    return All(operands) if written["operator"] == "AND" else Any(operands)


def _labels(draft: LabelsDraft) -> Labels:
    return Labels(
        f"{LABELS} {draft.name}",
        attributes={rules.path_of(path): labels for path, labels in draft.attributes.items()},
        sources=draft.sources,
        segments=_segments(draft.segments),
        identities=draft.identities,
    )


def _segments(written: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return labels by segment; one that is there twice, with its namespace and without, has the labels of both."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for text, labels in written.items():
        segment = segment_of(text)
        found[segment] = tuple(dict.fromkeys((*found.get(segment, ()), *labels)))
    return found


def segment_of(text: str) -> tuple[str, str]:
    """Return the namespace and the id of a segment that is written as ``id`` or ``namespace:id``."""
    namespace, colon, id_ = text.partition(":")
    return (namespace, id_) if colon else (UPS, text)


def _schema(draft: SchemaDraft) -> Described:
    document = f"{SCHEMA} {draft.name}"
    found = None if draft.json_schema is None else described(draft.json_schema)
    paths = {} if found is None else dict(found.paths)
    for each in draft.paths:
        path = rules.path_of(each.path)
        paths[path] = tuple(dict.fromkeys((*paths.get(path, ()), *(each.labels or ()))))
    schema = Schema(document, frozenset(paths), frozenset() if found is None else frozenset(found.open))
    return Described(schema, Labels(document, {path: labels for path, labels in paths.items() if labels}))
