"""Decodes commands: bytes become what is asked of a profile's owner, or a reason why they cannot."""

from __future__ import annotations

import msgspec

from streams.activation.decoding import Record
from streams.activation.events import Input, Kind, Malformed, MembershipChange
from streams.activation.strict_json import Unreadable, read_object
from streams.activation.xdm import memberships
from streams.ends import Reason
from streams.profile_commands import Command, Expire, ReExport, Replay, decode_command, is_sound

_NEVER_MS = 2**53
"""A clock that no time is ahead of: a withdrawal's times were judged when they came."""

_EXPECTED = 'expected {"command": "re-export" or "replay", "destination": "NAME.NUMBER", ...}, or an "expire"'
_read = memberships(Input(Kind.MEMBERSHIP, ""))
"""Reads a withdrawal, whose body is what a record of memberships is."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A command, with what the withdrawal that it carries said; None if it carries none, or that said nothing."""

    command: Command
    withdrawn: MembershipChange | None = None

    def __repr__(self) -> str:
        return f"Asked({self.command})"


def decode(record: Record, _: int) -> Asked | Malformed:
    """Return what a record of the commands topic asks; total, as the other inputs' decoding is."""
    try:
        if not record.key:
            raise Unreadable(Reason.NULL_KEY, "a record's key is the profile id, it has none")
        if record.value is None:
            raise Unreadable(Reason.NULL_VALUE, "a command is never null")
        command = _command(record.value)
        if isinstance(command, Expire):
            return Asked(command)
        return _replay(command) if isinstance(command, Replay) else _re_export(command, record.value)
    except Unreadable as error:
        return Malformed(error.reason, error.detail)


def _command(value: bytes) -> Command:
    try:
        return decode_command(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        read_object(value)  # says what it is, if it is not even an object
        raise Unreadable(Reason.INVALID_COMMAND, _EXPECTED) from None


def _replay(command: Replay) -> Asked:
    """Take a replay, which is as large as an export may be; what it carries is not read, only held against its id."""
    if not is_sound(command):
        raise Unreadable(Reason.INVALID_COMMAND, "expected a replay of an export as it was written, id and bytes alike")
    return Asked(command)


def _re_export(command: ReExport, value: bytes) -> Asked:
    read_object(value)
    body = bytes(command.withdrawal)
    if not body:
        return Asked(command)
    try:
        return Asked(command, _read(body, 0, _NEVER_MS))
    except Unreadable as error:
        if error.reason is Reason.MISSING_MEMBERSHIP:
            return Asked(command)
        raise
