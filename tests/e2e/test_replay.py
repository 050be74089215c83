"""``streams dead-letters replay``: what was refused arrives with the same id and bytes, unless more was said since."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.demo.endpoint import Answer, Received
from tests.commands.in_process import streams
from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka


def of_profile(world: World, profile: str) -> list[tuple[Received, int]]:
    """Return what arrived of a profile, and how it was answered."""
    return [each for each in world.endpoint.answered if json.loads(each[0].body)["person"]["id"] == profile]


async def test_what_was_refused_is_found_and_sent_once_more(world: World) -> None:
    """The endpoint refuses two profiles; of one more is exported before it is mended."""
    refused = {"ada", "ben"}
    world.endpoint.decide = lambda received: (
        Answer(status=422) if json.loads(received.body)["person"]["id"] in refused else None
    )
    worker = world.worker(settings=world.settings(partitioner="murmur2"))
    await worker.start()
    for profile in ("ada", "ben"):
        await world.produce("profiles", [(profile.encode(), fragment(profile))])
        await world.produce("memberships", [(profile.encode(), membership(SEGMENT, 1, "realized"))])

    async def letters(*more: str) -> Any:
        ended = await streams(worker.directory, "dead-letters", *more, "--output", "json")
        assert ended.code == 0, ended.err
        return ended.told

    async def there_are(count: int) -> bool:
        return sum((await world.client.end_offsets(f"{world.app}.dead-letters")).values()) == count

    async def replayed(*more: str) -> dict[str, int]:
        told = await letters("replay", "--destination", "crm", *more)
        assert told["done"] is ("--yes" in more)
        return {line["verdict"]: line["letters"] for line in told["letters"]}

    await until(lambda: there_are(2), 60, what="both are dead letters")
    refused.discard("ben")
    await world.produce("memberships", [(b"ben", membership(SEGMENT, 2, "exited"))])
    await until(lambda: len(of_profile(world, "ben")) == 2, 30, what="ben's exit is delivered")
    (found,) = await letters("list", "--profile", "ada")
    shown = await letters("show", found["position"])
    assert (found["status"], found["replays"], shown["key"]) == (422, 0, "<3 bytes>")

    assert await replayed("--reason", "refused") == {"replayable": 2}
    assert await world.client.read(f"{world.app}.commands") == []
    assert await replayed("--yes") == {"written": 1, "overtaken": 1}
    await until(lambda: there_are(3), 60, what="the endpoint has refused it once more")
    assert [each["replays"] for each in await letters("list", "--profile", "ada")] == [0, 1]
    refused.clear()
    assert await replayed("--profile", "ada", "--yes") == {"newer-letter": 1, "written": 1}
    await until(lambda: len(of_profile(world, "ada")) == 3, 30, what="it is delivered")

    assert [status for _, status in of_profile(world, "ada")] == [422, 422, 204]
    assert len({(each.header("Idempotency-Key"), each.body) for each, _ in of_profile(world, "ada")}) == 1
    assert [status for _, status in of_profile(world, "ben")] == [422, 204]
    rows = [row for row in await world.client.read(f"{world.app}.exports.crm.1") if row.key == b"ada"]
    assert [dict(row.headers).get("streams.replays") for row in rows] == [None, b"1", b"2"]
    assert len({dict(row.headers)["streams.meta"] for row in rows}) == 1
    assert await worker.metric("streams_records_total", topic=f"{world.app}.commands", end="overtaken") == 1
    await worker.terminate()
    ended = await streams(worker.directory, "dead-letters", "replay", found["position"], "--yes", "--timeout", "0.5")
    assert (ended.code, "no worker has taken 1 in time" in ended.err) == (1, True)
