"""``plan`` and ``apply``: what is told, what is in force then, who is waited for, and two operators at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streams.commands.applying import apply_plan
from streams.configuration.documents import examine_one
from streams.configuration.settings import load
from streams.configuration.stored import located
from streams.registry.applying import standing_of
from streams.registry.edits import Author
from streams.registry.opening import opened
from streams.registry.plans import plan as decided
from streams.registry.records import ACCOUNT
from streams.registry.registry import LostError
from streams.topics import plan
from tests.commands.desk import PARTITIONS, Desk, a_worker

pytestmark = pytest.mark.kafka

PARTNER = {"kind": "account", "name": "partner", "httpEndpoint": "https://h/x?key=canary"}
CRM: dict[str, Any] = {
    "kind": "destination",
    "name": "crm",
    "account": "partner",
    "segments": ["a"],
    "attributes": ["person.email"],
    "customHeaders": {"x-key": "canary"},
}
WITHDRAWN = (
    "    minVersion becomes 2, since attribute person.email is removed: what was rendered before is not posted any "
    "more, but exported anew"
)
INLINE = {**CRM, "account": {"httpEndpoint": "https://h/"}}


async def test_plan_shows_what_apply_then_does_and_changes_nothing(desk: Desk) -> None:
    desk.write("documents.json", CRM, PARTNER)
    planned = await desk.done("destinations", "plan", "documents.json")

    assert planned.out.splitlines() == [
        "account partner: is created (version 1)",
        "    + httpEndpoint: https://h/x?********",
        "destination crm: is created (version 1)",
        "    + account.name: partner",
        "    + account.httpEndpoint: https://h/x?********",
        "    + customHeaders.x-key: ********",
        "    + segments: a",
        "    + attributes: person.email",
        "2 to create, 0 to change, 0 unchanged",
    ]
    assert await desk.client.partitions(plan.destinations(desk.app).name) == []

    applied = await desk.done("destinations", "apply", "documents.json")

    assert "destination crm: created (version 1)" in applied.out
    assert "no live worker" in applied.err
    assert "canary" not in applied.out + applied.err + planned.out
    assert await desk.client.partitions(f"{desk.app}.exports.crm.1") == [*range(PARTITIONS)]
    version = await desk.in_force()
    assert (version.document, version.account and version.account.document) == (CRM, PARTNER)


async def test_what_is_applied_again_changes_nothing(desk: Desk) -> None:
    desk.write("crm.json", INLINE)
    await desk.done("destinations", "apply", "crm.json")
    before = await desk.in_force()

    again = await desk.done("destinations", "apply", "crm.json", "--output", "json")

    assert [(each["action"], each["version"]) for each in again.told["changes"]] == [("nothing", 1)]
    assert await desk.in_force() == before


async def test_a_narrowed_destination_is_told_with_what_is_withdrawn(desk: Desk) -> None:
    desk.write("crm.json", INLINE)
    await desk.done("destinations", "apply", "crm.json")
    desk.write("crm.json", {**INLINE, "attributes": []})

    planned = await desk.done("destinations", "plan", "crm.json")
    applied = await desk.done("destinations", "apply", "crm.json", "--output", "json")

    assert planned.out.splitlines()[:3] == [
        "destination crm: changes (version 1 -> 2)",
        "    - attributes: person.email",
        WITHDRAWN,
    ]
    desk.write("crm.json", {**INLINE, "attributes": [], "segments": []})
    as_text = await desk.done("destinations", "apply", "crm.json")
    assert as_text.out.splitlines()[:2] == ["destination crm: changed (version 3)", "    - segments: a"]
    assert "minVersion becomes 3, since segment a is removed" in as_text.out
    (change,) = applied.told["changes"]
    assert (change["minVersion"], change["withdrawn"]) == (2, ["attribute person.email is removed"])


async def test_a_changed_account_changes_who_names_it_and_may_stand_in_force_alone(desk: Desk) -> None:
    desk.write("account.json", PARTNER)
    desk.write("crm.json", CRM)
    await desk.done("accounts", "apply", "account.json")
    await desk.done("destinations", "apply", "crm.json")
    desk.write("account.json", {**PARTNER, "httpEndpoint": "https://moved/"})

    applied = await desk.done("accounts", "apply", "account.json", "--output", "json")

    assert [(each["kind"], each["version"], each["because"]) for each in applied.told["changes"]] == [
        ("account", 2, ""),
        ("destination", 2, "account partner changes"),
    ]
    version = await desk.in_force()
    assert version.account is not None
    assert (version.account.version, version.account.document["httpEndpoint"]) == (2, "https://moved/")


async def test_a_wrong_document_is_told_with_its_line_and_nothing_is_applied(desk: Desk) -> None:
    desk.write("account.json", PARTNER)
    (desk.folder / "crm.yaml").write_text("kind: destination\nname: crm\naccount: partnr\nsegment: [a]\n")

    ended = await desk.streams("destinations", "apply", "account.json", "crm.yaml")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == [
        "crm.yaml:3: account: no account is called 'partnr'; did you mean 'partner'? [contradiction]",
        "crm.yaml:4: segment: is not a known key; did you mean 'segments'? [unknown-key]",
    ]
    async with desk.registry() as registry:
        assert registry.standing(ACCOUNT) == {}


async def test_it_returns_when_all_live_workers_follow_and_older_versions_are_gone(desk: Desk) -> None:
    desk.write("crm.json", INLINE)
    await desk.done("destinations", "apply", "crm.json")
    await desk.report(a_worker(followed={"crm.1": 1}), a_worker("w2", followed={"crm.1": 1}))
    desk.write("crm.json", {**INLINE, "description": "North"})

    process = await desk.start("destinations", "apply", "crm.json")
    await desk.comes("crm", 2)
    await desk.report(a_worker(followed={"crm.1": 2}))
    async with desk.registry() as registry:
        assert [each.version for each in registry.history("destination", "crm")] == [1, 2]
    await desk.report(a_worker("w2", followed={"crm.1": 2}))
    _, err = await asyncio.wait_for(process.communicate(), 90)

    assert (process.returncode, err.decode()) == (0, "all 2 live workers follow\n")
    async with desk.registry() as registry:
        assert [each.version for each in registry.history("destination", "crm")] == [2]


async def test_who_has_not_followed_is_named_with_why(desk: Desk) -> None:
    desk.write("crm.json", INLINE)
    refused = {"crm": "clientSecret: STREAMS_SECRET_CRM is not set"}
    await desk.report(a_worker(followed={"crm.1": 1}), a_worker("w2", refused=refused), a_worker("w3", only=("ads",)))

    ended = await desk.streams("destinations", "apply", "crm.json", "--timeout", "0.5")
    as_json = await desk.streams("destinations", "apply", "crm.json", "--timeout", "0.5", "--output", "json")
    unwaited = await desk.done("destinations", "apply", "crm.json", "--no-wait")

    assert (ended.code, ended.err) == (
        1,
        f"not followed: destination crm by worker w2: {refused['crm']} [not-followed]\n",
    )
    assert as_json.code == 1
    assert as_json.told["workers"] == {
        "live": ["w1", "w2", "w3"],
        "notFollowed": [{"worker": "w2", "destination": "crm", "why": refused["crm"]}],
    }
    assert unwaited.err == ""


async def test_of_two_operators_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    """Each has read what is in force before either writes; the rest of the time they run as they may."""
    desk.write("crm.json", INLINE)
    await desk.done("destinations", "apply", "crm.json")
    settings = load(desk.folder / "streams.yaml", {})
    async with opened(settings) as one, opened(settings) as other:
        plans = [
            decided(examine_one(located({**INLINE, "description": place}, place), {}).given, standing_of(registry), by)
            for place, registry, by in (("North", one, Author("ann", 1)), ("South", other, Author("bob", 2)))
        ]
        ended = await asyncio.gather(
            apply_plan(settings, one, plans[0], None),
            apply_plan(settings, other, plans[1], None),
            return_exceptions=True,
        )
    (lost,) = [each for each in ended if isinstance(each, BaseException)]
    winner = await desk.in_force()

    assert isinstance(lost, LostError)
    assert (winner.by, winner.document["description"]) == (("ann", "North") if lost is ended[1] else ("bob", "South"))
    assert f"destination crm: {winner.by} was faster and wrote version 2 at 1970-01-01T00:00:00+00:00" in str(lost)


async def test_commands_at_once_agree_on_who_has_won(desk: Desk) -> None:
    desk.write("crm.json", INLINE)
    await desk.done("destinations", "apply", "crm.json")
    places = ("North", "South", "East")
    for place in places:
        desk.write(f"{place}.json", {**INLINE, "description": place})

    ended = await asyncio.gather(*(desk.streams("destinations", "apply", f"{place}.json") for place in places))

    codes = {place: each.code for place, each in zip(places, ended, strict=True)}
    assert codes[(await desk.in_force()).document["description"]] == 0
    assert all("was faster and wrote version" in each.err for each in ended if each.code)
