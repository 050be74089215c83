"""What is asked of the worker that owns a profile: the records of ``<app>.commands``, whose key is the profile id."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from streams.exports import Meta, export_id, namespace_of, source_of


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


class Replay(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="command", tag="replay"
):
    """Export once more, as it was recorded, what became a dead letter."""

    destination: str
    """The incarnation, such as ``crm.1``."""
    id: str
    meta: Meta
    body: msgspec.Raw
    """Byte for byte what is to be posted."""
    replays: int = 1
    """How often it has been replayed, this time included."""
    letter: str = ""
    """Where the dead letter stands, for people."""
    by: str = ""
    """Who asks."""
    version: int = 1
    """As of `ReExport`: nothing is rendered, so any will do."""

    def __repr__(self) -> str:
        return f"Replay({self.destination}, {self.id}, ...)"  # never the data


class Due(msgspec.Struct, frozen=True, gc=False):
    """A membership of which something is due; *position* names the record that wrote it, as an export's source does."""

    namespace: str
    segment: str
    position: str


class Expire(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="expire"):
    """End memberships whose ``validUntil`` has passed, and drop exits that are old, where nothing came meanwhile."""

    memberships: tuple[Due, ...]

    def __repr__(self) -> str:
        return f"Expire({len(self.memberships)}, ...)"  # never the data


Wanted = ReExport | Replay
"""What is asked for one destination."""
Command = Wanted | Expire

FORGOTTEN = "forgotten"
"""The trigger of an export that takes back what a destination was told of a profile; the profile's state is gone."""

WITHDRAWING = frozenset({FORGOTTEN, "exited", "re-export", "owed", "consent"})
"""The triggers of exports whose body a command carries as its withdrawal, when they are not posted."""

_TOO_LARGE = 2**63
_NO_WITHDRAWAL: msgspec.Raw = ReExport(destination="").withdrawal
_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """Return the record's value."""
    if isinstance(command, ReExport) and not bytes(command.withdrawal):  # it would be written as no JSON at all
        command = replace(command, withdrawal=_NO_WITHDRAWAL)
    return _encode(command)


def decode_command(value: bytes) -> Command:
    """Return the command that *value* holds; raises msgspec.DecodeError."""
    return _decoder.decode(value)


def is_sound(replay: Replay) -> bool:
    """Whether *replay* asks for what activation had written: its id stands for these bytes, and for no others.

    Its numbers are those of an export, so that whatever becomes of it can be written.
    """
    meta = replay.meta
    numbers = (meta.version, meta.revision, meta.time or 0, meta.recorded or 0, replay.replays)
    if any(abs(number) >= _TOO_LARGE for number in numbers) or replay.replays < 1 or source_of(meta) is None:
        return False
    return replay.id == export_id(namespace_of(replay.destination), meta.source, bytes(replay.body))


def commands_topic(app: str) -> str:
    """Return the name of the topic of commands."""
    return f"{app}.commands"
