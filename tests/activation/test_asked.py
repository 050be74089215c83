"""Commands are decoded like any other record: what cannot be read has its reason, and shows nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.activation.asked import Asked, decode
from streams.activation.events import Malformed, Status
from streams.activation.partitioners import murmur2, placed
from streams.ends import Reason
from streams.engine import Message
from streams.exports import Meta, export_id, namespace_of
from streams.profile_commands import ReExport, Replay, encode_command
from tests.json_texts import FRAGMENTS, values
from tests.records import KEY, NOW_MS, a_time


def decoded(value: bytes | None, key: bytes | None = KEY) -> Asked | Malformed:
    return decode(Message("commands", 0, 0, NOW_MS, key, value, (), assignment=1), NOW_MS)


def a_command(**more: Any) -> bytes:
    return json.dumps({"command": "re-export", "destination": "crm.1"} | more).encode()


def test_a_command_says_what_is_asked() -> None:
    asked = decoded(encode_command(ReExport(destination="crm.1", version=3, by="delivery")))

    assert isinstance(asked, Asked)
    assert isinstance(asked.command, ReExport)
    assert (asked.command.destination, asked.command.version, asked.command.by) == ("crm.1", 3, "delivery")
    assert asked.withdrawn is None


def test_a_withdrawal_is_read_whatever_the_clock_says_of_its_times() -> None:
    body = {
        "segmentMembership": {"ups": {"a": {"status": "exited", "lastQualificationTime": "2999-01-01T00:00:00Z"}}},
        "identityMap": {"ecid": [{"id": "1"}]},
    }
    asked = decoded(encode_command(ReExport(destination="crm.1", withdrawal=msgspec.Raw(json.dumps(body).encode()))))

    assert isinstance(asked, Asked)
    assert asked.withdrawn is not None
    assert [(each.segment_id, each.status) for each in asked.withdrawn.memberships] == [("a", Status.EXITED)]
    assert json.loads(asked.withdrawn.identities or b"") == body["identityMap"]


def test_a_withdrawal_of_no_membership_withdraws_nothing() -> None:
    asked = decoded(a_command(withdrawal={"segmentMembership": {}}))

    assert isinstance(asked, Asked)
    assert asked.withdrawn is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"{not json", Reason.INVALID_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"\xff", Reason.NOT_UTF8),
        (b'{"a":' * 100 + b"1" + b"}" * 100, Reason.TOO_DEEP),
        (b"{}", Reason.INVALID_COMMAND),
        (a_command(command="do-not-tell"), Reason.INVALID_COMMAND),
        (a_command(destination=5), Reason.INVALID_COMMAND),
        (b'{"command": "re-export"}', Reason.INVALID_COMMAND),
        (a_command(version="1"), Reason.INVALID_COMMAND),
        (a_command(withdrawal={"segmentMembership": {"ups": {"a": {"status": "gone"}}}}), Reason.UNKNOWN_STATUS),
        (
            a_command(withdrawal={"segmentMembership": {"ups": {"a": {"lastQualificationTime": a_time(1)}}}}),
            Reason.MISSING_STATUS,
        ),
    ],
)
def test_what_is_no_command_says_why_and_shows_nothing(value: bytes | None, reason: Reason) -> None:
    malformed = decoded(value)

    assert isinstance(malformed, Malformed)
    assert malformed.reason is reason
    assert "do-not-tell" not in malformed.detail


def test_a_command_without_a_profile_is_none() -> None:
    malformed = decoded(a_command(), key=None)

    assert isinstance(malformed, Malformed)
    assert malformed.reason is Reason.NULL_KEY


def test_a_command_must_be_where_the_profile_lives() -> None:
    here = murmur2(KEY) % 4
    wrong = Message("commands", (here + 1) % 4, 0, NOW_MS, KEY, a_command(), (), assignment=1)

    malformed = placed(decode, "murmur2", 4)(wrong, NOW_MS)

    assert isinstance(malformed, Malformed)
    assert malformed.reason is Reason.WRONG_PARTITION


def a_replay(body: bytes = b'{"a": 1}', *, source: str = "profiles-0-7", destination: str = "crm.1") -> Replay:
    """Return a replay of an export as activation writes it."""
    meta = Meta(version=1, revision=5, trigger="entered", source=source, segments=("a",), recorded=NOW_MS)
    id_ = export_id(namespace_of(destination), source, body)
    return Replay(destination=destination, id=id_, meta=meta, body=msgspec.Raw(body), letter="0:7", by="ada@desk")


@given(
    st.dictionaries(st.text(), values, max_size=4),
    st.sampled_from([None, 2]),
    st.booleans(),
    st.sampled_from(["profiles-0-7", "a-b#2-3-0", "commands-11-922337203685477580"]),
)
def test_a_replay_is_the_export_byte_for_byte(body: Any, indent: int | None, ascii_only: bool, source: str) -> None:
    written = json.dumps(body, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    replay = a_replay(written, source=source)
    asked = decoded(encode_command(replay))

    assert isinstance(asked, Asked)
    assert isinstance(asked.command, Replay)
    assert bytes(asked.command.body) == written
    assert (asked.command.id, asked.command.meta, asked.command.replays) == (replay.id, replay.meta, 1)
    assert (asked.command.letter, asked.command.by) == ("0:7", "ada@desk")


def test_an_integer_of_any_length_stays_what_it_is() -> None:
    body = b'{"n": %s, "e": 1.50e+3}' % (b"9" * 4_300)

    assert isinstance(decoded(encode_command(a_replay(body))), Asked)


def test_a_replay_may_be_as_large_as_an_export() -> None:
    asked = decoded(encode_command(a_replay(b'{"a": "%s"}' % (b"x" * 7 * 1024 * 1024))))

    assert isinstance(asked, Asked)


BY_HAND: list[tuple[str, Any]] = [
    ("another body", {"body": msgspec.Raw(b'{"a": 2}')}),
    ("the same body with a blank", {"body": msgspec.Raw(b'{"a":  1}')}),
    ("another destination", {"destination": "ads.1"}),
    ("another id", {"id": "4ca72e65-5e2c-57a5-8163-da36543da186"}),
    ("an id that is none", {"id": ""}),
    ("no replay", {"replays": 0}),
    ("replays without end", {"replays": 2**63}),
    *(
        (f"{name} beyond all", {"meta": replace(a_replay().meta, **{name: 2**63})})
        for name in ("version", "revision", "time", "recorded")
    ),
]


@pytest.mark.parametrize(("kind", "changed"), BY_HAND, ids=[kind for kind, _ in BY_HAND])
def test_what_activation_has_not_written_is_no_replay(kind: str, changed: Any) -> None:
    """An id stands for the bytes that it was made of; who changes one of them has written another export."""
    malformed = decoded(_encoded(replace(a_replay(), **changed)))

    assert isinstance(malformed, Malformed)
    assert malformed.reason is Reason.INVALID_COMMAND


def _encoded(replay: Replay) -> bytes:
    """Encode numbers of any size, as a stranger may."""
    told = json.loads(encode_command(replace(replay, replays=1, meta=a_replay().meta)))
    meta = {name: getattr(replay.meta, name) for name in replay.meta.__struct_fields__}
    changed = json.dumps({**told, "meta": meta, "replays": replay.replays, "body": None})
    return changed.replace('"body": null', f'"body": {bytes(replay.body).decode()}').encode()


@pytest.mark.parametrize(
    "source", ["", "profiles", "profiles-0", "-0-7", "profiles-a-7", "profiles-0-٣", "p-1-" + "9" * 19]
)
def test_a_source_that_is_no_position_is_none_of_ours(source: str) -> None:
    malformed = decoded(encode_command(a_replay(source=source)))

    assert isinstance(malformed, Malformed)
    assert malformed.reason is Reason.INVALID_COMMAND


@pytest.mark.parametrize(
    "value",
    [
        b'{"command": "replay"}',
        b'{"command": "replay", "destination": "crm.1", "id": "x", "meta": {}, "body": {}}',
        b'{"command": "replay", "destination": "crm.1", "id": "x", "meta": [], "body": {}}',
        encode_command(a_replay()).replace(b'"body":{"a": 1}', b'"body":[' + b"[" * 100_000),
        encode_command(a_replay()).replace(b'"entered"', b'"\\ud800"'),
        encode_command(a_replay()).replace(b'"entered"', b'"\xff"'),
        encode_command(a_replay())[:-1],
        *(encode_command(a_replay()).replace(b'{"a": 1}', b'{"a": %s}' % piece) for piece in FRAGMENTS),
    ],
)
def test_a_replay_that_cannot_be_read_says_why_and_shows_nothing(value: bytes) -> None:
    malformed = decoded(value)

    assert isinstance(malformed, Malformed)
    assert malformed.reason is not Reason.INTERNAL_ERROR
    assert "ada" not in malformed.detail


def test_nothing_of_a_profile_is_printed_by_accident() -> None:
    assert "Ada" not in repr(decoded(encode_command(a_replay(b'{"name": "Ada"}'))))
