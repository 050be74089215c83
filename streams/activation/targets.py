"""A destination as activation sees it, and why it is considered."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from streams.activation.consents import Consents, Permission
from streams.activation.projection import Projection, Segment
from streams.activation.slots import MembershipWrite
from streams.activation.unions import Values, View
from streams.destinations import Destination


class Trigger(StrEnum):
    """What made an export go out; if several things did, the one that is named first here."""

    FORGOTTEN = "forgotten"
    EXITED = "exited"
    ENTERED = "entered"
    CONSENT = "consent"
    """The profile has withdrawn its consent, has given it, or has changed to which identity it is given."""
    IDENTITY = "identity"
    ATTRIBUTE = "attribute"
    RE_EXPORT = "re-export"
    """Somebody asked for it, no record did."""
    OWED = "owed"
    """The exports topic had refused what was to be sent, or a policy had forbidden its destination."""


class ChangedValues(NamedTuple):
    """The values of all paths before a record and now, and the places of those that are other ones."""

    places: frozenset[int]
    before: Values
    now: Values


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A destination, and what of every profile it gets to see; *places* are its attributes' among all the paths."""

    destination: Destination
    projection: Projection
    places: tuple[int, ...]
    by_writing: bool
    """Whether a write of the same value counts as a change."""
    incarnation: str
    namespace: bytes
    """Of the ids of its exports."""
    since: int | None = None
    """Records with an older timestamp, in milliseconds, change what is known and trigger nothing."""
    consents: Consents | None = None
    """What it needs; None if it needs no consent."""
    consents_at: int = 0
    """Their place among all the paths, if it needs any."""
    is_open: bool = field(init=False)
    """Whether no rule could ever exclude it (``streams.activation.deciding``): most need not be asked."""

    def __post_init__(self) -> None:
        """Find out what can be known once."""
        is_open = self.since is None and self.consents is None and not self.projection.makes_wait
        object.__setattr__(self, "is_open", is_open)

    def permission(self, view: View) -> Permission:
        """Return whether the profile may be sent to it, and with which identities."""
        if self.consents is None:
            return Permission(given=True, identities=view.identities)
        return self.consents.permission(view.values[self.consents_at], view.identities)

    def permitted(self, known: bytes | None, view: View) -> Permission:
        """Return whether the profile may be sent to it with some identities, and with which of them."""
        if self.consents is None:
            return Permission(given=True, identities=known)
        return self.consents.permission(view.values[self.consents_at], known)

    def seen(self, values: Values) -> Values:
        """Return those of its attributes, of the *values* of all the paths."""
        return [values[place] for place in self.places]

    def sees(self, change: ChangedValues | None) -> bool:
        """Whether something else is sent of its attributes because of *change*."""
        if change is None or change.places.isdisjoint(self.places):
            return False
        return not self.projection.hashes or self.projection.differ(self.seen(change.before), self.seen(change.now))


class Cause(msgspec.Struct):
    """Why *target* is considered; without a trigger it is sent nothing."""

    target: Target
    trigger: Trigger | None = None
    changed: list[Segment] = []
    """The mapped segments that the record entered or exited."""
    time_us: int | None = None
    """The newest event time among them."""
    reentered: list[Segment] = []
    """Those among them whose exit is done again although the profile has entered them anew since."""
    repeated: bool = False
    """Whether the record is done again: it has taken over the duties of those whose place it took."""

    def turn(self, write: MembershipWrite) -> None:
        """Count a membership that was entered or exited."""
        membership = write.membership
        self.changed.append((membership.namespace, membership.segment_id))
        self.time_us = membership.time_us if self.time_us is None else max(self.time_us, membership.time_us)
        if write.reentered:
            self.reentered.append(self.changed[-1])
        if not membership.inside:
            self.trigger = Trigger.EXITED
        elif self.trigger is None:
            self.trigger = Trigger.ENTERED
