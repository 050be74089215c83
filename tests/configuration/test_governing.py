"""Documents of governance become labels, policies and schemas, from files and from the registry alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.documents import Findings, examine, examine_one
from streams.configuration.governing import Described, Ruled, Versions, governed
from streams.configuration.stored import located
from streams.governance.core import CORE_POLICIES
from streams.governance.evaluating import Governance, evaluate
from streams.governance.labels import Labels
from streams.governance.policies import All, Policy
from streams.governance.policies import Any as AnyOf
from streams.registry.records import Version
from tests.configurations import NO_SECRETS, uncoded, written
from tests.governance.governed import DESTINATIONS

CRM: dict[str, Any] = {
    "kind": "destination",
    "name": "crm",
    "account": {"httpEndpoint": "https://h/"},
    "marketingActions": ["Export to Third Party"],
    "attributes": ["person.email"],
}


def versions(*documents: dict[str, Any], **others: Any) -> Versions:
    """Return the documents as they are in force, by kind and name."""
    found: dict[str, dict[str, Version]] = {}
    for each in documents:
        version = Version(version=3, written_at=0, by="ann", document=each, **others)
        found.setdefault(each["kind"], {})[each["name"]] = version
    return found


def one(document: dict[str, Any]) -> Any:
    """Return what one document in force says."""
    known = governed(versions(document))
    assert known.problems == {}
    return known.read[document["kind"], document["name"]]


def objected(*documents: dict[str, Any], governing: Versions | None = None) -> list[str]:
    """Return what is objected to destinations, without the codes."""
    found = [examine_one(located(json.loads(json.dumps(each)), "here"), {}, governing) for each in documents]
    assert [problem for each in found for problem in each.problems] == []
    return uncoded(str(problem) for each in found for problem in each.objections)


def test_a_policy_is_what_its_document_says() -> None:
    document = {
        "kind": "policy",
        "name": "no-c2",
        "description": "Ours",
        "marketingActions": ["Own Use"],
        "deny": {"operator": "OR", "operands": ["C2", {"operator": "AND", "operands": ["C3", "I1"]}]},
    }

    assert one(document) == Ruled(Policy("no-c2", AnyOf(("C2", All(("C3", "I1")))), ("Own Use",), "Ours"), False)
    assert one({**document, "marketingActions": "all", "status": "enabled"}) == Ruled(
        Policy("no-c2", AnyOf(("C2", All(("C3", "I1")))), None, "Ours"), True
    )


@pytest.mark.parametrize("name", CORE_POLICIES)
def test_a_shipped_policy_is_as_it_is_shipped(name: str) -> None:
    assert one({"kind": "policy", "name": name, "status": "enabled"}) == Ruled(CORE_POLICIES[name], True)


def test_labels_are_what_their_document_says() -> None:
    document = {
        "kind": "labels",
        "name": "ours",
        "attributes": {"person.email": "I1", "person": ["C2", "own"]},
        "sources": {"crm": ["C4"]},
        "segments": {"7841": ["C5"], "other:a:b": ["S1"], "ups:7841": ["S2", "C5"]},
        "identities": {"email": ["I1"]},
    }

    assert one(document) == Labels(
        "labels ours",
        {("person", "email"): ("I1",), ("person",): ("C2", "own")},
        {"crm": ("C4",)},
        {("ups", "7841"): ("C5", "S2"), ("other", "a:b"): ("S1",)},
        {"email": ("I1",)},
    )


def test_only_what_is_in_force_says_anything() -> None:
    enabled = {"kind": "policy", "name": "core-analytics", "status": "enabled"}
    disabled = {"kind": "policy", "name": "core-data-science"}
    labels = {"kind": "labels", "name": "ours", "attributes": {"a": ["C8"]}}
    schema = {"kind": "schema", "name": "union", "paths": [{"path": "b", "labels": ["C9"]}, "c"]}
    bare = {"kind": "schema", "name": "bare", "paths": ["d"]}

    known = governed(versions(enabled, disabled, labels, schema, bare))

    assert known.governance == Governance(
        (CORE_POLICIES["core-analytics"],),
        (Labels("labels ours", {("a",): ("C8",)}), Labels("schema union", {("b",): ("C9",)})),
    )
    assert governed(versions(enabled, labels, schema, life="deleted")).governance == Governance()
    assert [known.union.knows((path,)) for path in "abcd"] == [False, True, True, True]


def test_what_is_wrong_in_the_registry_is_told_by_its_name_and_says_nothing() -> None:
    known = governed(versions({"kind": "policy", "name": "odd", "deny": "c2", "marketingActions": ["a"]}))

    assert known.read == {}
    assert [str(each) for each in known.problems["policy", "odd"]] == [
        "policy odd version 3: deny: came 'c2'; labels go by case: write C2, or call your own otherwise [wrong-value]"
    ]


JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "person": {"$ref": "#/definitions/person", "labels": ["own"]},
        "consents": {"type": ["object", "null"]},
        "orders": {"type": "array", "items": {"type": "object", "properties": {"total": {"type": "number"}}}},
        "anything": True,
        "a/b~c": {"type": "string"},
        "with.dot": {"type": "string"},
    },
    "definitions": {
        "person": {
            "allOf": [
                {"properties": {"email": {"type": "string", "labels": "I1"}}},
                {"properties": {"email": {"labels": ["C2"]}, "name": {"allOf": [{"properties": {"first": {}}}]}}},
            ]
        }
    },
}


def test_a_json_schema_knows_the_paths_that_it_describes() -> None:
    found: Described = one({"kind": "schema", "name": "union", "jsonSchema": JSON_SCHEMA})

    assert {".".join(path) for path in found.schema.paths} == {
        *("person", "person.email", "person.name", "person.name.first"),
        *("consents", "orders", "anything", "a/b~c"),
    }
    assert found.schema.open == {("consents",)}
    assert found.labels == Labels("schema union", {("person",): ("own",), ("person", "email"): ("I1", "C2")})


@pytest.mark.parametrize(
    ("path", "is_known"),
    [
        ("person.email", True),
        ("person", True),
        ("person.phone", False),
        ("person.email.domain", False),
        ("consents.marketing.any", True),
        ("orders", True),
        ("orders.total", False),
        ("loyalty.points", True),
        ("loyalty", True),
        ("nothing", False),
    ],
)
def test_schemas_add_up(path: str, is_known: bool) -> None:
    paths = {"kind": "schema", "name": "more", "paths": ["loyalty.points"]}
    known = governed(versions({"kind": "schema", "name": "union", "jsonSchema": JSON_SCHEMA}, paths))

    assert known.union.knows(tuple(path.split("."))) == is_known


def test_without_a_schema_every_path_is_known() -> None:
    assert objected(CRM) == []
    assert governed({}).union.knows(("a",))


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("person.emial", "did you mean 'person.email'?"),
        ("persn.email", "did you mean 'person.email'?"),
        ("person.Email", "did you mean 'person.email'?"),
        ("email", "did you mean 'person.email'?"),
        ("zzz", "add it to a document of kind: schema, or leave it out"),
    ],
)
def test_an_unknown_path_is_told_with_the_nearest(path: str, remedy: str) -> None:
    schema = versions({"kind": "schema", "name": "union", "paths": ["person.email", "person.name", "loyalty.points"]})

    assert objected({**CRM, "attributes": ["person.name", path]}, governing=schema) == [
        f"here: attributes[1]: no union schema knows {path!r}; {remedy}"
    ]


def test_what_is_given_counts_in_place_of_what_is_in_force(tmp_path: Path) -> None:
    enabled = {"kind": "policy", "name": "core-third-party", "status": "enabled"}
    labels = {"kind": "labels", "name": "ours", "attributes": {"person": ["C2"]}}
    in_force = versions(enabled, labels)

    def found(*documents: dict[str, Any]) -> Findings:
        return examine([written(tmp_path, json.dumps(documents))], NO_SECRETS, {}, in_force)

    assert len(found(CRM).objections) == 1
    assert found(CRM, {**enabled, "status": "disabled"}).objections == []
    assert found({**labels, "attributes": {}}, CRM).objections == []
    assert len(found({**labels, "attributes": {"person.email": "C12"}}, CRM).objections) == 1


def test_each_way_is_told_once_where_what_carries_the_label_stands(tmp_path: Path) -> None:
    documents = """
        kind: policy
        name: no-c2
        marketingActions: [Own Use]
        deny: C2
        status: enabled
        ---
        kind: labels
        name: ours
        attributes: {a: C2}
        identities: {email: [C2]}
        segments: {"other:s": C2, t: C2}
        sources: {crm: [C2]}
        ---
        kind: destination
        name: crm
        account: {httpEndpoint: https://h/}
        marketing_actions: [Own Use]
        segments:
          - {id: s, namespace: other}
          - t
        identities:
          - ecid
          - email
        attributes:
          - b
          - a
    """

    found = examine([written(tmp_path, documents)], NO_SECRETS)

    assert [(each.where.rpartition(":")[2], each.key, each.what.partition(" (in")[0]) for each in found.objections] == [
        ("15", "name", "C2 on source crm"),
        ("19", "segments[0]", "C2 on segment other:s"),
        ("20", "segments[1]", "C2 on segment t"),
        ("23", "identities[1]", "C2 on identities email"),
        ("26", "attributes[1]", "C2 on a"),
    ]


def test_a_marketing_action_of_which_nothing_is_known_is_a_warning_with_the_nearest() -> None:
    ours = {"kind": "policy", "name": "ours", "marketingActions": ["Own Use"], "deny": "C2"}
    actions = ["Analytics", "Own Use", "Own Uses", "analytics", "Zzz"]

    found = examine_one(located({**CRM, "marketingActions": actions}, "here"), {}, versions(ours))

    assert [(each.what, each.remedy) for each in found.warnings if "marketing action" in each.what] == [
        (f"destination crm: marketing action {action!r} is no core one, and no policy names it", remedy)
        for action, remedy in (
            ("Own Uses", "did you mean 'Own Use'?"),
            ("analytics", "did you mean 'Analytics'?"),
            ("Zzz", "no policy can forbid what it is for: name it in one"),
        )
    ]


STATUSES = st.lists(st.sampled_from(["enabled", "disabled"]), min_size=len(CORE_POLICIES), max_size=len(CORE_POLICIES))
SOME = st.lists(st.sampled_from(["C1", "C2", "C3", "C8", "C12", "I1"]), min_size=1, max_size=3, unique=True)


@given(DESTINATIONS, STATUSES, st.integers(0, len(CORE_POLICIES) - 1), SOME)
def test_enabling_a_policy_never_allows_more(destination: Any, statuses: list[str], index: int, labels: Any) -> None:
    def forbidden(of: list[str]) -> bool:
        rules = [
            {"kind": "policy", "name": name, "status": status} for name, status in zip(CORE_POLICIES, of, strict=True)
        ]
        given_labels = {"kind": "labels", "name": "ours", "attributes": {"a": labels}, "segments": {"s1": labels}}
        return bool(evaluate(destination, governed(versions(*rules, given_labels)).governance))

    enabled = [*statuses[:index], "enabled", *statuses[index + 1 :]]

    assert forbidden(enabled) or not forbidden(statuses)
