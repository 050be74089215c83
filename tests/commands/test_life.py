"""A destination's life by its commands: activated, listed, shown, paused, resumed, and deleted."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest
from aiokafka import TopicPartition

from tests.commands.desk import PARTITIONS, Desk, a_state, a_worker
from tests.registry.governing import LABELS, POLICY

pytestmark = pytest.mark.kafka

ACCOUNT = {"httpEndpoint": "https://h/x?key=canary", "authEndpoint": "https://t/", "clientID": "c"}
CRM: dict[str, Any] = {
    "kind": "destination",
    "name": "crm",
    "description": "Loyalty",
    "account": {**ACCOUNT, "clientSecret": "${env:STREAMS_SECRET_CRM}"},
    "customHeaders": {"x-key": "canary", "x-secret": {"value": "${file:key}", "secret": True}},
}


async def applied(desk: Desk, *documents: dict[str, Any]) -> None:
    desk.write("documents.json", *(documents or (CRM,)))
    await desk.done("destinations", "apply", "documents.json")


async def listed(desk: Desk) -> dict[str, tuple[str, str]]:
    found = (await desk.done("destinations", "list", "--output", "json")).told
    return {each["name"]: (each["state"], each["reason"]) for each in found}


async def exported(desk: Desk, count: int, incarnation: str = "crm.1") -> None:
    await desk.client.produce(f"{desk.app}.exports.{incarnation}", [(b"p", b"{}")] * count, partition=1)


async def delivered(desk: Desk, count: int, incarnation: str = "crm.1") -> None:
    """Commit as the group that delivers it."""
    async with desk.client.consumer(group_id=f"{desk.app}.delivery.{incarnation}") as consumer:
        partition = TopicPartition(f"{desk.app}.exports.{incarnation}", 1)
        consumer.assign([partition])
        await consumer.commit({partition: count})


async def nothing_is_left(desk: Desk, incarnation: str = "crm.1") -> bool:
    async with desk.client.admin() as admin:
        groups = {name for name, *_ in await admin.list_consumer_groups()}
    async with desk.registry() as registry:
        remembered = registry.journal.under(f"birth/{desk.app}.delivery.{incarnation}/")
    topics = await desk.client.partitions(f"{desk.app}.exports.{incarnation}")
    return not topics and not remembered and f"{desk.app}.delivery.{incarnation}" not in groups


async def test_nothing_is_there_before_the_first_one(desk: Desk) -> None:
    assert await listed(desk) == {}
    assert (await desk.done("accounts", "list", "--output", "json")).told == []
    ended = await desk.streams("destinations", "show", "crm")
    assert (ended.code, ended.out) == (2, "")
    assert "no destination is called 'crm'; known are none" in ended.err


async def test_what_policies_forbid_is_listed_and_shown_with_the_way_to_it(desk: Desk) -> None:
    partner = {**CRM, "segments": ["a"], "attributes": ["person.email"], "marketingActions": POLICY["marketingActions"]}
    await applied(desk, partner, {**CRM, "name": "own", "segments": ["a"], "attributes": ["person.email"]})
    await applied(desk, LABELS, POLICY)
    await desk.done("destinations", "pause", "crm", "--why", "their maintenance")

    found = await listed(desk)
    assert found["own"] == ("activated", "")
    state, reason = found["crm"]
    assert state == "forbidden"
    assert reason == (
        "policy no-c2 denies Export to Third Party: C2 on person (in labels customer-data) -> attribute person.email"
    )
    shown = (await desk.done("destinations", "show", "crm", "--output", "json")).told
    assert (shown["state"], shown["reason"]) == (state, reason)
    ended = await desk.streams("re-export", "--profile", "p", "--destination", "crm")
    assert f"destination crm is forbidden ({reason}): nothing of it is delivered until it is allowed" in ended.err

    await applied(desk, {**POLICY, "status": "disabled"})
    assert (await listed(desk))["crm"][0] == "paused"


async def test_a_destination_without_segments_is_configured_and_activated_as_a_second_step(desk: Desk) -> None:
    await applied(desk)
    assert await listed(desk) == {"crm": ("configured", "no segment yet")}

    ended = await desk.done(
        *("destinations", "activate", "crm", "--segment", "a", "--segment", "own:b", "--attribute", "person.email"),
        *("--mandatory", "crmId=id", "--marketing-action", "Email"),
    )

    assert "    + segments: own:b" in ended.out.splitlines()
    assert await listed(desk) == {"crm": ("activated", "")}
    version = await desk.in_force()
    assert version.document == {
        **CRM,
        "marketingActions": ["Email"],
        "segments": ["a", {"id": "b", "namespace": "own"}],
        "attributes": ["person.email", {"source": "crmId", "target": "id", "mandatory": True}],
    }

    again = await desk.done("destinations", "activate", "crm", "--segment", "ups:a", "--attribute", "person.email")
    assert again.out == "destination crm: unchanged (version 2)\n"
    more = await desk.done("destinations", "activate", "crm", "--mandatory", "person.email", "--output", "json")
    assert more.told["changes"][0]["withdrawn"] == ["attribute person.email becomes mandatory"]


async def test_what_is_hashed_selected_and_required_is_added_likewise(desk: Desk) -> None:
    await applied(desk)

    ended = await desk.done(
        *("destinations", "activate", "crm", "--segment", "a", "--hashed", "person.email=email", "--key", "crmId"),
        *("--mandatory", "crmId", "--key", "person.email=email", "--identity", "ecid=visitor"),
        *("--hashed-identity", "email", "--required-identity", "ecid", "--required-identity", "loyalty"),
    )

    assert "    + identities: email (sha256)" in ended.out.splitlines()
    assert "    + identities: ecid -> visitor" in ended.out.splitlines()
    assert (await desk.in_force()).document == {
        **CRM,
        "segments": ["a"],
        "attributes": [
            {"source": "crmId", "mandatory": True, "deduplicationKey": True},
            {"source": "person.email", "target": "email", "deduplicationKey": True, "hash": "sha256"},
        ],
        "identities": [{"namespace": "ecid", "target": "visitor"}, {"namespace": "email", "hash": "sha256"}],
        "requiredIdentity": ["ecid", "loyalty"],
    }

    more = await desk.done("destinations", "activate", "crm", "--hashed-identity", "ecid=visitor", "--output", "json")
    assert more.told["changes"][0]["withdrawn"] == ["identity ecid is hashed"]
    again = await desk.done("destinations", "activate", "crm", "--identity", "email", "--attribute", "crmId")
    assert again.out == "destination crm: unchanged (version 3)\n"
    shown = await desk.done("destinations", "show", "crm")
    assert "deduplicationKey" in shown.out


async def test_what_cannot_be_added_is_told_and_changes_nothing(desk: Desk) -> None:
    await applied(desk)
    wrong = await desk.streams("destinations", "activate", "crm", "--attribute", "a.b", "--attribute", "c=a.b.d")
    nothing = await desk.streams("destinations", "activate", "crm")
    unknown = await desk.streams("destinations", "activate", "cmr", "--segment", "a")

    assert (wrong.code, nothing.code, unknown.code) == (2, 2, 2)
    assert wrong.err.startswith("destination crm: attributes[1]: the targets 'a.b.d' and 'a.b' cannot both be")
    assert "did you mean 'crm'?" in unknown.err
    assert (await desk.in_force()).version == 1


async def test_attributes_without_a_unique_identifier_warn(desk: Desk) -> None:
    await applied(desk)

    ended = await desk.done("destinations", "activate", "crm", "--segment", "a", "--attribute", "person.name")

    assert "warning: destination crm: destination crm: no attribute looks like a unique identifier" in ended.err


async def test_it_is_paused_by_whom_and_why_until_it_is_resumed(desk: Desk) -> None:
    await applied(desk)
    await desk.report(a_worker(followed={"crm.1": 1}))
    late = await desk.streams("destinations", "pause", "crm", "--why", "they move", "--timeout", "0.2")
    assert (late.code, late.err) == (
        1,
        "not followed: destination crm by worker w1: still follows version 1 [not-followed]\n",
    )
    paused = await desk.in_force()
    assert paused.pause is not None
    assert await listed(desk) == {"crm": ("paused", f"by {paused.pause.by}: they move")}

    await desk.report(a_worker(followed={"crm.1": 2}))
    again = await desk.done("destinations", "pause", "crm", "--why", "another reason", "--output", "json")
    assert (again.told["version"], again.told["paused"]) == (2, True)
    assert await desk.in_force() == paused

    process = await desk.start("destinations", "resume", "crm")
    await desk.comes("crm", 3)
    await desk.report(a_worker(followed={"crm.1": 3}))
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    assert (process.returncode, out.decode()) == (0, "destination crm: not paused (version 3)\n")
    assert await listed(desk) == {"crm": ("configured", "no segment yet")}

    again = await desk.done("destinations", "resume", "crm", "--output", "json")
    accepted = await desk.done("destinations", "resume", "crm", "--accept-refusals", "--no-wait", "--output", "json")
    assert (again.told["version"], accepted.told["version"]) == (3, 4)
    version = await desk.in_force()
    assert version.refusals_accepted_at == version.written_at


async def test_what_workers_say_is_listed_and_a_stale_one_is_not_believed(desk: Desk) -> None:
    await applied(desk, {**CRM, "segments": ["a"]}, {**CRM, "name": "ads", "segments": ["a"]})
    await desk.report(
        a_worker(refused={"ads": "STREAMS_SECRET_ADS is not set"}),
        a_state("w1", "crm", "faulted", "unauthorized"),
        a_state("gone", "ads", "faulted", "unreachable"),
    )

    assert await listed(desk) == {
        "crm": ("faulted", "unauthorized"),
        "ads": ("activated", "w1: STREAMS_SECRET_ADS is not set"),
    }
    table = (await desk.done("destinations", "list")).out.splitlines()
    assert table[0].split() == [
        "name",
        "state",
        "reason",
        "version",
        "endpoint",
        "segments",
        "attributes",
        "description",
    ]
    assert "https://h/x?********" in table[1]


async def test_show_tells_everything_and_no_key(desk: Desk) -> None:
    await applied(desk)
    await desk.report(a_worker(followed={"crm.1": 1}), a_worker("w2", refused={"crm": "no secret"}))
    as_json = await desk.done("destinations", "show", "crm", "--output", "json")
    as_text = await desk.done("destinations", "show", "crm")

    told = as_json.told
    assert (told["incarnation"], told["version"], told["minVersion"], told["state"]) == ("crm.1", 1, 1, "configured")
    assert told["document"]["customHeaders"] == {
        "x-key": "********",
        "x-secret": {"value": "${file:key}", "secret": True},
    }
    assert told["account"]["clientSecret"] == "${env:STREAMS_SECRET_CRM}"
    assert told["workers"] == [
        {"worker": "w1", "followed": 1, "refused": None},
        {"worker": "w2", "followed": None, "refused": "no secret"},
    ]
    assert [each["version"] for each in told["versions"]] == [1]
    assert "account.httpEndpoint: https://h/x?********" in as_text.out.splitlines()
    assert "canary" not in as_json.out + as_text.out


async def test_discarding_leaves_nothing_and_the_name_begins_anew(desk: Desk) -> None:
    await applied(desk)
    await exported(desk, 5)
    await desk.report(a_worker(followed={"crm.1": 1}))
    late = await desk.streams("destinations", "delete", "crm", "--discard", "--yes", "--timeout", "0.2")
    assert late.code == 1
    assert "still follows version 1" in late.err
    assert await listed(desk) == {}
    assert not await nothing_is_left(desk)

    await desk.report(a_worker())
    ended = await desk.done("destinations", "delete", "crm", "--discard", "--yes")
    assert ended.out == "destination crm: deleted (crm.1)\n"
    assert await nothing_is_left(desk)
    again = await desk.done("destinations", "delete", "crm", "--drain", "--yes", "--output", "json")
    assert (again.told["deleted"], again.told["removed"]) == (True, [])

    desk.write("documents.json", CRM)
    await desk.streams("destinations", "apply", "documents.json", "--no-wait")
    version = await desk.in_force()
    assert (version.number, version.version, version.min_version) == (2, 3, 3)
    assert await desk.client.end_offsets(f"{desk.app}.exports.crm.2") == dict.fromkeys(range(PARTITIONS), 0)


async def test_draining_delivers_first_and_goes_on_where_it_was_interrupted(desk: Desk) -> None:
    await applied(desk)
    await exported(desk, 5)
    await desk.report(a_worker(followed={"crm.1": 1}), a_worker("w2", stages=("delivery",), followed={"crm.1": 1}))

    unfollowed = await desk.streams("destinations", "delete", "crm", "--drain", "--yes", "--timeout", "0.2")
    assert unfollowed.code == 1
    assert "w1" in unfollowed.err
    assert "w2" not in unfollowed.err
    assert (await listed(desk))["crm"][0] == "draining"
    desk.write("documents.json", {**CRM, "segments": ["a"]})
    refused = await desk.streams("destinations", "apply", "documents.json")
    assert (refused.code, refused.out) == (1, "")
    assert "destination crm is draining since version 2" in refused.err

    await desk.report(a_worker(followed={"crm.1": 2}))
    process = await desk.start("destinations", "delete", "crm", "--drain", "--yes")
    assert process.stderr is not None
    assert (await asyncio.wait_for(process.stderr.readline(), 60)).decode() == "crm is draining: 5 exports left\n"
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 1
    assert (await desk.in_force()).life == "draining"

    process = await desk.start("destinations", "delete", "crm", "--drain", "--yes")
    assert process.stderr is not None
    await asyncio.wait_for(process.stderr.readline(), 60)
    await delivered(desk, 3)
    assert (await asyncio.wait_for(process.stderr.readline(), 60)).decode() == "crm is draining: 2 exports left\n"
    assert (await desk.in_force()).life == "draining"
    await delivered(desk, 5)
    await desk.comes("crm", 3, life="deleted")
    await desk.report(a_worker(), a_worker("w2", stages=("delivery",)))
    out, _ = await asyncio.wait_for(process.communicate(), 60)

    assert (process.returncode, out.decode()) == (0, "destination crm: deleted (crm.1)\n")
    assert await nothing_is_left(desk)


async def test_what_a_crash_left_of_an_older_one_goes_with_the_next(desk: Desk) -> None:
    await applied(desk)
    process = await desk.start("destinations", "delete", "crm", "--discard", "--yes")
    await desk.comes("crm", 2, life="deleted")
    process.kill()
    await process.communicate()
    await applied(desk)

    ended = await desk.done("destinations", "delete", "crm", "--discard", "--yes", "--output", "json")

    assert ended.told["removed"][-1] == "crm.2"
    assert await nothing_is_left(desk)
    assert await nothing_is_left(desk, "crm.2")


async def test_a_group_that_still_has_members_is_told_and_gone_on_with(desk: Desk) -> None:
    await applied(desk)
    async with desk.client.consumer(group_id=f"{desk.app}.delivery.crm.1") as member:
        member.subscribe([f"{desk.app}.exports.crm.1"])
        await member.getmany(timeout_ms=5_000)
        busy = await desk.streams("destinations", "delete", "crm", "--discard", "--yes", "--timeout", "0.2")

    assert (busy.code, busy.out) == (1, "")
    assert "its group still has members" in busy.err
    await desk.done("destinations", "delete", "crm", "--discard", "--yes")
    assert await nothing_is_left(desk)


async def test_how_and_yes_are_wanted(desk: Desk) -> None:
    await applied(desk)
    how = await desk.streams("destinations", "delete", "crm", "--yes")
    yes = await desk.streams("destinations", "delete", "crm", "--drain")

    assert (how.code, yes.code) == (2, 2)
    assert "--drain" in how.err
    assert "say it with --yes" in yes.err
    assert (await desk.in_force()).version == 1


async def test_an_account_in_use_is_not_deleted(desk: Desk) -> None:
    account = {"kind": "account", "name": "partner", **ACCOUNT, "clientSecret": "${file:key}"}
    await applied(desk, account, {**CRM, "account": "partner"})
    listed = (await desk.done("accounts", "list", "--output", "json")).told
    assert listed == [
        {
            "name": "partner",
            "version": 1,
            "endpoint": "https://h/x?********",
            "authorization": "oauth2 (body)",
            "usedBy": ["crm"],
            "description": "",
        }
    ]
    shown = await desk.done("accounts", "show", "partner")
    assert "document.clientSecret: ${file:key}" in shown.out.splitlines()
    assert "canary" not in shown.out + json.dumps(listed)

    used = await desk.streams("accounts", "delete", "partner", "--yes")
    assert (used.code, used.out) == (1, "")
    assert "account partner is in use by crm" in used.err

    await desk.done("destinations", "delete", "crm", "--discard", "--yes")
    await desk.done("accounts", "delete", "partner", "--yes")
    assert (await desk.done("accounts", "list", "--output", "json")).told == []
    desk.write("documents.json", {**CRM, "account": "partner"})
    assert (await desk.streams("destinations", "apply", "documents.json")).code == 2
