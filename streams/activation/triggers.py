"""Why a destination is sent a profile: what a record wrote, seen by each destination that it could concern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

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
        changed = write.repeated or self._identities_changed(view, write)
        for cause in causes:
            if changed or cause.target.by_writing:
                cause.trigger = cause.trigger or Trigger.IDENTITY

    def _identities_changed(self, view: View, write: TextWrite) -> bool:
        now = view.profile.identities
        if write.before is not None and write.before.text == now[write.source].text:
            return False
        return not identities.same(self._unions.identities(write.undone(now)), view.identities)

    def _add_attributes(self, causes: Iterable[Cause], view: View, write: TextWrite) -> None:
        changed = self._paths_changed(view, write)
        for cause in causes:
            places = cause.target.places
            if write.repeated:
                triggered = bool(places)
            elif cause.target.by_writing:
                triggered = not changed.isdisjoint(places) or not self._paths_written(view.profile, write).isdisjoint(
                    places
                )
            else:
                triggered = not changed.isdisjoint(places)
            if triggered:
                cause.trigger = cause.trigger or Trigger.ATTRIBUTE

    def _paths_changed(self, view: View, write: TextWrite) -> set[int]:
        """Return the places of the paths whose value in the union of all fragments is another one now."""
        now = view.profile.fragments
        if write.before is not None and len(now) == 1 and write.before.text == now[write.source].text:
            return set()
        return set(_different(self._unions.values(write.undone(now)), view.values))

    def _paths_written(self, profile: Profile, write: TextWrite) -> set[int]:
        """Return the places of the paths that the fragment has a value at."""
        text = profile.fragments[write.source].text
        return set() if text is None else {place for place, value in enumerate(self._paths.read(text)) if value}


def _different(before: Values, now: Values) -> Iterator[int]:
    for place, (old, new) in enumerate(zip(before, now, strict=True)):
        if not same_value(old, new):
            yield place
