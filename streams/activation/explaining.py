"""Explains a profile's state to one destination: what is known, and what the rules that decide say of it. Pure.

Nothing is decided here: each answer is what ``deciding``, ``renewals`` and the unions say, asked of a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from streams.activation import explanation as told
from streams.activation.activate import Activation
from streams.activation.deciding import Case, exclusion_of, seen_by, verdicts
from streams.activation.explanation import Explanation
from streams.activation.masking import Mask
from streams.activation.merging import same_value
from streams.activation.owing import postpone
from streams.activation.profiles import MembershipSlot, Profile, TextSlot, decode_profile, encode_profile
from streams.activation.rendering import Rendered
from streams.activation.targets import Target, Trigger
from streams.activation.timestamps import render_time
from streams.activation.unions import View
from streams.activation.withdrawals import mapped
from streams.ends import Exclusion
from streams.exports import Position
from streams.remedies import Remedy
from streams.remedies.destinations import EXCLUSIONS

Prevents = Callable[[str], Exclusion | None]

ASKED = "explain"
"""The topic of the record that an export would be of if it were sent now."""

_count = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode
_UNKNOWN = Remedy("", "")


def explain(
    activation: Activation,
    incarnation: str,
    profile: Profile,
    key: bytes,
    partition: int,
    now_ms: int,
    mask: Mask,
    prevents: Prevents = lambda _: None,
) -> Explanation:
    """Return why *profile*, whose *key* is the profile id, was or was not sent to one of the destinations.

    *prevents* says why nothing may be exported to an incarnation, whatever the rules say. *profile* is left as it is;
    KeyError where the destination is none of *activation*'s.
    """
    target, view = activation.target(incarnation), activation.view(profile)
    now = Position(ASKED, partition, 0, now_ms)
    copy = decode_profile(encode_profile(profile))
    step = activation.renew(copy, incarnation, Trigger.RE_EXPORT, now, now_ms)
    postpone(step, copy, now, prevents)
    ((_, end, exclusion),) = step.considered
    case = Case(target, Trigger.RE_EXPORT, seen_by(target, view), view, now)
    return Explanation(
        profile=mask.key(key),
        partition=partition,
        at=time_of(now_ms),
        destination=target.destination.name,
        incarnation=incarnation,
        version=target.destination.version,
        revision=profile.revision,
        memberships=tuple(_memberships(target, view)),
        fragments=tuple(_fragment(source, slot) for source, slot in profile.fragments.items()),
        identities=tuple(_identified(source, slot) for source, slot in profile.identities.items()),
        identity_map=told.NULL if view.identities is None else mask.identities(view.identities),
        attributes=tuple(_attributes(activation, target, view, mask)),
        forgotten=_forgotten(profile, incarnation),
        owed=_owed(profile, incarnation),
        told=_told(profile, incarnation),
        rules=tuple(_rules(case, prevents)) if any(each.mapped for each in _memberships(target, view)) else (),
        end=end.value,
        exclusion=None if exclusion is None else exclusion.value,
        exports=tuple(sent(export, target, mask) for export in step.exports),
    )


def sent(export: Rendered, target: Target, mask: Mask) -> told.Sent:
    """Return an export to *target* as it is shown."""
    targets = {attribute.target for attribute in target.projection.attributes}
    return told.Sent(
        destination=export.destination.name,
        trigger=export.meta.trigger,
        segments=export.meta.segments,
        body=mask.body(export.body, targets),
        bytes=len(export.body),
    )


def remedy_of(exclusion: str) -> Remedy:
    """Return what an exclusion means, and what would heal it."""
    return EXCLUSIONS.get(exclusion, _UNKNOWN)


def time_of(ms: int) -> str:
    """Return a time in milliseconds as it is written everywhere."""
    return render_time(ms * 1_000).decode()


def _memberships(target: Target, view: View) -> Iterator[told.Known]:
    """Yield the memberships, the mapped ones first, in the order of the document."""
    slots = {
        (namespace, id_): it for namespace, all_of in view.profile.memberships.items() for id_, it in all_of.items()
    }
    named = dict.fromkeys(segment for segment in mapped(target) if segment in slots)
    for namespace, segment in [*named, *(slots.keys() - named.keys())]:
        slot = slots[namespace, segment]
        yield told.Known(
            namespace=namespace,
            segment=segment,
            mapped=(namespace, segment) in named,
            status=slot.status.value,
            last_qualification_time=render_time(slot.shown_us).decode(),
            valid_until=None if slot.until_us is None else render_time(slot.until_us).decode(),
            record=_record(slot.position),
            exclusion=_exclusion(target, view, slot) if (namespace, segment) in named else None,
        )


def _exclusion(target: Target, view: View, slot: MembershipSlot) -> str | None:
    trigger = Trigger.ENTERED if slot.inside else Trigger.EXITED
    exclusion = exclusion_of(Case(target, trigger, seen_by(target, view), view, slot.position))
    return None if exclusion is None else exclusion.value


def _record(position: Position) -> told.Record:
    return told.Record(place=position.text, timestamp=time_of(position.timestamp))


def _fragment(source: str, slot: TextSlot) -> told.Fragment:
    size = None if slot.text is None else len(slot.text)
    return told.Fragment(source=source, bytes=size, record=_record(slot.position))


def _identified(source: str, slot: TextSlot) -> told.Identified:
    namespaces = {} if slot.text is None else {name: len(items) for name, items in _count(slot.text).items()}
    return told.Identified(source=source, namespaces=namespaces, record=_record(slot.position))


def _attributes(activation: Activation, target: Target, view: View, mask: Mask) -> Iterator[told.Mapped]:
    for number, (attribute, value) in enumerate(zip(target.projection.attributes, seen_by(target, view), strict=True)):
        yield told.Mapped(
            source=".".join(attribute.source),
            target=".".join(attribute.target),
            mandatory=attribute.mandatory,
            deduplication_key=attribute.deduplication_key,
            hash=attribute.hash,
            value=told.NULL if value is None else mask.value(value),
            sources=tuple(_sources(activation, target, view, number)) if value is not None else (),
        )


def _sources(activation: Activation, target: Target, view: View, number: int) -> list[str]:
    """Return the sources without which the value would be another one; where each could be spared, all that have it."""
    fragments = view.profile.fragments

    def value(sources: dict[str, TextSlot]) -> bytes | None:
        return seen_by(target, activation.view(Profile(fragments=sources)))[number]

    having = [source for source in fragments if value({source: fragments[source]}) is not None]
    whole = value(fragments)
    without = {each: value({source: slot for source, slot in fragments.items() if source != each}) for each in having}
    needed = [source for source, left in without.items() if not same_value(left, whole)]
    return needed or [each for each in having if same_value(value({each: fragments[each]}), whole)]


def _forgotten(profile: Profile, incarnation: str) -> told.Forgotten | None:
    forgotten = profile.forgotten
    if forgotten is None:
        return None
    count = sum(len(slots) for slots in forgotten.memberships.values())
    return told.Forgotten(record=_record(forgotten.position), memberships=count, told=forgotten.told.get(incarnation))


def _owed(profile: Profile, incarnation: str) -> told.Record | None:
    position = (profile.owed or {}).get(incarnation)
    return None if position is None else _record(position)


def _told(profile: Profile, incarnation: str) -> told.Told | None:
    last = profile.told.get(incarnation)
    if last is None:
        return None
    return told.Told(revision=last.revision, at=time_of(last.revision), inside=last.inside, trigger=last.trigger)


def _rules(case: Case, prevents: Prevents) -> Iterator[told.Rule]:
    """Yield what each rule says, then what keeps all exports from the destination."""
    for verdict in verdicts(case):
        yield _rule(verdict.exclusion, forbids=verdict.forbids, details=verdict.details)
    forbidden, prevented = case.target.destination.forbidden, prevents(case.target.incarnation)
    because = {} if forbidden is None else {"because": forbidden}
    yield _rule(Exclusion.POLICY, forbids=prevented is Exclusion.POLICY, details=because)
    yield _rule(Exclusion.OWED, forbids=prevented is Exclusion.OWED, details={})


def _detail(name: str, value: object) -> object:
    return time_of(value) if name in ("since", "recorded") and isinstance(value, int) else value


def _rule(exclusion: Exclusion, *, forbids: bool, details: Mapping[str, object]) -> told.Rule:
    meaning, todo = remedy_of(exclusion)
    return told.Rule(
        exclusion=exclusion.value,
        forbids=forbids,
        details={name: _detail(name, value) for name, value in details.items() if value is not None},
        meaning=meaning,
        todo=todo,
    )
