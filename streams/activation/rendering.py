"""What a destination is sent of a profile, as it is written: the body, its id, and what is said beside it. Pure."""

from __future__ import annotations

import msgspec

from streams.activation.deciding import Case, waits_for
from streams.activation.profiles import Memberships, Told
from streams.activation.slots import without_reentries
from streams.activation.targets import Cause, Target, Trigger
from streams.activation.unions import Values, View
from streams.destinations import Destination
from streams.ends import Exclusion, RecordEnd
from streams.exports import Meta, Position, export_id

Considered = tuple[Destination, RecordEnd, Exclusion | None]


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """An export to be written for a destination."""

    destination: Destination
    body: bytes
    id: str
    meta: Meta
    replays: int = 0
    """How often it was replayed; 0 if it is exported for the first time."""

    def __repr__(self) -> str:
        return f"Rendered({self.destination.incarnation}, {self.id})"


class Step(msgspec.Struct):
    """How a record ended; *written* says that the profile's state changed and must be kept.

    *considered* has one entry for each destination that the record could concern: that maps a segment it names, or in
    one of whose segments the profile is while its identities or attributes are written.
    """

    end: RecordEnd
    written: bool
    exports: list[Rendered] = []
    considered: list[Considered] = []
    ended: int = 0
    """Memberships that have ended by themselves."""
    dropped: int = 0
    """Exits that are so old that the state has lost them."""


def full(cause: Cause, seen: Values, view: View, position: Position, now_ms: int) -> Rendered:
    """Return an export of all that the cause's target gets to see, and note that it is told."""
    profile, target = view.profile, cause.target
    memberships = profile.memberships if not cause.reentered else _shown(cause, seen, view, position)
    known = view.identities if target.consents is None else target.permission(view).identities
    body, inside = target.projection.body(seen, memberships, known, changed=cause.changed, now_ms=now_ms)
    assert cause.trigger is not None, "only what is triggered is exported"
    tell(target, view, known, inside=inside, trigger=cause.trigger)
    return rendered(cause, body, profile.revision, position)


def tell(target: Target, view: View, known: bytes | None, *, inside: bool, trigger: Trigger) -> None:
    """Note what *target* is told of the profile: whether it is in, and with which identities."""
    only = None if known is view.identities else known
    view.profile.told[target.incarnation] = Told(view.profile.revision, inside, trigger.value, only)


def rendered(cause: Cause, body: bytes, revision: int, position: Position) -> Rendered:
    """Return *body* with its id, which names the record at *position*, and with why it is sent."""
    assert cause.trigger is not None, "only what is triggered is exported"
    target = cause.target
    meta = Meta(
        version=target.destination.version,
        revision=revision,
        trigger=cause.trigger.value,
        source=position.text,
        time=None if cause.time_us is None else cause.time_us // 1_000,
        segments=tuple([segment_id for _, segment_id in cause.changed]),
        recorded=position.timestamp,
    )
    return Rendered(target.destination, body, export_id(target.namespace, meta.source, body), meta)


def _shown(cause: Cause, seen: Values, view: View, position: Position) -> Memberships:
    """Return the memberships that an export shows: those of now, but no entry that waits in place of its exit."""
    assert cause.trigger is not None, "only what is triggered is exported"
    if waits_for(Case(cause.target, cause.trigger, seen, view, position)) is None:
        return view.profile.memberships
    return without_reentries(view.profile, cause.reentered)
