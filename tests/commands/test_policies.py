"""``streams policies``: what is refused, forbidden and allowed again, each with the way from label to action."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.configuration.settings import load
from streams.founding import found
from streams.registry.applying import standing_of
from streams.registry.opening import opened
from streams.registry.records import DESTINATION, LABELS, POLICY
from tests.commands.desk import PARTITIONS, Desk, Ended, a_worker
from tests.commands.in_process import streams

pytestmark = pytest.mark.kafka

PARTNER = "Partner Exchange"
LABELLED = {"kind": "labels", "name": "customer-data", "attributes": {"person": ["C2"]}}
NO_C2 = {
    "kind": "policy",
    "name": "no-c2",
    "description": "Nothing that must not leave",
    "marketingActions": [PARTNER],
    "deny": "C2",
    "status": "enabled",
}
CRM: dict[str, Any] = {
    "kind": "destination",
    "name": "crm",
    "account": {"httpEndpoint": "https://h/"},
    "marketingActions": [PARTNER],
    "segments": ["a"],
    "attributes": ["person.email"],
}
ON_THE_WAY = f"C2 on person (in labels customer-data) -> attribute person.email -> destination crm -> {PARTNER}"
VIOLATED = [f"destination crm violates policy no-c2, which denies {PARTNER} where C2", f"  {ON_THE_WAY}"]


def write(desk: Desk, name: str, *documents: Mapping[str, Any]) -> str:
    """Write a file of documents, a key a line; return its path."""
    (desk.folder / name).write_text(json.dumps(documents, indent=1))
    return str(desk.folder / name)


async def done(folder: Path, *arguments: str) -> Ended:
    ended = await streams(folder, *arguments)
    assert ended.code == 0, ended
    return ended


async def test_what_a_policy_forbids_is_refused_with_the_whole_way_and_allowed_when_it_is_disabled(desk: Desk) -> None:
    rules, crm = write(desk, "rules.json", LABELLED, NO_C2), write(desk, "crm.json", CRM)
    await done(desk.folder, "policies", "apply", rules)

    for command in ("plan", "apply"):
        refused = await streams(desk.folder, "destinations", command, crm)

        assert (refused.code, refused.out) == (1, "")
        assert refused.err == (
            f"{crm}:15: attributes[0]: {ON_THE_WAY}: policy no-c2 denies it where C2; leave one of them out, or mend "
            "the labels or the policy ('streams policies show no-c2') [policy-violation]\n"
        )
    disabled = await done(desk.folder, "policies", "disable", "no-c2")
    await done(desk.folder, "destinations", "apply", crm)

    assert disabled.out.splitlines() == ["policy no-c2: changed (version 2)", "    - status: enabled"]
    assert (await desk.in_force()).document == CRM


async def test_a_running_destination_is_told_to_be_forbidden_and_to_be_allowed_again(desk: Desk) -> None:
    off = {**NO_C2, "status": "disabled"}
    await done(desk.folder, "destinations", "apply", write(desk, "all.json", LABELLED, off, CRM))

    enabled = await done(desk.folder, "policies", "enable", "no-c2")
    listed = (await done(desk.folder, "destinations", "list", "--output", "json")).told
    evaluated = await streams(desk.folder, "policies", "evaluate", "--destination", "crm")
    again = await done(desk.folder, "destinations", "apply", str(desk.folder / "all.json"), "--output", "json")

    assert enabled.out.splitlines() == [
        "policy no-c2: changed (version 2)",
        "    + status: enabled",
        "destination crm: unchanged (version 1)",
        "    becomes forbidden:",
        *(f"        {line}" for line in VIOLATED),
    ]
    assert [(each["state"], each["reason"]) for each in listed] == [
        (
            "forbidden",
            f"policy no-c2 denies {PARTNER}: C2 on person (in labels customer-data) -> attribute person.email",
        )
    ]
    assert (evaluated.code, evaluated.out.splitlines()) == (1, VIOLATED)
    changes = {each["name"]: each for each in again.told["changes"]}
    assert (changes["no-c2"]["action"], changes["crm"]["wasForbidden"], changes["crm"]["forbidden"]) == (
        *("change", True),
        [],
    )
    allowed = await done(desk.folder, "policies", "evaluate", "--destination", "crm")
    assert allowed.out == "destination crm violates no policy; labels of what it is sent: C2\n"


async def test_labels_that_forbid_a_destination_are_applied_and_it_is_told_by_plan_too(desk: Desk) -> None:
    await done(desk.folder, "destinations", "apply", write(desk, "crm.json", NO_C2, CRM))
    labels = write(desk, "labels.json", LABELLED)

    planned = await done(desk.folder, "policies", "plan", labels)
    applied = await done(desk.folder, "policies", "apply", labels, "--output", "json")
    changed = await streams(desk.folder, "destinations", "activate", "crm", "--segment", "b")
    deleted = await done(desk.folder, "policies", "delete", "customer-data", "--kind", "labels", "--yes")

    assert planned.out.splitlines() == [
        "labels customer-data: is created (version 1)",
        '    + attributes.person: ["C2"]',
        "destination crm: nothing changes (version 1)",
        "    becomes forbidden:",
        *(f"        {line}" for line in VIOLATED),
        "1 to create, 0 to change, 1 unchanged",
    ]
    assert applied.told["changes"][1]["forbidden"] == [
        {
            "policy": "no-c2",
            "marketingAction": PARTNER,
            "deny": "C2",
            "segment": None,
            "lineage": [
                {"label": "C2", "on": "person", "in": "labels customer-data", "through": "attribute person.email"}
            ],
        }
    ]
    assert (changed.code, changed.out) == (1, "")
    assert f"destination crm: attributes[0]: {ON_THE_WAY}: policy no-c2 denies it where C2" in changed.err
    assert deleted.out.splitlines() == [
        "labels customer-data: deleted (version 2)",
        "destination crm: unchanged (version 1)",
        "    is allowed again: no policy forbids it any more",
    ]
    async with desk.registry() as registry:
        assert registry.standing(LABELS)["customer-data"].life == "deleted"


async def test_a_shipped_policy_is_listed_enabled_shown_and_deleted_by_its_name(desk: Desk) -> None:
    exported = {**CRM, "marketingActions": ["Export to Third Party"]}
    await done(desk.folder, "destinations", "apply", write(desk, "crm.json", LABELLED, exported))
    before = (await done(desk.folder, "policies", "list", "--output", "json")).told

    await done(desk.folder, "policies", "enable", "core-third-party")
    await done(desk.folder, "policies", "enable", "core-third-party")
    listed = (await done(desk.folder, "policies", "list")).out.splitlines()
    shown = (await done(desk.folder, "policies", "show", "core-third-party", "--output", "json")).told
    async with desk.registry() as registry:
        document = registry.standing(POLICY)["core-third-party"].document
    await done(desk.folder, "policies", "delete", "core-third-party", "--yes")
    after = (await done(desk.folder, "policies", "list", "--output", "json")).told

    assert len(before) == 10
    assert {(each["status"], each["shipped"], each["version"]) for each in before} == {("disabled", True, 0)}
    assert re.split(r"\s{3,}", listed[1])[:5] == [
        *("core-third-party", "enabled", "Export to Third Party", "C2 OR C12", "crm")
    ]
    assert (shown["status"], shown["version"], list(shown["forbids"])) == ("enabled", 1, ["crm"])
    assert document == {"kind": "policy", "name": "core-third-party", "status": "enabled"}
    assert after == before


async def test_a_policy_of_another_name_is_known_by_the_nearest(desk: Desk) -> None:
    for command in (("enable",), ("disable",)):
        ended = await streams(desk.folder, "policies", *command, "core-third-prty")

        assert (ended.code, ended.out) == (2, "")
        assert "no policy is called 'core-third-prty'; did you mean 'core-third-party'?" in ended.err
    nothing = await done(desk.folder, "policies", "list", "--kind", "schema")
    assert nothing.out == "no documents of kind: schema: streams policies apply FILE makes one\n"


async def test_an_action_is_evaluated_with_labels(desk: Desk) -> None:
    await done(desk.folder, "policies", "apply", write(desk, "rules.json", NO_C2))
    asked = ("policies", "evaluate", "--action", PARTNER)

    violated = await streams(desk.folder, *asked, "--label", "C2", "--label", "I1")
    by_all = await streams(desk.folder, *asked, "--label", "C12", "--disabled", "--output", "json")
    allowed = await done(desk.folder, *asked, "--label", "C12", "--output", "json")
    wrong = await streams(desk.folder, *asked, "--label", "c2")

    assert (violated.code, violated.out) == (1, f"policy no-c2 denies {PARTNER} where C2: C2\n")
    assert (by_all.code, [each["policy"] for each in by_all.told["violations"]]) == (1, ["core-no-export"])
    assert allowed.told == {"marketingAction": PARTNER, "labels": ["C12"], "violations": []}
    assert (wrong.code, wrong.out) == (2, "")
    assert "--label came 'c2'; labels go by case: write C2" in wrong.err


async def test_a_schema_in_force_refuses_what_it_does_not_know_and_its_labels_count(desk: Desk) -> None:
    schema = {
        "kind": "schema",
        "name": "union",
        "paths": ["loyalty.points", {"path": "person.email", "labels": ["C2"]}],
    }
    await done(desk.folder, "policies", "apply", write(desk, "rules.json", schema, NO_C2))

    unknown = await streams(
        desk.folder, "destinations", "apply", write(desk, "crm.json", {**CRM, "attributes": ["persn.email"]})
    )
    labelled = await streams(desk.folder, "destinations", "apply", write(desk, "crm.json", CRM))
    await done(desk.folder, "destinations", "apply", write(desk, "crm.json", {**CRM, "attributes": ["loyalty.points"]}))
    shown = (await done(desk.folder, "destinations", "show", "crm", "--output", "json")).told

    assert unknown.code == 1
    assert "no union schema knows 'persn.email'; did you mean 'person.email'? [unknown-path]" in unknown.err
    assert labelled.code == 1
    assert "C2 on person.email (in schema union) -> attribute person.email" in labelled.err
    assert (shown["labels"], shown["violations"]) == ([], [])


async def test_what_changes_a_policy_waits_for_the_workers(desk: Desk) -> None:
    name, behind = "core-analytics", "not followed: policy core-analytics by worker w1:"
    await desk.report(a_worker())

    enabled = await streams(desk.folder, "policies", "enable", name, "--timeout", "0.2")
    await desk.report(a_worker(followed={f"policy/{name}": 1}))
    again = await done(desk.folder, "policies", "enable", name)
    disabled = await streams(desk.folder, "policies", "disable", name, "--timeout", "0.2", "--output", "json")
    deleted = await streams(desk.folder, "policies", "delete", name, "--yes", "--timeout", "0.2")
    await desk.report(a_worker(followed={f"policy/{name}": 4}))
    back = await done(desk.folder, "policies", "enable", name)
    await desk.report(a_worker(followed={f"policy/{name}": 5}))
    gone = await done(desk.folder, "policies", "delete", name, "--yes")

    assert (enabled.code, enabled.err) == (1, f"{behind} does not follow it yet [not-followed]\n")
    assert again.err == "the live worker follows\n"
    assert disabled.code == 1
    assert disabled.told["workers"]["notFollowed"] == [
        {"worker": "w1", "policy": name, "why": "still follows version 1"}
    ]
    assert (deleted.code, deleted.err) == (1, f"{behind} still follows version 1 [not-followed]\n")
    assert back.out.splitlines()[0] == f"policy {name}: created (version 4)"
    assert gone.out == f"policy {name}: deleted (version 5)\n"


async def test_a_schema_that_does_not_know_what_is_in_force_is_told(desk: Desk) -> None:
    await done(desk.folder, "destinations", "apply", write(desk, "crm.json", CRM))
    schema = write(desk, "schema.json", {"kind": "schema", "name": "union", "paths": ["loyalty.points"]})

    planned = await done(desk.folder, "policies", "plan", schema)

    assert planned.out.splitlines() == [
        "schema union: is created (version 1)",
        "    + paths: loyalty.points",
        "destination crm: nothing changes (version 1)",
        "    maps person.email, which no union schema knows any more: as it is, it takes no change",
        "1 to create, 0 to change, 1 unchanged",
    ]


async def test_a_worker_begins_with_files_that_policies_have_come_to_forbid(desk: Desk) -> None:
    """It goes by what is in force; what would change a forbidden destination is refused, and all else is applied."""
    write(desk, "documents.json", CRM, NO_C2)
    told = json.loads((desk.folder / "streams.yaml").read_text())
    (desk.folder / "streams.yaml").write_text(json.dumps({**told, "documents": ["documents.json"]}))
    settings = load(desk.folder / "streams.yaml", {})

    async def begins() -> list[tuple[str, str, int]]:
        async with opened(settings) as registry:
            await found(settings, registry, PARTITIONS, "w1")
            await registry.caught_up()
            standing = standing_of(registry)
            names = {DESTINATION: standing.destinations, **standing.governing}
            return [(kind, name, each.version) for kind, of in names.items() for name, each in of.items()]

    first = await begins()
    await done(desk.folder, "policies", "apply", write(desk, "labels.json", LABELLED))
    again = await begins()
    write(desk, "documents.json", {**CRM, "description": "x"}, {**CRM, "name": "new"}, {**NO_C2, "description": "x"})
    with capture_logs() as logs:
        changed = await begins()

    assert first == [("destination", "crm", 1), ("policy", "no-c2", 1)]
    assert again == [*first, ("labels", "customer-data", 1)]
    assert changed == [("destination", "crm", 1), ("policy", "no-c2", 2), ("labels", "customer-data", 1)]
    refused = [each["why"] for each in logs if each["event"] == "document.refused"]
    assert [
        f"destination {name} -> {PARTNER}: policy no-c2 denies it" in why
        for name, why in zip(("crm", "new"), refused, strict=True)
    ] == [True, True]
