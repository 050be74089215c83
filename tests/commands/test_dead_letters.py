"""``streams dead-letters list``, ``stats`` and ``show``: found by what is asked, and no data told unasked."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from streams.commands.letter_options import MOMENT, POSITION
from streams.delivery.dead_letters import Stage
from streams.ends import Reason
from streams.exports import Meta, encode_meta, export_id, namespace_of
from streams.profile_commands import Replay, decode_command, is_sound
from tests.commands.desk import PARTITIONS, Desk, Ended
from tests.commands.in_process import streams
from tests.deliverables import ARecord, export_headers
from tests.engine.test_recovery import transaction
from tests.letters.letters_of import NOW_MS, written
from tests.poison import MIB
from tests.reaching import brokers_of

OF_ACTIVATION: dict[str, Any] = {"stage": Stage.ACTIVATION, "destination": None, "status": None, "attempts": None}
HOUR_MS = 3_600_000
LETTERS = 510
"""More on one partition than are asked for at once, and some on another."""


async def told(desk: Desk, *arguments: str) -> Ended:
    return await streams(desk.folder, "dead-letters", *arguments)


async def put(desk: Desk, origin: ARecord, *, at: int, **failure: Any) -> None:
    await desk.client.produce(
        f"{desk.app}.dead-letters",
        [(origin.key, origin.value)],
        partition=origin.partition,
        timestamp_ms=at,
        headers=written(origin, **failure).headers,
    )


@pytest.mark.kafka
async def test_letters_are_found_counted_and_shown(desk: Desk) -> None:
    code, _, err = await told(desk, "list")
    assert (code, "does not exist" in err) == (1, True)

    await desk.client.create_topic(f"{desk.app}.dead-letters", PARTITIONS)
    assert (await told(desk, "list"))[:2] == (0, "no such dead letters\n")
    bad = ARecord(7, b"Ada", b"{Ada", [("name", b"Ada")], topic="profiles", partition=2)
    await put(desk, bad, at=NOW_MS, reason=Reason.INVALID_JSON, detail="at byte 7", **OF_ACTIVATION)
    for number in range(3):
        export = ARecord(number, b"p%d" % number, b'{"a": 1}', export_headers(f"id-{number}"), partition=number)
        await put(desk, export, at=NOW_MS + (number + 1) * HOUR_MS)

    code, out, _ = await told(desk, "list", "--output", "json")
    listed = json.loads(out)
    assert code == 0
    assert [each["position"] for each in listed] == ["2:0", "0:0", "1:0", "2:1"]
    assert [(each["reason"], each["destination"]) for each in listed[:2]] == [
        ("invalid-json", None),
        ("refused", "crm"),
    ]
    assert listed[1]["source"] == {"topic": "streams.exports.crm.1", "partition": 0, "offset": 0}

    for asked, found in (
        (("--reason", "refused", "--limit", "2"), ["1:0", "2:1"]),
        (("--since", "2023-11-15T00:00:00Z"), ["1:0", "2:1"]),
        (("--until", "2023-11-14T22:30:00Z"), ["2:0"]),
        (("--since", "1m"), []),
        (("--stage", "activation"), ["2:0"]),
        (("--destination", "crm", "--profile", "p1"), ["1:0"]),
    ):
        code, out, err = await told(desk, "list", *asked, "--output", "json")
        assert ([each["position"] for each in json.loads(out)], code) == (found, 0), asked
        assert ("the newest 2 of 3" in err) is ("--limit" in asked)

    code, out, _ = await told(desk, "stats", "--output", "json")
    assert [(each["reason"], each["count"], each["last"]) for each in json.loads(out)] == [
        ("refused", 3, "2023-11-15T01:13:20.000Z"),
        ("invalid-json", 1, "2023-11-14T22:13:20.000Z"),
    ]

    code, out, _ = await told(desk, "show", "2:0")
    assert code == 0
    assert "Ada" not in out + (await told(desk, "list"))[1] + (await told(desk, "stats"))[1]
    assert "__connect.errors.exception.message: invalid-json: at byte 7" in out
    assert "body: <4 bytes>" in out
    code, out, _ = await told(desk, "show", "2:0", "--reveal", "--output", "json")
    assert (json.loads(out)["key"], json.loads(out)["body"]) == ("Ada", "{Ada")
    assert json.loads(out)["headers"][0] == {"name": "name", "value": "Ada"}

    code, _, err = await told(desk, "show", "2:7")
    assert (code, "no dead letter stands at 2:7" in err) == (2, True)
    async with desk.client.admin() as admin:
        assert desk.app not in {name for name, *_ in await admin.list_consumer_groups()}


@pytest.mark.parametrize("text", ["yesterday", "2026-05-25", "2026-05-25T21:24:39", "2", "h", "-2h", "2w", ""])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="how long ago"):
        MOMENT.convert(text, None, None)


@pytest.mark.parametrize("text", ["3", "3:", ":3", "a:3", "3:-1", "3:1:2", "٣:1"])
def test_what_is_no_position_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="PARTITION:OFFSET"):
        POSITION.convert(text, None, None)


def test_a_time_may_say_how_long_ago_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.commands.letter_options.now", lambda: 10 * HOUR_MS)

    assert [MOMENT.convert(text, None, None) for text in ("2h", "30m", "15s", "7d")] == [
        *(8 * HOUR_MS, 9 * HOUR_MS + HOUR_MS // 2, 10 * HOUR_MS - 15_000),
        0,
    ]
    assert MOMENT.convert("1970-01-01T00:00:01.0005Z", None, None) == 1_001


async def put_all(desk: Desk, exports: list[ARecord]) -> None:
    """Let all *exports* be dead letters."""
    producer = brokers_of(desk.client).producer(max_request_size=8 * MIB)
    await producer.start()
    try:
        for each in exports:
            key, value, headers = written(each)
            await producer.send(f"{desk.app}.dead-letters", value, key, partition=each.partition, headers=headers)
    finally:
        await producer.stop()


def an_export(number: int, *, size: int = 8) -> ARecord:
    """Return an export of ``crm.1`` as activation writes it, of a profile of its own."""
    body, meta = b'{"a":"%s"}' % (b"x" * size), Meta(1, 5, "entered", f"profiles-0-{number}")
    id_ = export_id(namespace_of("crm.1"), meta.source, body)
    headers = [("streams.id", id_.encode()), ("streams.meta", encode_meta(meta))]
    return ARecord(number, b"p%d" % number, body, headers, partition=number // 505)


@pytest.mark.kafka
async def test_many_are_asked_for_and_large_ones_in_their_order(desk: Desk) -> None:
    """No worker runs, so that what is asked is all that there is."""
    crm = {"kind": "destination", "name": "crm", "account": {"httpEndpoint": "https://api.example.com/"}}
    desk.write("crm.yaml", {**crm, "segments": ["a"], "attributes": ["person.email"]})
    for command in (
        ("destinations", "apply", "--no-wait", str(desk.folder / "crm.yaml")),
        ("destinations", "pause", "crm", "--no-wait", "--why", "the CRM is moved"),
        ("topics", "apply"),
    ):
        assert (await streams(desk.folder, *command)).code == 0
    exports = [an_export(number, size=7 * MIB if number == 100 else 8) for number in range(LETTERS)]
    for export in exports:
        export.topic = f"{desk.app}.exports.crm.1"
    await put_all(desk, exports)

    code, out, err = await told(desk, "replay", "--output", "json")
    kind = {"destination": "crm", "reason": "refused"}
    expected = {"done": False, "as": "recorded", "letters": [{**kind, "verdict": "replayable", "letters": LETTERS}]}
    assert (code, json.loads(out)) == (0, expected)
    assert "nothing of it is delivered until 'streams destinations resume crm'" in err
    assert await desk.client.read(f"{desk.app}.commands") == []

    code, out, err = await told(desk, "replay", "--yes", "--timeout", "0")
    assert (code, "no worker has taken 510 in time" in err) == (1, True)
    assert out.split()[-4:] == ["crm", "refused", "asked", "510"]
    records = await desk.client.read(f"{desk.app}.commands")
    replays = [decode_command(record.value) for record in records]
    assert [(record.partition, record.key) for record in records] == [
        (each.partition, each.key) for each in sorted(exports, key=lambda each: (each.partition, each.offset))
    ]
    assert all(isinstance(each, Replay) and is_sound(each) for each in replays)


@pytest.mark.kafka
async def test_letters_that_a_tool_wrote_in_transactions_are_read_to_the_end(desk: Desk) -> None:
    topic = await desk.client.create_topic(f"{desk.app}.dead-letters", 1)
    await transaction(desk.client, topic, [(b"a", b"aborted")], commit=False)
    await transaction(desk.client, topic, [(b"a", b"{}")], commit=True)
    await transaction(desk.client, topic, [(b"a", b"aborted")], commit=False)

    code, out, _ = await told(desk, "list", "--output", "json")

    assert (code, [(each["reason"], each["bytes"]) for each in json.loads(out)]) == (0, [(None, 2)])
    code, out, _ = await told(desk, "replay")
    assert (code, out.split("\n")[1].split()) == (0, ["-", "-", "not-an-export", "1"])
