"""What is asked of the worker that owns a profile: the records of ``<app>.commands``, whose key is the profile id."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace


class ReExport(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="command", tag="re-export"
):
    """Export the profile to one destination, as it is now."""

    destination: str
    """The incarnation, such as ``crm.1``."""
    version: int = 1
    """The lowest version of the destination's document that may render it; an owner that has not followed so far
    puts the command back behind the others."""
    by: str = ""
    """Who asks: an operator, or delivery for an export that must not be posted any more."""
    withdrawal: msgspec.Raw = msgspec.Raw()
    """The body of an export that was not posted, and may have been the last to say that the profile has left: of one
    that was forgotten since, nothing else may be left. See ``WITHDRAWING``."""

    def __repr__(self) -> str:
        return f"ReExport({self.destination}, ...)"  # never the data


Command = ReExport

FORGOTTEN = "forgotten"
"""The trigger of an export that takes back what a destination was told of a profile; the profile's state is gone."""

WITHDRAWING = frozenset({FORGOTTEN, "exited", "re-export", "owed"})
"""The triggers of exports whose body a command carries as its withdrawal, when they are not posted."""

_NO_WITHDRAWAL: msgspec.Raw = ReExport(destination="").withdrawal
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Command).decode


def encode_command(command: Command) -> bytes:
    """Return the record's value."""
    if not bytes(command.withdrawal):  # it would be written as no JSON at all
        command = replace(command, withdrawal=_NO_WITHDRAWAL)
    return _encode(command)


def decode_command(value: bytes) -> Command:
    """Return the command that *value* holds; raises msgspec.DecodeError."""
    return _decode(value)


def commands_topic(app: str) -> str:
    """Return the name of the topic of commands."""
    return f"{app}.commands"
