"""What policies forbid, by which labels, and that more of either never forbids less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Account, Destination, Segment
from streams.governance.core import CORE_ACTIONS, CORE_POLICIES
from streams.governance.evaluating import Governance, Lineage, Violation, carried, evaluate
from streams.governance.labels import CORE_LABELS, Labels, core_spelling
from streams.governance.policies import All, Any, Expression, Policy, labels_of
from tests.governance.governed import (
    ALL_LABELS,
    DESTINATIONS,
    GOVERNANCES,
    PARTNER,
    POLICIES,
    a_destination,
    deny,
    governed,
    on_paths,
)


def _lineages(destination: Destination, policy: Policy, *labels: Labels) -> list[tuple[str, str, str]]:
    found = evaluate(destination, governed(policy, *labels))
    return [(each.label, each.on, each.through) for violation in found for each in violation.lineages]


def test_a_violation_says_how_the_label_comes_to_the_action() -> None:
    policy, labels = deny("C2"), on_paths({"person": "C2"})

    found = evaluate(a_destination("person.email"), governed(policy, labels))

    lineage = Lineage("C2", "person", "labels ours", "attribute person.email")
    assert found == (Violation(policy, PARTNER, "crm", None, (lineage,)),)


@pytest.mark.parametrize(
    ("labelled", "mapped", "is_denied"),
    [
        ("person.email", "person.email", True),
        ("person", "person.email", True),  # what is labelled labels what lies below it
        ("person.email", "person", True),  # and what is sent whole is sent with what lies below it
        ("person.name", "person.email", False),
        ("personal", "person", False),
        ("person", "personal", False),
        ("person.email", "email", False),
    ],
)
def test_a_path_labels_what_lies_below_it_and_above_it(labelled: str, mapped: str, is_denied: bool) -> None:
    found = evaluate(a_destination(mapped), governed(deny("C2"), on_paths({labelled: "C2"})))

    assert bool(found) == is_denied


def test_all_labels_of_a_path_are_found_among_many() -> None:
    labels = on_paths({"a": "C2", "a.b": "C1", "a.b.c": "C2", "a.b.c.d": "C2", "a.bc": "C2", "a.b.e": "C2"})

    found = _lineages(a_destination("a.b.c"), deny("C2"), labels)

    assert [on for _, on, _ in found] == ["a", "a.b.c", "a.b.c.d"]


@pytest.mark.parametrize(
    ("policy", "actions", "is_denied"),
    [
        (deny("C2", "Analytics", PARTNER), (PARTNER,), True),
        (deny("C2", "Analytics"), (PARTNER,), False),
        (deny("C2", "Analytics"), (), False),
        (deny("C2", "analytics"), ("Analytics",), False),
        (Policy("no", "C2"), (PARTNER,), True),
        (Policy("no", "C2"), (), True),
    ],
)
def test_a_policy_is_about_its_marketing_actions(policy: Policy, actions: tuple[str, ...], is_denied: bool) -> None:
    found = evaluate(a_destination("a", actions=actions), governed(policy, on_paths({"a": "C2"})))

    assert [each.action for each in found] == ([*(actions or (None,))] if is_denied else [])


@pytest.mark.parametrize(
    ("deny_it", "labels", "by"),
    [
        (All(("C3", "I1")), "C3", ""),
        (All(("C3", "I1")), "C3 I1 C2", "C3 I1"),
        (Any(("C3", "I1")), "C2 I1", "I1"),
        (Any(("C3", "I1")), "C3 I1", "C3 I1"),
        (All(("C2", Any(("C3", "I1")))), "C2 I1", "C2 I1"),
        (All(("C2", Any(("C3", "I1")))), "C3 I1", ""),
        (Any(("S1", All(("C2", "I1")))), "C2", ""),
        (All(("C2", All(("C2",)))), "C2", "C2"),
    ],
)
def test_an_expression_holds_by_the_labels_that_are_there(deny_it: Expression, labels: str, by: str) -> None:
    found = _lineages(a_destination("a"), deny(deny_it), on_paths({"a": labels}))

    assert {label for label, _, _ in found} == set(by.split())


def test_labels_of_two_attributes_count_together() -> None:
    found = _lineages(a_destination("a", "b"), deny(All(("C3", "I1"))), on_paths({"a": "C3", "b": "I1"}))

    assert found == [("C3", "a", "attribute a"), ("I1", "b", "attribute b")]


def test_and_never_joins_two_segments() -> None:
    labels = Labels("labels ours", segments={("ups", "s1"): ("C3",), ("ups", "s2"): ("I1",)})
    policy = deny(All(("C3", "I1")))

    assert evaluate(a_destination("a", segments=("s1", "s2")), governed(policy, labels)) == ()


def test_a_segments_labels_count_with_those_of_the_rest() -> None:
    segments = Labels("labels theirs", segments={("ups", "s1"): ("C3",), ("ups", "s2"): ("C9",), ("other", "s2"): ()})
    destination = a_destination("a", segments=("s1", "s2"))

    (found,) = evaluate(destination, governed(deny(All(("C3", "I1"))), on_paths({"a": "I1"}), segments))

    assert found.segment == Segment("s1")
    assert [each.through for each in found.lineages] == ["segment s1", "attribute a"]


def test_what_the_rest_violates_is_not_told_again_for_each_segment() -> None:
    segments = Labels("labels theirs", segments={("ups", "s1"): ("C9",), ("ups", "s2"): ("C2",)})
    destination = a_destination("a", segments=("s1", "s2", "s3"))

    found = evaluate(destination, governed(deny("C2"), on_paths({"a": "C2"}), segments))

    assert [each.segment for each in found] == [None, Segment("s2")]


def test_a_segment_is_labelled_in_its_namespace() -> None:
    destination = replace(a_destination(), segments=(Segment("s1", "other"),))

    def labelled(namespace: str) -> Labels:
        return Labels("labels ours", segments={(namespace, "s1"): ("C2",)})

    assert evaluate(destination, governed(deny("C2"), labelled("ups"))) == ()
    assert _lineages(destination, deny("C2"), labelled("other")) == [("C2", "segment other:s1", "segment other:s1")]


@pytest.mark.parametrize(
    ("identities", "is_denied"), [(None, True), (("email", "ecid"), True), (("ecid",), False), ((), False)]
)
def test_a_namespace_labels_those_who_are_sent_it(identities: tuple[str, ...] | None, is_denied: bool) -> None:
    labels = Labels("labels ours", identities={"email": ("I1",)})

    found = _lineages(a_destination("a", identities=identities), deny("I1"), labels)

    assert found == ([("I1", "identities email", "identities of email")] if is_denied else [])


@pytest.mark.parametrize(
    ("destination", "through"),
    [
        (a_destination("a"), "attributes"),
        (a_destination("a", identities=None), "attributes and identities"),
        (a_destination(identities=("ecid",)), "identities"),
        (a_destination(segments=("s1",)), None),
    ],
)
def test_a_source_labels_whatever_may_come_from_it(destination: Destination, through: str | None) -> None:
    found = _lineages(destination, deny("C4"), Labels("labels ours", sources={"web": ("C4",)}))

    assert found == ([] if through is None else [("C4", "source web", through)])


def test_all_labels_of_a_destination_are_known_without_a_policy() -> None:
    labels = Labels("labels ours", {("a",): ("C1",)}, segments={("ups", "s1"): ("own",)})

    found = carried(a_destination("a", segments=("s1",)), Governance(labels=(labels,)))

    assert [(each.label, each.through) for each in found] == [("C1", "attribute a"), ("own", "segment s1")]


def test_the_core_labels_are_those_of_the_contract() -> None:
    assert list(CORE_LABELS) == [*(f"C{number}" for number in range(1, 13)), "I1", "I2", "S1", "S2"]


def test_the_core_marketing_actions_have_their_exact_names() -> None:
    assert list(CORE_ACTIONS) == [
        "Analytics",
        "Combine with directly identifiable data",
        "Cross Site Targeting",
        "Data Science",
        "Email Targeting",
        "Export to Third Party",
        "Onsite Advertising",
        "Onsite Personalization",
        "Segment Match",
        "Single Identity Personalization",
    ]


@pytest.mark.parametrize(
    ("labels", "action", "policies"),
    [
        ("C2", "Export to Third Party", "core-third-party"),
        ("C12", "Export to Third Party", "core-third-party core-no-export"),
        ("C3", "Combine with directly identifiable data", ""),
        ("C3 I1", "Combine with directly identifiable data", "core-combination"),
        ("C4", "Cross Site Targeting", "core-cross-site-targeting"),
        ("C5", "Cross Site Targeting", "core-cross-site-targeting"),
        ("C6", "Cross Site Targeting", ""),
        ("C4", "Onsite Advertising", "core-onsite-advertising"),
        ("C6", "Onsite Advertising", "core-onsite-advertising"),
        ("C4", "Onsite Personalization", "core-onsite-personalization"),
        ("C7", "Onsite Personalization", "core-onsite-personalization"),
        ("C8", "Analytics", "core-analytics"),
        ("C9", "Data Science", "core-data-science"),
        ("C10", "Single Identity Personalization", "core-single-identity"),
        ("C11", "Segment Match", "core-segment-match"),
        ("C12", "Email Targeting", "core-no-export"),
        ("C12", "One's Own", "core-no-export"),
        ("C1 I2 S1 S2", "Export to Third Party", ""),
    ],
)
def test_the_core_policies_deny_what_the_core_labels_say(labels: str, action: str, policies: str) -> None:
    governance = Governance(tuple(CORE_POLICIES.values()), (on_paths({"a": labels}),))

    found = evaluate(a_destination("a", actions=(action,)), governance)

    assert sorted(each.policy.name for each in found) == sorted(policies.split())


def test_core_policies_speak_of_core_labels_and_actions_only() -> None:
    spoken = {label for policy in CORE_POLICIES.values() for label in labels_of(policy.deny)}
    actions = {action for policy in CORE_POLICIES.values() for action in policy.marketing_actions or ()}

    assert spoken <= CORE_LABELS.keys()
    assert actions <= CORE_ACTIONS.keys()
    assert all(name == policy.name and name.startswith("core-") for name, policy in CORE_POLICIES.items())


@pytest.mark.parametrize(("label", "meant"), [("c2", "C2"), ("i1", "I1"), ("C2", None), ("c13", None), ("pii", None)])
def test_a_core_label_in_another_case_is_known(label: str, meant: str | None) -> None:
    assert core_spelling(label) == meant


def _denied(destination: Destination, governance: Governance) -> set[tuple[str, str | None]]:
    return {(each.policy.name, each.action) for each in evaluate(destination, governance)}


@given(DESTINATIONS, GOVERNANCES, ALL_LABELS)
def test_more_labels_never_forbid_less(destination: Destination, governance: Governance, labels: Labels) -> None:
    more = replace(governance, labels=(*governance.labels, labels))

    assert _denied(destination, governance) <= _denied(destination, more)


@given(DESTINATIONS, GOVERNANCES, POLICIES)
def test_another_policy_never_forbids_less(destination: Destination, governance: Governance, policy: Policy) -> None:
    more = replace(governance, policies=(*governance.policies, policy))

    assert _denied(destination, governance) <= _denied(destination, more)


@given(DESTINATIONS, GOVERNANCES, st.data())
def test_a_destination_that_is_sent_less_is_forbidden_no_more(
    destination: Destination, governance: Governance, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(destination.attributes or ("",)), unique=True))
    less = replace(destination, attributes=tuple(each for each in destination.attributes if each in kept))

    assert _denied(less, governance) <= _denied(destination, governance)


@given(DESTINATIONS, GOVERNANCES)
def test_and_never_joins_two_segments_whatever_is_labelled(destination: Destination, governance: Governance) -> None:
    """What all segments together violate is what one of them, or none, violates with the rest."""
    alone = [replace(destination, segments=())]
    alone += [replace(destination, segments=(segment,)) for segment in destination.segments]

    assert _denied(destination, governance) == set().union(*(_denied(each, governance) for each in alone))


@given(DESTINATIONS, GOVERNANCES)
def test_it_is_what_the_labels_say_one_by_one(destination: Destination, governance: Governance) -> None:
    """The same, said with nothing but loops over all that is labelled."""
    expected = {
        (policy.name, action)
        for action in destination.marketing_actions or (None,)
        for policy in governance.policies
        if policy.marketing_actions is None or action in policy.marketing_actions
        for segment in (None, *destination.segments)
        if _holds(policy.deny, _labels(destination, segment, governance))
    }

    assert _denied(destination, governance) == expected


def _holds(expression: Expression, labels: set[str]) -> bool:
    match expression:
        case All(operands):
            return all(_holds(each, labels) for each in operands)
        case Any(operands):
            return any(_holds(each, labels) for each in operands)
        case _:
            return expression in labels


def _labels(destination: Destination, segment: Segment | None, governance: Governance) -> set[str]:
    found: set[str] = set()
    namespaces = None if destination.identities is None else [each.namespace for each in destination.identities]
    for labels in governance.labels:
        for path, of_path in labels.attributes.items():
            for mapped in (attribute.source for attribute in destination.attributes):
                if all(one == other for one, other in zip(path, mapped, strict=False)):
                    found.update(of_path)
        for namespace, of_namespace in labels.identities.items():
            if namespaces is None or namespace in namespaces:
                found.update(of_namespace)
        if destination.attributes or destination.identities != ():
            found.update(label for of_source in labels.sources.values() for label in of_source)
        if segment is not None:
            found.update(labels.segments.get((segment.namespace, segment.id), ()))
    return found


def test_nothing_is_forbidden_without_policies() -> None:
    destination = Destination("crm", Account("https://api.example.com"))

    assert evaluate(destination, Governance()) == ()
