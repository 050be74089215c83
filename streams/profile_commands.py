"""What is asked of the worker that owns a profile: the records of ``<app>.commands``, whose key is the profile id."""

from __future__ import annotations

import msgspec


class ReExport(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    tag_field="command",
    tag="re-export",
    omit_defaults=True,
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
    """The body of a withdrawal that was not posted: of a forgotten profile nothing else may be left. Not given where
    there is none: an empty one would be written as no JSON."""

    def __repr__(self) -> str:
        return f"ReExport({self.destination}, ...)"  # never the data


Command = ReExport

encode_command = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Command).decode


def decode_command(value: bytes) -> Command:
    """Return the command that *value* holds; raises msgspec.DecodeError."""
    return _decode(value)


def commands_topic(app: str) -> str:
    """Return the name of the topic of commands."""
    return f"{app}.commands"
