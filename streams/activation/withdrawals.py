"""Who is sent a withdrawal, once a profile is forgotten: the mapped memberships, all exited, and the identities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streams.activation.forgetting import identities_told
from streams.activation.profiles import Forgotten, Memberships, MembershipSlot
from streams.activation.projection import Segment
from streams.activation.targets import Cause, Target, Trigger


def by_null(targets: Sequence[Target], forgotten: Forgotten, *, again: bool = False) -> Iterator[Cause]:
    """Yield a cause for each target that a null concerns; one that was last told "out" has nothing to be told.

    But if the null is done *again* one that needs consent has: that it was withdrawn may never have got there.
    """
    for target in targets:
        inside = are_inside(target, forgotten.memberships)
        told = forgotten.told.get(target.incarnation)
        if told or (again and told is not None and target.consents is not None):
            yield Cause(target, Trigger.FORGOTTEN, inside)
        elif inside:
            yield Cause(target)


def by_exits(
    targets: Sequence[Target], forgotten: Forgotten, exits: Mapping[Segment, MembershipSlot]
) -> Iterator[Cause]:
    """Yield a cause for each target that *exits*, of one record, concern; not where the null's withdrawal tells it."""
    for target in targets:
        named = [exits[segment] for segment in mapped(target) if segment in exits]
        if not named or forgotten.told.get(target.incarnation):
            continue
        is_early = target.since is not None and named[0].position.timestamp < target.since
        if (is_early or target.consents is not None) and target.incarnation not in forgotten.told:
            continue
        changed = [s for s in mapped(target) if s in exits or _is_inside(forgotten.memberships, s)]
        yield Cause(target, Trigger.EXITED, changed, max([slot.shown_us for slot in named]))


def withdrawal_of(
    target: Target, forgotten: Forgotten, exited: Memberships, *, changed: Sequence[Segment], now_ms: int
) -> bytes:
    """Return the body of a withdrawal of what was *forgotten*, whose memberships are told as *exited*."""
    known = identities_told(forgotten, target.incarnation)
    values = [forgotten.keys.get(".".join(each.source)) for each in target.projection.attributes]
    said = forgotten.said.get(target.incarnation)
    return target.projection.withdrawal(values, exited, known, changed=changed, now_ms=now_ms, said=said)


def mapped(target: Target) -> list[Segment]:
    """Return the mapped segments, in the order of the document."""
    return [(segment.namespace, segment.id) for segment in target.destination.segments]


def are_inside(target: Target, memberships: Memberships) -> list[Segment]:
    """Return those of the mapped segments that a profile with *memberships* is in."""
    return [segment for segment in mapped(target) if _is_inside(memberships, segment)]


def _is_inside(memberships: Memberships, segment: Segment) -> bool:
    slot = memberships.get(segment[0], {}).get(segment[1])
    return slot is not None and slot.inside
