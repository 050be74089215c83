"""Why a destination is sent a profile: what a record wrote, seen by each destination that it could concern."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from streams.activation import identities
from streams.activation.merging import same_value
from streams.activation.paths import Paths
from streams.activation.profiles import Profile
from streams.activation.slots import MembershipWrite, TextWrite, Written
from streams.activation.targets import Cause, ChangedValues, Target, Trigger
from streams.activation.unions import Unions, Values, View


class Triggers:
    """Finds the causes of a record, for a fixed set of targets."""

    def __init__(self, targets: Sequence[Target], paths: Paths, unions: Unions) -> None:
        self._targets, self._paths, self._unions = targets, paths, unions
        self._asks_consent = any(target.consents is not None for target in targets)
        places = {target.consents_at for target in targets if target.consents is not None}
        self._by_bytes = places.difference(*[target.places for target in targets])
        self._by_segment: dict[str, dict[str, list[int]]] = {}
        for number, target in enumerate(targets):
            for namespace, segment_id in {(s.namespace, s.id) for s in target.destination.segments}:
                self._by_segment.setdefault(namespace, {}).setdefault(segment_id, []).append(number)

    def causes(self, view: View, written: Written) -> list[Cause]:
        """Return a cause for each target that the record could concern, in the order of the targets."""
        causes: dict[int, Cause] = {}
        change: ChangedValues | None = None
        for write in written.memberships:
            self._add_membership(causes, write, view.profile)
        if written.identities is not None or written.fragment is not None:
            inside = self._inside(view.profile)
            for number in inside - causes.keys():
                causes[number] = Cause(self._targets[number])
            waiting = [causes[number] for number in inside if causes[number].trigger is None]
            if waiting and written.identities is not None:
                self._add_identities(waiting, view, written.identities)
            if waiting and written.fragment is not None:
                change = None if written.fragment.repeated else self._changed_values(view, written.fragment)
                self._add_attributes(waiting, view, written.fragment, change)
        if written.repeated:
            for cause in causes.values():
                cause.repeated = True
        if self._asks_consent:
            _add_consents(causes.values(), view, written, change)
        return [causes[number] for number in sorted(causes)]

    def _add_membership(self, causes: dict[int, Cause], write: MembershipWrite, profile: Profile) -> None:
        """Count it for who maps its segment; one that had ended before it came says nothing to who was told nothing."""
        membership = write.membership
        for number in self._by_segment.get(membership.namespace, {}).get(membership.segment_id, ()):
            cause = causes.get(number)
            if cause is None:
                cause = causes[number] = Cause(self._targets[number])
            if write.turned or ((write.repeated or cause.target.by_writing) and _is_news(write, cause.target, profile)):
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
                triggered = change is not None and _is_concerned(cause.target, change, view)
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

    def _add_attributes(
        self, causes: Iterable[Cause], view: View, write: TextWrite, change: ChangedValues | None
    ) -> None:
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
        places = frozenset(_different(before, now, self._by_bytes))
        return ChangedValues(places, before, now) if places else None

    def _is_written(self, target: Target, view: View, write: TextWrite) -> bool:
        """Whether the fragment has a value that *target* is sent."""
        text = view.profile.fragments[write.source].text
        values = target.projection.sent(target.seen(self._paths.read(text))) if text is not None else ()
        return any(value is not None for value in values)


_Identities = tuple[bytes | None, bytes | None]
_LESS = (None, Trigger.IDENTITY, Trigger.ATTRIBUTE)
"""Than consent."""


def _is_news(write: MembershipWrite, target: Target, profile: Profile) -> bool:
    return not write.membership.has_ended or target.incarnation in profile.told


def _is_concerned(target: Target, change: _Identities, view: View) -> bool:
    """Say whether other identities are sent by a change from those before to those of now."""
    selection = target.projection.selection
    if target.consents is None:
        return selection.is_all or selection.is_concerned(*change)
    before, now = (target.permitted(known, view) for known in change)
    if not (before.given and now.given):
        return True
    return selection.is_concerned(before.identities, now.identities)


def _add_consents(causes: Iterable[Cause], view: View, written: Written, change: ChangedValues | None) -> None:
    """Count consent that is another one now, and consent that is missing where the target was told "in"."""
    repeated = written.repeated
    for cause in causes:
        target = cause.target
        if target.consents is None:
            continue
        if cause.trigger not in _LESS:
            continue
        is_other = change is not None and _is_other(target, view, change)
        if is_other or (cause.trigger is None and _is_due(target, view, repeated)):
            cause.trigger = Trigger.CONSENT


def _is_other(target: Target, view: View, change: ChangedValues) -> bool:
    """Say whether the fragments from before gave something else, to the identities of now."""
    at = target.consents_at
    if target.consents is None or at not in change.places:
        return False
    return target.consents.permission(change.before[at], view.identities) != target.permission(view)


def _is_due(target: Target, view: View, repeated: bool) -> bool:
    """Say whether the target was told of the profile, and is to be told again, or that consent is missing.

    It may be missing where the target was told "in": another document may not have needed it.
    """
    told = view.profile.told.get(target.incarnation)
    return told is not None and (repeated or (told.inside and not target.permission(view).given))


def _different(before: Values, now: Values, by_bytes: Container[int]) -> Iterator[int]:
    """Yield the places of other values; *by_bytes* are those where another spelling may count as one."""
    for place, (old, new) in enumerate(zip(before, now, strict=True)):
        if old != new and (place in by_bytes or not same_value(old, new)):
            yield place
