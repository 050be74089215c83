"""Writes a record into a profile's slots, where it is newer than what they hold or is what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from streams.activation.events import Change, Membership, MembershipChange, Status
from streams.activation.profiles import Forgotten, Memberships, MembershipSlot, Profile, TextSlot
from streams.exports import Position


class MembershipWrite(msgspec.Struct, frozen=True, gc=False):
    """A membership slot was written; *repeated* if the same record had written it before.

    Also if it had ended before it came, and so takes over what the exit that it replaces may still have to say.
    """

    membership: Membership
    turned: bool
    """Whether the profile entered or left the segment by it."""
    repeated: bool
    reentered: bool = False
    """Whether it is an exit done again, and the profile has entered the segment anew since: the slot tells of that."""


class TextWrite(msgspec.Struct, frozen=True, gc=False):
    """A source's fragment or identities were written, over what was there *before*."""

    source: str
    before: TextSlot | None
    repeated: bool

    def undone(self, slots: Mapping[str, TextSlot]) -> Mapping[str, TextSlot]:
        """Return *slots* as they were before it."""
        others = {source: slot for source, slot in slots.items() if source != self.source}
        return others if self.before is None else {**others, self.source: self.before}


class Written(msgspec.Struct):
    """What a record wrote; false if it wrote nothing, because later ones had replaced it."""

    memberships: list[MembershipWrite] = []
    fragment: TextWrite | None = None
    identities: TextWrite | None = None

    def __bool__(self) -> bool:
        return bool(self.memberships or self.fragment or self.identities)

    @property
    def repeated(self) -> bool:
        """Whether the same record had written any of it before."""
        for write in self.memberships:
            if write.repeated:
                return True
        fragment, identities = self.fragment, self.identities
        return (fragment is not None and fragment.repeated) or (identities is not None and identities.repeated)


def without_reentries(profile: Profile, segments: Iterable[tuple[str, str]]) -> Memberships:
    """Return the memberships of *profile* as if it had not entered *segments*, (namespace, id) each, anew."""
    memberships = dict(profile.memberships)
    for namespace, segment_id in segments:
        memberships[namespace] = {**memberships[namespace], segment_id: profile.exits[namespace][segment_id]}
    return memberships


def exited_by(memberships: Memberships, position: Position) -> Memberships:
    """Return *memberships* as if the record at *position* had ended all of them that last, at its timestamp."""
    return {
        namespace: {
            segment_id: MembershipSlot(Status.EXITED, max(slot.time_us, position.timestamp * 1_000), position)
            if slot.inside
            else slot
            for segment_id, slot in slots.items()
        }
        for namespace, slots in memberships.items()
    }


def write(profile: Profile, change: Change, position: Position) -> Written:
    """Write *change*, which stands at *position*, into the slots of *profile*."""
    written = Written()
    if isinstance(change, MembershipChange):
        for membership in change.memberships:
            _write_membership(profile, membership, position, written)
        if change.identities is not None:
            written.identities = _write_text(profile.identities, change.source, change.identities, position)
        return written
    written.fragment = _write_text(profile.fragments, change.source, change.fragment, position)
    if change.identities is not None or change.fragment is None:
        written.identities = _write_text(profile.identities, change.source, change.identities, position)
    return written


def _write_membership(profile: Profile, membership: Membership, position: Position, written: Written) -> None:
    slots = profile.memberships.get(membership.namespace)
    before = None if slots is None else slots.get(membership.segment_id)
    if before is None and profile.forgotten is not None and _is_stale(membership, position, profile.forgotten):
        return
    if slots is None:
        slots = profile.memberships[membership.namespace] = {}
    repeated = before is not None and is_same_record(before.position, position)
    if before is not None and not repeated:
        if not _is_newer(membership, position, before):
            _repeat_exit(profile, membership, position, written)
            return
        _keep_exit(profile, membership, before)
    slot = MembershipSlot(membership.status, membership.time_us, position, membership.until_us)
    slots[membership.segment_id] = slot
    if membership.until_us is not None or not membership.inside:
        _note_due(profile, slot.due_ms)
        repeated = repeated or (membership.has_ended and before is not None)  # it takes over what that had to tell
    turned = before.inside != membership.inside if before is not None else not membership.has_ended
    written.memberships.append(MembershipWrite(membership, turned, repeated))


def _note_due(profile: Profile, due_ms: int | None) -> None:
    """Keep the profile's own moment the lower bound of those of its slots."""
    if due_ms is not None and (profile.due is None or due_ms < profile.due):
        profile.due = due_ms


def _keep_exit(profile: Profile, membership: Membership, before: MembershipSlot) -> None:
    """Keep the exit that an entry replaces: where the entry waits, no export of it takes over the exit's duty."""
    namespace, segment_id = membership.namespace, membership.segment_id
    if not membership.inside:
        profile.exits.get(namespace, {}).pop(segment_id, None)
    elif not before.inside:
        profile.exits.setdefault(namespace, {})[segment_id] = before


def _repeat_exit(profile: Profile, membership: Membership, position: Position, written: Written) -> None:
    """Note that an exit, which an entry has replaced since, is done again."""
    kept = profile.exits.get(membership.namespace, {}).get(membership.segment_id)
    if kept is not None and is_same_record(kept.position, position):
        written.memberships.append(MembershipWrite(membership, turned=False, repeated=True, reentered=True))


def _is_stale(membership: Membership, position: Position, forgotten: Forgotten) -> bool:
    """Say whether what was forgotten had a newer event of this segment: an older one brings nobody back."""
    kept = forgotten.memberships.get(membership.namespace, {}).get(membership.segment_id)
    return kept is not None and not _is_newer(membership, position, kept)


def _is_newer(membership: Membership, position: Position, slot: MembershipSlot) -> bool:
    """Event time decides; at equal times an exit beats an entry, so that no one is targeted by accident.

    It beats one that is over, too: that tells nothing new. One that is over when it is read beats an entry of its time
    only if it is the later record: read again it would end what took its place.
    """
    if membership.time_us != slot.time_us:
        return membership.time_us > slot.time_us
    if membership.inside != slot.inside:
        return slot.inside and (not membership.has_ended or is_later(position, slot.position))
    return is_later(position, slot.position) and not membership.has_ended


def _write_text(slots: dict[str, TextSlot], source: str, text: bytes | None, position: Position) -> TextWrite | None:
    before = slots.get(source)
    repeated = before is not None and is_same_record(before.position, position)
    if before is not None and not repeated and not is_later(position, before.position):
        return None
    slots[source] = TextSlot(text, position)
    return TextWrite(source, before, repeated)


def is_same_record(one: Position, other: Position) -> bool:
    """Compare where they stand; a timestamp adds nothing to it."""
    return one.offset == other.offset and one.partition == other.partition and one.topic == other.topic


def is_later(one: Position, other: Position) -> bool:
    """Say which of two records is later: by offset, or, in different partitions, by timestamp."""
    if one.partition == other.partition and one.topic == other.topic:
        return one.offset > other.offset
    return (one.timestamp, one.topic, one.partition) > (other.timestamp, other.topic, other.partition)
