"""What people read of a violation."""

from __future__ import annotations

from streams.governance.core import CORE_POLICIES
from streams.governance.evaluating import Governance, evaluate
from streams.governance.labels import Labels
from streams.governance.policies import All, Any, written
from streams.governance.telling import in_short, lines
from tests.governance.governed import a_destination, deny, governed, on_paths


def test_a_violation_is_told_with_the_whole_way_from_label_to_action() -> None:
    labels = Labels("labels ours", {("person",): ("C2",)}, segments={("ups", "s1"): ("C12",)})
    policy = CORE_POLICIES["core-third-party"]

    found = evaluate(a_destination("person.email", "person", segments=("s1",)), governed(policy, labels))

    assert [line for each in found for line in lines(each)] == [
        "destination crm violates policy core-third-party, which denies Export to Third Party where C2 OR C12",
        "  C2 on person (in labels ours) -> attribute person.email -> destination crm -> Export to Third Party",
        "  C2 on person (in labels ours) -> attribute person -> destination crm -> Export to Third Party",
        "destination crm violates policy core-third-party, which denies Export to Third Party where C2 OR C12",
        "  C12 on segment s1 (in labels ours) -> destination crm -> Export to Third Party",
        "  C2 on person (in labels ours) -> attribute person.email -> destination crm -> Export to Third Party",
        "  C2 on person (in labels ours) -> attribute person -> destination crm -> Export to Third Party",
    ]


def test_violations_are_told_on_one_line_with_one_way_of_each_label() -> None:
    governance = Governance(
        (deny(All(("C3", "I1"))), CORE_POLICIES["core-no-export"]), (on_paths({"a": "C3 I1 C12", "b": "C3"}),)
    )

    assert in_short(evaluate(a_destination("a", "b", actions=()), governance)) == (
        "policy core-no-export denies any export: C12 on a (in labels ours) -> attribute a"
    )
    assert in_short(evaluate(a_destination("a", "b"), governance)) == (
        "policy no denies Export to Third Party: C3 on a (in labels ours) -> attribute a, "
        "I1 on a (in labels ours) -> attribute a; "
        "policy core-no-export denies Export to Third Party: C12 on a (in labels ours) -> attribute a"
    )


def test_an_expression_is_written_as_people_read_it() -> None:
    assert written(Any(("C2", All(("C3", "I1"))))) == "C2 OR (C3 AND I1)"
