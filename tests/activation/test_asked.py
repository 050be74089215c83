"""Commands are decoded like any other record: what cannot be read has its reason, and shows nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from streams.activation.asked import Asked, decode
from streams.activation.events import Malformed, Status
from streams.activation.partitioners import murmur2, placed
from streams.ends import Reason
from streams.engine import Message
from streams.profile_commands import ReExport, encode_command
from tests.records import KEY, NOW_MS, a_time


def decoded(value: bytes | None, key: bytes | None = KEY) -> Asked | Malformed:
    return decode(Message("commands", 0, 0, NOW_MS, key, value, (), assignment=1), NOW_MS)


def a_command(**more: Any) -> bytes:
    return json.dumps({"command": "re-export", "destination": "crm.1"} | more).encode()


def test_a_command_says_what_is_asked() -> None:
    asked = decoded(encode_command(ReExport(destination="crm.1", version=3, by="delivery")))

    assert isinstance(asked, Asked)
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
