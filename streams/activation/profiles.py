"""A profile's state: slots, each naming the record that wrote it, in a versioned encoding."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from streams.activation.events import Status
from streams.exports import Position

VERSION = 4
"""The encoding's version: raised whenever an older release would misread it. A release reads N and N-1."""

EXITED_KEPT_MS = 30 * 24 * 60 * 60 * 1000
"""How long an exit is shown, and stays in the state, from the timestamp of the record that wrote it."""

_READABLE = frozenset({3, 4})
_ARRAY, _ARRAY_MASK = 0x90, 0xF0  # MessagePack: a short array
_NOTHING = (b"", b"\xc0")  # what stands there if nothing was forgotten, or is owed
_PLAIN = b"\x04\xc0\xc0"  # how nearly all begin: neither
_NEVER, _MOMENT = 0xC0, 0xCF  # MessagePack: nil, and an integer of eight bytes


class UnknownEncoding(ValueError):  # noqa: N818 - says what is wrong, as UnknownVersion does
    """A profile's state that this release does not read: another one wrote it."""


class _Slot(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What hides its content wherever it is printed: profile data shows nowhere."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class MembershipSlot(_Slot, array_like=True, frozen=True, gc=False):
    """A segment membership as the newest event said, and the record that said it."""

    status: Status
    time_us: int
    position: Position
    until_us: int | None = None
    """When the membership ends by itself; of an exit, that it has ended so. In microseconds, None: it does not."""

    @property
    def inside(self) -> bool:
        """Whether the profile is in the segment."""
        return self.status is not Status.EXITED

    @property
    def due_ms(self) -> int | None:
        """From when on something is to be done about it: it ends by itself, or it is an exit that the state drops."""
        if not self.inside:
            return self.position.timestamp + EXITED_KEPT_MS + 1
        return None if self.until_us is None else -(-self.until_us // 1_000)

    @property
    def shown_us(self) -> int:
        """The time that it is shown with: of a membership that ended by itself, when it did.

        *time_us*, by which events are put in order, stays that of the last event.
        """
        return self.time_us if self.until_us is None or self.inside else self.until_us


Memberships = Mapping[str, Mapping[str, MembershipSlot]]
"""A profile's slots by namespace and segment id."""


class TextSlot(_Slot, array_like=True, frozen=True, gc=False):
    """A source's whole fragment, or its identities, as JSON; None if a null took it away."""

    text: bytes | None
    position: Position


class Told(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a destination's incarnation was last told: at which revision, and whether it said "in"."""

    revision: int
    inside: bool
    trigger: str | None = None
    """What made it go out; None where an older release wrote it."""
    identities: bytes | None = None
    """With which identities, as one identityMap, where consent had left some out or is withdrawn; None: with all."""


class Forgotten(_Slot, array_like=True, frozen=True, gc=False):
    """What must stay of a profile that a null forgot, until no record from before the null can be read again.

    With it the same record leads to the same exports after a crash, and none from before brings the person back.
    """

    position: Position
    """The null that forgot the profile."""
    identities: bytes | None
    """All that it had, as one identityMap."""
    memberships: dict[str, dict[str, MembershipSlot]]
    """As they were; unmapped ones too, since they name records that must not count once more."""
    exits: dict[str, dict[str, MembershipSlot]]
    """As they were."""
    told: dict[str, bool]
    """By the destination's incarnation: whether it may have been told "in"."""
    seen: dict[str, int]
    """By input topic, the highest offset that a slot named: up to there every record was applied before."""
    keys: dict[str, bytes] = {}
    """By the dotted source path, the JSON text of each deduplication key that the profile had."""
    only: dict[str, bytes] = {}
    """By the destination's incarnation, the identities that it was told, where that is fewer than all."""
    said: dict[str, bytes] = {}
    """By the destination's incarnation: deduplication keys and identities as it was sent them by a withdrawal of which
    nothing else was known any more, as a JSON object."""


class Profile(msgspec.Struct, array_like=True):
    """All that is known of a profile; mutable. ``Profile()`` is one of which nothing is known."""

    version: int = VERSION
    forgotten: Forgotten | None = None
    """What is left of the life before this one. It stands here so that the first bytes tell (``is_marked``)."""
    owed: dict[str, Position] | None = None
    """By the destination's incarnation: the last record whose export it is owed. None if nothing is owed, so
    that the first bytes tell."""
    due: int | None = None
    """From when on, in milliseconds, something of it may be due: a lower bound, and the first bytes tell (``due_of``).

    None if nothing ever is."""
    revision: int = 0
    memberships: dict[str, dict[str, MembershipSlot]] = {}
    """By namespace and segment id."""
    fragments: dict[str, TextSlot] = {}
    """By source."""
    identities: dict[str, TextSlot] = {}
    """By source."""
    told: dict[str, Told] = {}
    """By the destination's incarnation."""
    exits: dict[str, dict[str, MembershipSlot]] = {}
    """Of the segments that the profile is in again: the exit before, by namespace and segment id."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of it; what was forgotten is not."""
        return not (self.memberships or self.fragments or self.identities)

    def __repr__(self) -> str:
        return f"Profile(revision={self.revision}, ...)"


class _Profile3(msgspec.Struct, array_like=True):
    """A profile as version 3 has it, which did not say when something of it is due."""

    version: int
    forgotten: Forgotten | None
    owed: dict[str, Position] | None
    revision: int
    memberships: dict[str, dict[str, MembershipSlot]]
    fragments: dict[str, TextSlot]
    identities: dict[str, TextSlot]
    told: dict[str, Told]
    exits: dict[str, dict[str, MembershipSlot]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Profile).decode
_decode_3 = msgspec.msgpack.Decoder(_Profile3).decode


def check_encoding(value: bytes) -> None:
    """Raise UnknownEncoding unless this release reads *value*; looks at its first two bytes only."""
    if len(value) < 2 or value[0] & _ARRAY_MASK != _ARRAY or value[1] not in _READABLE:
        found = value[1] if len(value) > 1 and value[0] & _ARRAY_MASK == _ARRAY else "none"
        raise UnknownEncoding(
            f"a profile's state has the encoding version {found}, this release reads {sorted(_READABLE)}: "
            "run the release that wrote it, or one between"
        )


def decode_profile(value: bytes) -> Profile:
    """Return the profile that *value* encodes; raises UnknownEncoding if this release does not read it."""
    check_encoding(value)
    try:
        return _raised(_decode_3(value)) if value[1] == 3 else _decode(value)
    except msgspec.DecodeError as error:
        raise UnknownEncoding(f"a profile's state does not decode: {error}") from None


def is_marked(value: bytes) -> bool:
    """Say whether something is still to be done for a profile: to remove what was forgotten, or to export what is owed.

    Looks at the state's first four bytes only.
    """
    if value.startswith(_PLAIN, 1):
        return False
    is_ours = len(value) > 1 and value[1] in _READABLE
    return is_ours and (value[2:3] not in _NOTHING or value[3:4] not in _NOTHING)


def due_of(value: bytes) -> int | None:
    """Return from when on something of a profile may be due (``Profile.due``), given its state.

    Of nearly all it looks at the first bytes only.
    """
    if value.startswith(_PLAIN, 1):
        if value[4] == _NEVER:
            return None
        if value[4] == _MOMENT:
            return int.from_bytes(value[5:13])
    return decode_profile(value).due


def encode_profile(profile: Profile) -> bytes:
    """Return the state as bytes, in the newest encoding."""
    profile.version = VERSION
    return _encode(profile)


def forget_gone(profile: Profile, gone: Set[str]) -> None:
    """Drop what *profile* remembers of incarnations that are gone for good."""
    if not gone:
        return
    if not gone.isdisjoint(profile.told):
        profile.told = {incarnation: told for incarnation, told in profile.told.items() if incarnation not in gone}
    if profile.owed is not None and not gone.isdisjoint(profile.owed):
        profile.owed = {each: owed for each, owed in profile.owed.items() if each not in gone} or None


def _raised(old: _Profile3) -> Profile:
    """Return a profile of version 3 as one of today; something of it may be due at any time."""
    return Profile(
        forgotten=old.forgotten,
        owed=old.owed,
        due=0,
        revision=old.revision,
        memberships=old.memberships,
        fragments=old.fragments,
        identities=old.identities,
        told=old.told,
        exits=old.exits,
    )
