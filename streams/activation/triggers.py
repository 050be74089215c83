"""Why a destination is sent a profile: what a record wrote, seen by each destination that it could concern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgspec

from streams.activation import identities
from streams.activation.merging import same_value
from streams.activation.paths import Paths
from streams.activation.profiles import Profile
from streams.activation.projection import Projection, Segment
from streams.activation.slots import MembershipWrite, TextWrite, Written
from streams.activation.unions import Unions, Values, View
from streams.destinations import Destination


class Trigger(StrEnum):
    """What made an export go out; if several things did, the one that is named first here."""

    FORGOTTEN = "forgotten"
    EXITED = "exited"
    ENTERED = "entered"
    IDENTITY = "identity"
    ATTRIBUTE = "attribute"
    CONSENT = "consent"
    """The profile has withdrawn its consent, has given it, or has changed to which identity it is given."""
    RE_EXPORT = "re-export"
    """Somebody asked for it, no record did."""
    OWED = "owed"
    """The exports topic had refused what was to be sent."""


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


class Triggers:
    """Finds the causes of a record, for a fixed set of targets."""

    def __init__(self, targets: Sequence[Target], paths: Paths, unions: Unions) -> None:
        self._targets, self._paths, self._unions = targets, paths, unions
        self._by_segment: dict[str, dict[str, list[int]]] = {}
        for number, target in enumerate(targets):
            for namespace, segment_id in {(s.namespace, s.id) for s in target.destination.segments}:
                self._by_segment.setdefault(namespace, {}).setdefault(segment_id, []).append(number)

    def causes(self, view: View, written: Written) -> list[Cause]:
        """Return a cause for each target that the record could concern, in the order of the targets."""
        causes: dict[int, Cause] = {}
        for write in written.memberships:
            self._add_membership(causes, write)
        if written.identities is not None or written.fragment is not None:
            inside = self._inside(view.profile)
            for number in inside - causes.keys():
                causes[number] = Cause(self._targets[number])
            waiting = [causes[number] for number in inside if causes[number].trigger is None]
            if waiting and written.identities is not None:
                self._add_identities(waiting, view, written.identities)
            if waiting and written.fragment is not None:
                self._add_attributes(waiting, view, written.fragment)
        return [causes[number] for number in sorted(causes)]

    def _add_membership(self, causes: dict[int, Cause], write: MembershipWrite) -> None:
        membership = write.membership
        for number in self._by_segment.get(membership.namespace, {}).get(membership.segment_id, ()):
            cause = causes.get(number)
            if cause is None:
                cause = causes[number] = Cause(self._targets[number])
            if write.turned or write.repeated or cause.target.by_writing:
                cause.turn(write)

    def _inside(self, profile: Profile) -> set[int]:
        """Return the numbers of the targets in one of whose segments the profile is."""
        inside: set[int] = set()
        for namespace, slots in profile.memberships.items():
            mapped = self._by_segment.get(namespace)
            if mapped is not None:
                for segment_id, slot in slots.items():
                    if slot.inside:
                        inside.update(mapped.get(segment_id, ()))
        return inside

    def _add_identities(self, causes: Iterable[Cause], view: View, write: TextWrite) -> None:
        change = None if write.repeated else self._changed_identities(view, write)
        for cause in causes:
            selection = cause.target.projection.selection
            if write.repeated:
                triggered = not selection.is_blind
            else:
                triggered = change is not None and (selection.is_all or selection.is_concerned(*change))
            if not triggered and cause.target.by_writing:
                written = view.profile.identities[write.source].text
                triggered = selection.is_all or selection.sent(written) is not None
            if triggered:
                cause.trigger = cause.trigger or Trigger.IDENTITY

    def _changed_identities(self, view: View, write: TextWrite) -> tuple[bytes | None, bytes | None] | None:
        """Return the identities before and now; None if they are the same."""
        slots = view.profile.identities
        if write.before is not None and write.before.text == slots[write.source].text:
            return None
        before, now = self._unions.identities(write.undone(slots)), view.identities
        return None if identities.same(before, now) else (before, now)

    def _add_attributes(self, causes: Iterable[Cause], view: View, write: TextWrite) -> None:
        change = None if write.repeated else self._changed_values(view, write)
        for cause in causes:
            target = cause.target
            triggered = bool(target.places) if write.repeated else target.sees(change)
            if not triggered and target.by_writing:
                triggered = self._is_written(target, view, write)
            if triggered:
                cause.trigger = cause.trigger or Trigger.ATTRIBUTE

    def _changed_values(self, view: View, write: TextWrite) -> ChangedValues | None:
        """Return the values before and now, in the union of all fragments; None if they are the same."""
        slots = view.profile.fragments
        if write.before is not None and len(slots) == 1 and write.before.text == slots[write.source].text:
            return None
        before, now = self._unions.values(write.undone(slots)), view.values
        places = frozenset(_different(before, now))
        return ChangedValues(places, before, now) if places else None

    def _is_written(self, target: Target, view: View, write: TextWrite) -> bool:
        """Whether the fragment has a value that *target* is sent."""
        text = view.profile.fragments[write.source].text
        values = target.projection.sent(target.seen(self._paths.read(text))) if text is not None else ()
        return any(value is not None for value in values)


def _different(before: Values, now: Values) -> Iterator[int]:
    for place, (old, new) in enumerate(zip(before, now, strict=True)):
        if not same_value(old, new):
            yield place
