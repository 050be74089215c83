"""A plan says what each document becomes, what differs, what is withdrawn, and what follows from an account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from streams.configuration.documents import examine_one
from streams.configuration.problems import ConfigurationError
from streams.configuration.stored import located, stored_without_secrets
from streams.destinations import Pause
from streams.registry import edits
from streams.registry.edits import Author
from streams.registry.plans import Change, Plan, Standing, plan, users_of
from streams.registry.records import GOVERNING, Mapped, NamedAccount, Version

ANN, BOB = Author("ann@desk", 1_000), Author("bob@home", 2_000)
PARTNER = {"kind": "account", "name": "partner", "httpEndpoint": "https://h/x?key=canary-1"}
CRM: dict[str, Any] = {
    "kind": "destination",
    "name": "crm",
    "account": "partner",
    "segments": ["a", "b"],
    "attributes": ["person.email", "person.name"],
    "marketingActions": ["Email"],
}
NOTHING = Standing({}, {})


def planned(*documents: Mapping[str, Any], standing: Standing = NOTHING, author: Author = ANN) -> Plan:
    accounts = {
        document["name"]: Version(version=0, written_at=0, by="", document=dict(document)) for document in documents
    }
    known = {**standing.accounts, **{n: v for n, v in accounts.items() if v.document["kind"] == "account"}}
    found = [
        examine_one(located(json.loads(json.dumps(document)), "here"), known, standing.governing)
        for document in documents
    ]
    assert [problem for each in found for problem in each.problems] == []
    return plan([given for each in found for given in each.given], standing, author)


def after(plan: Plan, before: Standing = NOTHING) -> Standing:
    """Return what is in force when the plan is applied."""
    written: dict[str, dict[str, Version]] = {"destination": {**before.destinations}, "account": {**before.accounts}}
    written |= {kind: {**before.governing.get(kind, {})} for kind in GOVERNING}
    for change in plan.changes:
        written[change.kind][change.name] = change.version
    return Standing(written["destination"], written["account"], governing={kind: written[kind] for kind in GOVERNING})


def changed(**keys: Any) -> Change:
    """Return what applying CRM with other keys does to it."""
    standing = after(planned(PARTNER, CRM))
    (change,) = planned({**CRM, **keys}, standing=standing, author=BOB).changes
    return change


def told(change: Change) -> list[str]:
    return [str(each) for each in change.differences]


def test_what_is_new_is_created_accounts_first() -> None:
    account, crm = planned(CRM, PARTNER).changes

    assert (account.kind, account.action, crm.kind, crm.action) == ("account", "create", "destination", "create")
    assert crm.version == Version(
        version=1,
        written_at=1_000,
        by="ann@desk",
        document=CRM,
        created_at=1_000,
        mapped={"ups": {segment: Mapped(created_at=1_000, updated_at=1_000) for segment in ("a", "b")}},
        account=NamedAccount(name="partner", version=1, document=PARTNER),
    )
    assert told(crm) == [
        "+ account.name: partner",
        "+ account.httpEndpoint: https://h/x?********",
        "+ marketingActions: Email",
        "+ segments: a",
        "+ segments: b",
        "+ attributes: person.email",
        "+ attributes: person.name",
    ]


def test_what_means_the_same_changes_nothing_and_is_not_written() -> None:
    standing = after(planned(PARTNER, CRM))
    spelt = {**CRM, "marketing_actions": CRM["marketingActions"], "absent": "omit", "segments": [{"id": "a"}, "b"]}
    del spelt["marketingActions"]
    again = planned(PARTNER, spelt, standing=standing, author=BOB)

    assert [change.action for change in again.changes] == ["nothing", "nothing"]
    assert again.to_write == []
    assert [change.version.by for change in again.changes] == ["ann@desk", "ann@desk"]


def test_what_is_added_is_told_and_withdraws_nothing() -> None:
    change = changed(
        description="North",
        segments=["a", "b", {"id": "c", "name": "Readers", "namespace": "own"}],
        attributes=["person.email", "person.name", {"source": "crmId", "target": "id"}],
        customHeaders={"x-key": "canary-2", "x-secret": {"value": "${file:key}", "secret": True}},
        delivery={"maxInFlight": 8},
        absent="null",
    )

    assert told(change) == [
        "+ description: North",
        "+ customHeaders.x-key: ********",
        "+ customHeaders.x-secret: ${file:key}",
        "+ segments: own:c (Readers)",
        "+ attributes: crmId -> id",
        "+ absent: null",
        "+ delivery.maxInFlight: 8",
    ]
    assert (change.narrowed, change.version.version, change.version.min_version) == ((), 2, 1)


@pytest.mark.parametrize(
    ("keys", "line", "why"),
    [
        ({"segments": ["a"]}, "- segments: b", "segment b is removed"),
        ({"attributes": ["person.email"]}, "- attributes: person.name", "attribute person.name is removed"),
        (
            {"attributes": ["person.email", {"source": "person.name", "target": "name"}]},
            "- attributes: person.name",
            "attribute person.name is removed",
        ),
        (
            {"attributes": [{"source": "person.email", "mandatory": True}, "person.name"]},
            "+ attributes: person.email (mandatory)",
            "attribute person.email becomes mandatory",
        ),
        (
            {"attributes": [{"source": "person.email", "hash": "sha256"}, "person.name"]},
            "+ attributes: person.email (sha256)",
            "attribute person.email is hashed",
        ),
        ({"identities": []}, "~ identities: all, as they come -> the selected", "only selected identities are sent"),
        (
            {"identities": ["ecid", {"namespace": "email", "target": "contact", "hash": "sha256"}]},
            "+ identities: email -> contact (sha256)",
            "only selected identities are sent",
        ),
        ({"requiredIdentity": ["email"]}, "+ requiredIdentity: email", "identity email becomes required"),
        ({"marketingActions": []}, "- marketingActions: Email", "marketing action Email is removed"),
        ({"marketingActions": ["Email", "Ads"]}, "+ marketingActions: Ads", "marketing action Ads is added"),
        ({"since": "2026-01-31T00:00:00Z"}, "+ since: 2026-01-31T00:00:00Z", "since begins later"),
        ({"since": "now"}, "+ since: now", "since begins later"),
        ({"consent": {"needs": ["share"]}}, '+ consent.needs: ["share"]', "consent to share is needed"),
        (
            {"account": {"httpEndpoint": "https://h/y"}},
            "~ account.httpEndpoint: https://h/x?******** -> https://h/y",
            "the endpoint changes",
        ),
    ],
)
def test_what_is_narrowed_withdraws_what_was_rendered_before(keys: dict[str, Any], line: str, why: str) -> None:
    change = changed(**keys)

    assert line in told(change)
    assert change.narrowed == (why,)
    assert change.version.min_version == change.version.version == 2
    stored_without_secrets(change.version)


SELECTED: dict[str, Any] = {
    "attributes": [{"source": "crmId", "deduplicationKey": True}, {"source": "phone", "hash": "sha256"}],
    "identities": ["ecid", {"namespace": "email", "target": "contact", "hash": "sha256"}],
    "requiredIdentity": "email",
}


def selected(**keys: Any) -> Change:
    """Return what applying CRM with selected identities, a key and other keys does to it."""
    standing = after(planned(PARTNER, {**CRM, **SELECTED}))
    (change,) = planned({**CRM, **SELECTED, **keys}, standing=standing, author=BOB).changes
    return change


@pytest.mark.parametrize(
    ("keys", "lines", "narrowed"),
    [
        ({"identities": SELECTED["identities"][1:]}, ["- identities: ecid"], ["identity ecid is removed"]),
        (
            {"identities": [{"namespace": "ecid", "hash": "sha256"}, SELECTED["identities"][1]]},
            ["- identities: ecid", "+ identities: ecid (sha256)"],
            ["identity ecid is hashed"],
        ),
        (
            {"identities": ["ecid", {"namespace": "email", "hash": "sha256"}]},
            ["- identities: email -> contact (sha256)", "+ identities: email (sha256)"],
            ["identity email is no longer sent as contact"],
        ),
        (
            {"identities": None},
            [
                "~ identities: the selected -> all, as they come",
                "- identities: ecid",
                "- identities: email -> contact (sha256)",
            ],
            ["identity email is no longer sent as contact"],
        ),
        (
            {"attributes": ["crmId", SELECTED["attributes"][1]]},
            ["- attributes: crmId (deduplication key)", "+ attributes: crmId"],
            ["attribute crmId is no longer sent with a withdrawal"],
        ),
        (
            {"attributes": [SELECTED["attributes"][0], "phone"]},
            ["- attributes: phone (sha256)", "+ attributes: phone"],
            [],
        ),
        (
            {"identities": ["ecid", {"namespace": "email", "target": "contact"}]},
            ["- identities: email -> contact (sha256)", "+ identities: email -> contact"],
            [],
        ),
        ({"identities": [*SELECTED["identities"], "phone"]}, ["+ identities: phone"], []),
        ({"requiredIdentity": []}, ["- requiredIdentity: email"], []),
        (
            {"requiredIdentity": ["ecid"]},
            ["- requiredIdentity: email", "+ requiredIdentity: ecid"],
            ["identity ecid becomes required"],
        ),
    ],
)
def test_what_is_selected_hashed_or_required_otherwise(
    keys: dict[str, Any], lines: list[str], narrowed: list[str]
) -> None:
    change = selected(**keys)

    assert (told(change), list(change.narrowed)) == (lines, narrowed)


def test_a_new_destination_shows_what_it_selects() -> None:
    (change,) = planned({**CRM, **SELECTED}, standing=after(planned(PARTNER)), author=BOB).changes

    assert {"+ identities: ecid", "+ requiredIdentity: email", "+ attributes: phone (sha256)"} <= set(told(change))


NAMED: dict[str, Any] = {
    "segments": [{"id": "a", "name": "Readers", "updatedAt": "2020-05-25T21:24:39Z"}, {"id": "b", "namespace": "own"}],
    "includeSegmentNames": True,
    "includeSegmentTimestamps": True,
}


def renamed(**keys: Any) -> Change:
    """Return what applying CRM with named segments and other keys does to it."""
    standing = after(planned(PARTNER, {**CRM, **NAMED}))
    (change,) = planned({**CRM, **NAMED, **keys}, standing=standing, author=BOB).changes
    return change


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"includeSegmentNames": False}, "names of segments are no longer sent"),
        ({"includeSegmentTimestamps": False}, "times of segments are no longer sent"),
        ({"segments": ["a", NAMED["segments"][1]]}, "segment a loses its name, updatedAt"),
    ],
)
def test_what_is_said_no_more_of_segments_withdraws_what_said_it(keys: dict[str, Any], why: str) -> None:
    assert renamed(**keys).narrowed == (why,)


def test_what_is_said_otherwise_or_was_never_sent_of_segments_withdraws_nothing() -> None:
    other = {"id": "a", "name": "Writers", "updatedAt": "2021-05-25T21:24:39Z"}
    assert renamed(segments=[other, NAMED["segments"][1]]).narrowed == ()

    quiet = {**NAMED, "includeSegmentNames": False, "includeSegmentTimestamps": False}
    standing = after(planned(PARTNER, {**CRM, **quiet}))
    nameless = {**CRM, **quiet, "segments": ["a", NAMED["segments"][1]]}
    assert planned(nameless, standing=standing).changes[0].narrowed == ()


def test_of_a_segment_all_that_it_says_is_told() -> None:
    segment = {"id": "a", "namespace": "own", "name": "Readers", "createdAt": "2020-01-01T00:00:00Z"}

    assert told(changed(segments=["a", "b", segment])) == [
        "+ segments: own:a (Readers, createdAt 2020-01-01T00:00:00Z)"
    ]


def test_another_client_of_the_same_endpoint_is_another_recipient_and_another_secret_is_not() -> None:
    oauth = {"authEndpoint": "https://t/", "clientID": "c", "clientSecret": "${file:one}"}
    standing = after(planned({**PARTNER, **oauth}, CRM))
    secret, ours = planned({**PARTNER, **oauth, "clientSecret": "${file:two}"}, standing=standing).changes
    _, theirs = planned({**PARTNER, **oauth, "clientID": "d"}, standing=standing).changes

    assert told(secret) == ["~ clientSecret: ${file:one} -> ${file:two}"]
    assert ours.narrowed == ()
    assert theirs.narrowed == ("the client that it is sent for changes",)


def test_a_query_that_changes_is_told_and_not_shown() -> None:
    account, crm = planned(
        {**PARTNER, "httpEndpoint": "https://h/x?key=canary-3"}, standing=after(planned(PARTNER, CRM))
    ).changes

    assert told(account) == ["~ httpEndpoint: https://h/x?******** -> https://h/x?******** (what is masked differs)"]
    assert "canary" not in "".join(told(crm))


def test_the_order_of_a_list_is_a_change_of_its_own() -> None:
    change = changed(attributes=["person.name", "person.email"])

    assert told(change) == ["~ attributes: in this order -> person.name, person.email"]
    assert change.narrowed == ()


def test_a_text_that_would_spoil_the_line_is_quoted() -> None:
    assert told(changed(description="a\x1b[2Jb\nc")) == ['+ description: "a\\u001b[2Jb\\nc"']


def test_a_changed_account_changes_the_live_destinations_that_name_it() -> None:
    inline = {"kind": "destination", "name": "own", "account": {"httpEndpoint": "https://h/"}}
    before = after(planned(PARTNER, CRM, {**CRM, "name": "gone"}, {**CRM, "name": "late"}, inline))
    destinations = {
        **before.destinations,
        "gone": edits.deleted(before.destinations["gone"], ANN),
        "late": edits.draining(before.destinations["late"], ANN),
    }
    standing = Standing(destinations, before.accounts)
    moved = {**PARTNER, "httpEndpoint": "https://new/"}
    account, crm = planned(moved, standing=standing, author=BOB).changes

    assert (account.version.version, crm.name, crm.because) == (2, "crm", "account partner changes")
    assert crm.version.account == NamedAccount(name="partner", version=2, document=moved)
    assert (crm.version.version, crm.version.min_version, crm.narrowed) == (2, 2, ("the endpoint changes",))
    assert users_of("partner", destinations) == ["crm", "late"]


def test_what_an_interrupted_apply_left_of_an_account_is_done_by_the_next_one() -> None:
    before = after(planned(PARTNER, CRM))
    moved = {**PARTNER, "httpEndpoint": "https://new/"}
    account = planned(moved, standing=before).changes[0].version
    crashed = Standing(before.destinations, {"partner": account})

    account_again, crm = planned(moved, standing=crashed).changes

    assert (account_again.action, crm.action) == ("nothing", "change")


def test_an_account_that_says_the_same_otherwise_leaves_its_destinations_alone() -> None:
    (account,) = planned({**PARTNER, "description": "Theirs"}, standing=after(planned(PARTNER, CRM))).changes

    assert account.action == "change"


def test_an_account_that_would_make_a_destination_wrong_is_refused() -> None:
    crm = {**CRM, "customHeaders": {"Authorization": "own"}}
    standing = after(planned(PARTNER, crm))
    oauth = {"authEndpoint": "https://t/", "clientID": "c", "clientSecret": "${file:one}"}

    with pytest.raises(ConfigurationError, match=r"destination crm version 2: customHeaders\.Authorization"):
        planned({**PARTNER, **oauth}, standing=standing)


def test_what_is_made_again_under_its_name_is_another_incarnation() -> None:
    first = planned(PARTNER, CRM).changes[1].version
    gone = edits.deleted(edits.draining(first, ANN), ANN)
    (again,) = planned(CRM, standing=Standing({"crm": gone}, after(planned(PARTNER)).accounts), author=BOB).changes

    assert (gone.version, gone.number, gone.document, gone.account) == (3, 1, {}, None)
    assert (again.action, again.version.version, again.version.number) == ("create", 4, 2)
    assert (again.version.min_version, again.version.created_at, again.version.life) == (4, 2_000, "live")


def test_a_draining_destination_takes_no_change_and_the_others_are_planned() -> None:
    before = after(planned(PARTNER, CRM, {**CRM, "name": "ads"}))
    standing = Standing(
        {**before.destinations, "crm": edits.draining(before.destinations["crm"], ANN)}, before.accounts
    )
    result = planned({**CRM, "segments": []}, {**CRM, "name": "ads", "segments": []}, standing=standing)

    assert [change.name for change in result.changes] == ["ads"]
    (refusal,) = result.refusals
    assert "destination crm is draining since version 2" in refusal


def test_a_pause_and_the_creation_outlast_a_change() -> None:
    before = planned(PARTNER, {**CRM, "since": "now"}).changes[1].version
    paused = edits.paused(before, "they move", BOB)
    standing = Standing({"crm": paused}, after(planned(PARTNER)).accounts)
    (change,) = planned({**CRM, "since": "now", "segments": ["a"]}, standing=standing, author=BOB).changes

    assert change.version.pause == Pause("bob@home", "they move", 2_000)
    assert (change.version.version, change.version.created_at, change.version.number) == (3, 1_000, 1)
    assert edits.resumed(change.version, ANN).pause is None


def test_that_refusals_were_accepted_outlasts_a_change_and_a_pause() -> None:
    before = planned(PARTNER, CRM).changes[1].version
    accepted = edits.resumed(before, BOB, accept_refusals=True)
    assert (accepted.refusals_accepted_at, accepted.version) == (2_000, 2)

    again = edits.resumed(edits.paused(accepted, "they move", ANN), ANN)
    assert (again.refusals_accepted_at, again.pause) == (2_000, None)
    assert edits.deleted(again, ANN).refusals_accepted_at == 0


def test_what_is_no_legal_document_any_more_is_replaced_and_withdrawn() -> None:
    before = after(planned(PARTNER, CRM))
    odd = replace(before.destinations["crm"], document={**CRM, "sorting": 1})
    (change,) = planned(CRM, standing=Standing({"crm": odd}, before.accounts)).changes

    assert told(change) == ["- sorting: 1"]
    assert change.narrowed == ("what was in force is no legal document any more",)


POLICY: dict[str, Any] = {
    "kind": "policy",
    "name": "no-c2",
    "marketingActions": ["Email"],
    "deny": {"operator": "OR", "operands": ["C2", {"operator": "AND", "operands": ["C3", "I1"]}]},
    "status": "enabled",
}
LABELS = {"kind": "labels", "name": "ours", "attributes": {"person.name": ["C2"]}}
SCHEMA = {"kind": "schema", "name": "union", "paths": [{"path": "person.email", "labels": ["I1"]}, "person.name"]}
INLINE = {**CRM, "account": {"httpEndpoint": "https://h/"}}


def test_what_governs_is_written_first_and_told_as_people_read_it() -> None:
    changes = planned(INLINE, SCHEMA, LABELS, POLICY).changes

    assert [(each.kind, each.action) for each in changes] == [
        ("schema", "create"),
        ("labels", "create"),
        ("policy", "create"),
        ("destination", "create"),
    ]
    assert [told(each) for each in changes[:3]] == [
        ["+ paths: person.email (I1)", "+ paths: person.name"],
        ['+ attributes.person.name: ["C2"]'],
        ["+ marketingActions: Email", "+ deny: C2 OR (C3 AND I1)", "+ status: enabled"],
    ]


def test_a_destination_is_refused_that_what_is_in_force_forbids_unless_it_is_so_already() -> None:
    allowed = after(planned(INLINE))
    governed = after(planned(POLICY, LABELS, standing=allowed), allowed)

    again = planned(INLINE, standing=governed, author=BOB)
    changed = planned({**INLINE, "description": "x"}, standing=governed, author=BOB)
    new = planned(INLINE, standing=Standing({}, {}, governing=governed.governing))

    assert (again.refusals, [each.action for each in again.changes]) == ((), ["nothing"])
    assert (again.changes[0].was_forbidden, len(again.changes[0].violations)) == (True, 1)
    for refused in (changed, new):
        assert refused.changes == ()
        (refusal,) = refused.refusals
        assert refusal.partition(";")[0] == (
            "here: attributes[1]: C2 on person.name (in labels ours) -> attribute person.name -> destination crm -> "
            "Email: policy no-c2 denies it where C2 OR (C3 AND I1)"
        )


def test_a_destination_that_labels_forbid_is_told_beside_them_and_is_not_written() -> None:
    allowed = after(planned(INLINE, POLICY))

    plan = planned(LABELS, standing=allowed, author=BOB)

    labels, crm = plan.changes
    assert plan.to_write == [labels]
    assert (crm.name, crm.action, crm.was_forbidden, [each.policy.name for each in crm.violations]) == (
        *("crm", "nothing", False),
        ["no-c2"],
    )
    back = planned({**POLICY, "status": "disabled"}, standing=after(plan, allowed), author=BOB)
    assert [(each.name, each.was_forbidden, each.violations) for each in back.changes[1:]] == [("crm", True, ())]
    assert planned({**LABELS, "description": "x"}, standing=after(plan, allowed)).changes[1:] == ()


def test_paths_that_a_schema_leaves_out_are_told_of_what_is_in_force() -> None:
    standing = after(planned(INLINE, SCHEMA))

    _, crm = planned({**SCHEMA, "paths": ["person.email"]}, standing=standing, author=BOB).changes

    assert (crm.action, crm.unknown, crm.violations) == ("nothing", ("person.name",), ())


@pytest.mark.parametrize("kind", GOVERNING)
def test_a_destination_is_refused_while_nobody_can_tell_what_is_forbidden(kind: str) -> None:
    unreadable = Standing({}, {}, frozenset({(kind, "odd")}))
    invalid = Standing(
        {}, {}, governing={kind: {"odd": Version(version=1, written_at=0, by="", document={"kind": kind})}}
    )

    for standing, why in ((unreadable, "was written by another release"), (invalid, "is not valid here")):
        plan = planned(INLINE, standing=standing)

        assert plan.changes == ()
        assert plan.refusals == (
            f"here: whether destination crm is allowed cannot be told: {kind} odd {why} [other-release]",
        )
    standing = Standing(after(planned(INLINE)).destinations, {}, unreadable.unreadable)
    assert planned(INLINE, standing=standing).refusals == ()
