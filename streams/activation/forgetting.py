"""What a null forgets of a profile, and which records are from before it. Pure.

A null takes a source's fragment and identities away. While another source has a fragment, that is a change like any
other. Otherwise the profile is forgotten, also one of which only memberships were known: its attributes are gone from
the state at once, and what remains is ``Forgotten``, until the removal. Each destination that may have been told "in"
is sent a withdrawal. What a record does that comes then:

====================================  ================================================================================
the record                            what it does
====================================  ================================================================================
the null itself, read again           sends the same withdrawals again, and to whom the profile was exported anew since,
                                      that profile once more after it, so that the last one it gets is the newest
another null, nothing came between    counts as seen: nothing is sent, ``not-triggered``
an exit from before, read again       is sent once more, as a withdrawal, where the null sends none (the destination was
                                      last told "out", and whether it has got that is not known)
anything else from before             is ``overtaken``: the null has taken over its duty
a membership whose segment had a      is ``overtaken``: older never wins
newer event before
a newer membership, an exit, an       begins a new life, as after the removal: the state and the exports hold what came
identity, a fragment                  after the null and nothing from before it
a null in a new life                  forgets that, too; what is kept of both lives is one, and it takes over all duties
====================================  ================================================================================

A record is from before if it stands at or below the highest offset that a slot named in its topic: records of a topic
are applied in order. The removal takes place when no record that was ever applied to the profile can be read again
(``streams.activation.removals``); of a profile that lives again it takes away no more than what was kept. After it,
whatever comes is new. The order in which topics are read decides what is before a null, as it does without a crash.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from streams.activation import identities
from streams.activation.events import Change, FragmentChange, Membership, MembershipChange, Status
from streams.activation.profiles import Forgotten, Memberships, MembershipSlot, Profile
from streams.activation.slots import exited_by, is_later, is_same_record
from streams.exports import Position

Slots = dict[str, dict[str, MembershipSlot]]
_NO_KEYS: Mapping[str, bytes] = {}
Segment = tuple[str, str]
"""Namespace and segment id."""


def is_from_before(forgotten: Forgotten, position: Position) -> bool:
    """Whether the record at *position* was applied before the profile was forgotten."""
    seen = forgotten.seen.get(position.topic)
    return seen is not None and position.offset <= seen


def forgets(profile: Profile, change: Change, position: Position) -> bool:
    """Whether a record takes the profile's last fragment away, or comes when it has none."""
    if not isinstance(change, FragmentChange) or change.fragment is not None:
        return False
    mine = profile.fragments.get(change.source)
    if mine is not None and is_later(mine.position, position):
        return False
    return not any(slot.text is not None and slot is not mine for slot in profile.fragments.values())


def forget(
    profile: Profile,
    position: Position,
    known_identities: bytes | None,
    keys: Mapping[str, bytes] = _NO_KEYS,
    asking: Container[str] = (),
) -> bool:
    """Forget all that is known of *profile* but what must stay; False if nothing came since it was forgotten before.

    *known_identities* are those of its life, as one identityMap; *keys* are its deduplication keys, by dotted path;
    *asking* are the incarnations that need consent.
    """
    before = profile.forgotten
    if before is not None and profile.is_blank:
        profile.forgotten = replace(before, seen=_highest(before.seen, [(position.topic, position.offset)]))
        return False
    profile.forgotten = replace(
        _kept(before or _NOTHING, profile, position, known_identities, keys),
        only=dict(_only(before or _NOTHING, profile, known_identities, asking)),
    )
    profile.memberships, profile.fragments, profile.identities, profile.exits, profile.told = {}, {}, {}, {}, {}
    return True


def all_exited(forgotten: Forgotten) -> Memberships:
    """Return the memberships as a withdrawal tells them; who was inside has exited by the null, at its timestamp."""
    return exited_by(forgotten.memberships, forgotten.position)


def identities_told(forgotten: Forgotten, incarnation: str) -> bytes | None:
    """Return the identities that a withdrawal may tell an incarnation: those that it was told."""
    only = forgotten.only.get(incarnation)
    if only is None:
        return forgotten.identities
    return None if only == identities.NONE else only


def exits_of(forgotten: Forgotten, change: Change, position: Position) -> dict[Segment, MembershipSlot]:
    """Return the exits that the record at *position* had told and no later record has replaced."""
    if not isinstance(change, MembershipChange):
        return {}
    named = [(membership.namespace, membership.segment_id) for membership in change.memberships]
    found = {}
    for namespace, segment_id in named:
        for slots in (forgotten.exits, forgotten.memberships):
            slot = slots.get(namespace, {}).get(segment_id)
            if slot is not None and not slot.inside and is_same_record(slot.position, position):
                found[namespace, segment_id] = slot
    return found


def tells_lost_exits(profile: Profile, memberships: Sequence[Membership]) -> bool:
    """Whether *memberships* are all exited, and the profile as it is known does not say so of each."""
    return not any(each.inside for each in memberships) and not all(_knows(profile, each) for each in memberships)


def _knows(profile: Profile, left: Membership) -> bool:
    slots = [kept.get(left.namespace, {}).get(left.segment_id) for kept in (profile.memberships, profile.exits)]
    return any(slot is not None and not slot.inside and slot.shown_us >= left.time_us for slot in slots)


def remember(
    profile: Profile, position: Position, incarnation: str, memberships: Iterable[Membership], said: bytes
) -> None:
    """Keep what a withdrawal for *incarnation* said, though nothing else may be known of the profile any more.

    It is withdrawn again by the record at *position*, and forgotten again as soon as that cannot be read again. *said*
    is what identified the profile (``Projection.said_by``): it was meant for this incarnation, and goes to no other.
    What is still kept counts more.
    """
    before = profile.forgotten or replace(_NOTHING, position=position)
    kept = _copied(before.memberships)
    for each in memberships:
        left_us = max(each.time_us, position.timestamp * 1_000) if each.inside else each.time_us
        slot = MembershipSlot(Status.EXITED, left_us, position)
        kept.setdefault(each.namespace, {}).setdefault(each.segment_id, slot)
    profile.forgotten = replace(
        before,
        memberships=kept,
        told={**before.told, incarnation: True},
        seen=_highest(before.seen, [(position.topic, position.offset)]),
        said={**before.said, incarnation: said},
    )


_NOTHING = Forgotten(Position("", 0, -1, -1), None, {}, {}, {}, {})


def _kept(
    before: Forgotten,
    profile: Profile,
    position: Position,
    known_identities: bytes | None,
    keys: Mapping[str, bytes],
) -> Forgotten:
    """Return what stays of the life that ends and of those *before* it."""
    memberships, exits = _copied(before.memberships), _copied(before.exits)
    for namespace, segment_id, slot in _each(profile.memberships):
        old = memberships.setdefault(namespace, {}).get(segment_id)
        if slot.inside and old is not None and not old.inside:
            exits.setdefault(namespace, {})[segment_id] = old  # the entry may have waited, so the exit's duty stays
        memberships[namespace][segment_id] = slot
    for namespace, segment_id, slot in _each(profile.exits):
        exits.setdefault(namespace, {})[segment_id] = slot
    told = dict(before.told)
    for incarnation, now in profile.told.items():
        told[incarnation] = now.inside or told.get(incarnation, False)
    known = _joined(before.identities, known_identities)
    seen = _highest(before.seen, ((named.topic, named.offset) for named in (position, *_positions(profile))))
    of_both = before.keys | {path: value for path, value in keys.items() if value != b"null"}
    return Forgotten(position, known, memberships, exits, told, seen, keys=of_both, said=before.said)


def _joined(*maps: bytes | None) -> bytes | None:
    texts = [text for text in maps if text is not None]
    return texts[0] if len(texts) == 1 else identities.union(texts)


def _only(
    before: Forgotten, profile: Profile, known: bytes | None, asking: Container[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield per incarnation the identities that a withdrawal tells it, where that is not all of both lives.

    What it was told of a life it is told again; of one that it was told nothing of it is, unless it needs consent.
    """
    everything = _joined(before.identities, known)
    for incarnation in dict.fromkeys([*before.told, *profile.told]):
        then = before.only.get(incarnation, before.identities) if incarnation in before.told else None
        told = profile.told.get(incarnation)
        silent = None if incarnation in asking else known
        now = silent if told is None else told.identities or known
        if (both := _joined(then, now)) != everything:
            yield incarnation, both or identities.NONE


def _highest(offsets: Mapping[str, int], others: Iterable[tuple[str, int]]) -> dict[str, int]:
    highest = dict(offsets)
    for topic, offset in others:
        highest[topic] = max(offset, highest.get(topic, -1))
    return highest


def _positions(profile: Profile) -> Iterator[Position]:
    for memberships in (profile.memberships, profile.exits):
        yield from (slot.position for _, _, slot in _each(memberships))
    for texts in (profile.fragments, profile.identities):
        yield from (slot.position for slot in texts.values())


def _each(memberships: Memberships) -> Iterable[tuple[str, str, MembershipSlot]]:
    return (
        (namespace, segment_id, slot) for namespace, slots in memberships.items() for segment_id, slot in slots.items()
    )


def _copied(memberships: Memberships) -> Slots:
    return {namespace: dict(slots) for namespace, slots in memberships.items()}
