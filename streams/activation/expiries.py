"""What time alone does to a profile: memberships end by themselves, and old exits leave the state. Pure.

Nothing of it happens by the clock alone (design law 3.11): the owner of the profile sends itself an ``Expire``, which
names each membership with the record that wrote it, and what is done is done by that command, as by any other record.
It acts on those that the same record still stands for, so one that was renewed, or has been left, stays as it is. Read
again after a crash it does again what it did, as long as a slot names it; what it dropped is gone, and nobody was told.

An exit may go once no record can be read again that was there when the partition was assigned: else one that it had
overtaken would bring the person back. While something is owed exits stay, since one of them may be what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from streams.activation.events import Membership, MembershipChange, Status
from streams.activation.profiles import Memberships, MembershipSlot, Profile
from streams.activation.slots import MembershipWrite, Written, is_same_record
from streams.exports import Position
from streams.profile_commands import Due, Expire

MOST_AT_ONCE = 1_000
"""Memberships that one command names; of a profile with more the rest follows."""

Slots = dict[str, dict[str, MembershipSlot]]


class Expired(msgspec.Struct):
    """What a command did: what it *wrote*, also once more, how many memberships *ended* and exits were *dropped*."""

    written: Written
    ended: int = 0
    dropped: int = 0

    def __bool__(self) -> bool:
        return bool(self.written or self.dropped)


def next_due(profile: Profile) -> int | None:
    """Return from when on something of *profile* is due, in milliseconds; None if nothing ever is."""
    moments = [slot.due_ms for _, _, slot in _all(profile)]
    return min([moment for moment in moments if moment is not None], default=None)


def expiry(profile: Profile, now_ms: int, may_drop: Callable[[Position], bool]) -> Expire | None:
    """Return what is due of *profile*; *may_drop* tells of an exit's position whether the state may lose it."""
    found = []
    for namespace, segment_id, slot in _all(profile):
        due_ms = slot.due_ms
        if due_ms is None or due_ms > now_ms:
            continue
        if slot.inside or (profile.owed is None and may_drop(slot.position)):
            found.append(Due(namespace, segment_id, slot.position.text))
    return Expire(memberships=tuple(found[:MOST_AT_ONCE])) if found else None


def expire(profile: Profile, command: Expire, position: Position, now_ms: int) -> Expired:
    """Do what *command*, which stands at *position*, still has to do."""
    done, now_ms = Expired(Written()), max(now_ms, position.timestamp)
    for due in command.memberships:
        _expire(profile, due, position, now_ms, done)
        _drop_kept(profile, due, position, now_ms, done)
    return done


def exits_named(command: Expire) -> MembershipChange:
    """Return what *command* says as a record of exits would say it, for a profile that was forgotten since."""
    named = [Membership(due.namespace, due.segment, Status.EXITED, 0) for due in command.memberships]
    return MembershipChange("", tuple(named))


def _expire(profile: Profile, due: Due, position: Position, now_ms: int, done: Expired) -> None:
    slot = profile.memberships.get(due.namespace, {}).get(due.segment)
    if slot is None:
        return
    if is_same_record(slot.position, position):
        done.written.memberships.append(MembershipWrite(_exit(due, slot), turned=False, repeated=True))
    elif slot.position.text != due.position or not _is_due(slot, now_ms):
        return
    elif slot.inside:
        ended = MembershipSlot(Status.EXITED, slot.time_us, position, slot.until_us)
        profile.memberships[due.namespace][due.segment] = ended
        done.written.memberships.append(MembershipWrite(_exit(due, ended), turned=True, repeated=False))
        done.ended += 1
    elif profile.owed is None:
        _remove(profile.memberships, due)
        done.dropped += 1


def _drop_kept(profile: Profile, due: Due, position: Position, now_ms: int, done: Expired) -> None:
    """Do the same for an exit that is kept beside the entry after it."""
    kept = profile.exits.get(due.namespace, {}).get(due.segment)
    if kept is None:
        return
    if is_same_record(kept.position, position):
        again = MembershipWrite(_exit(due, kept), turned=False, repeated=True, reentered=True)
        done.written.memberships.append(again)
    elif kept.position.text == due.position and _is_due(kept, now_ms) and profile.owed is None:
        _remove(profile.exits, due)
        done.dropped += 1


def _exit(due: Due, slot: MembershipSlot) -> Membership:
    return Membership(due.namespace, due.segment, Status.EXITED, slot.shown_us)


def _is_due(slot: MembershipSlot, now_ms: int) -> bool:
    return slot.due_ms is not None and slot.due_ms <= now_ms


def _remove(slots: Slots, due: Due) -> None:
    del slots[due.namespace][due.segment]
    if not slots[due.namespace]:
        del slots[due.namespace]


def _all(profile: Profile) -> Iterator[tuple[str, str, MembershipSlot]]:
    memberships: Memberships
    for memberships in (profile.memberships, profile.exits):
        for namespace, slots in memberships.items():
            for segment_id, slot in slots.items():
                yield namespace, segment_id, slot
