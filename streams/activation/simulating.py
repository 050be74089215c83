"""Takes records as a worker would, without Kafka: the same decoders, the same activation, profiles in memory. Pure.

It does not do what only a broker gives occasion for: no topic refuses, nothing is too large for one, and what was
forgotten is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from streams.activation.activate import Activation
from streams.activation.decoding import Decode, decoder
from streams.activation.events import Change, Input, Malformed, Membership, MembershipChange
from streams.activation.expiries import expiry
from streams.activation.explaining import remedy_of, sent, time_of
from streams.activation.explanation import Sent
from streams.activation.masking import Mask
from streams.activation.owing import postpone, told_of, untell
from streams.activation.partitioners import HASHES, placed
from streams.activation.profiles import MembershipSlot, Profile, TextSlot
from streams.activation.rendering import Step
from streams.activation.simulation import Carried, Decoded, Outcome, Said, Taken
from streams.activation.slots import is_same_record
from streams.activation.timestamps import render_time
from streams.activation.unions import Merge
from streams.destinations import Destination
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position
from streams.profile_commands import Expire

COMMANDS = "commands"
"""What stands for the topic by which a worker asks itself to do what time alone does."""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A record that is taken: what a decoder looks at, and where it stands."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        return "Arrived(...)"  # never the data


class Simulation:
    """One worker that owns all partitions, from its first record on; *partitions* is how many the inputs have."""

    def __init__(
        self,
        inputs: Mapping[str, Input],
        destinations: Sequence[Destination],
        *,
        merge: Merge,
        partitioner: str,
        partitions: int,
        mask: Mask,
    ) -> None:
        self._sources, self._merge, self._mask = [source.source for source in inputs.values()], merge, mask
        self.follow(destinations)
        self._hash, self._partitions = HASHES.get(partitioner), partitions
        self._decoders: dict[str, Decode] = {
            topic: placed(decoder(source), partitioner, partitions) for topic, source in inputs.items()
        }
        self._profiles: dict[tuple[int, bytes], Profile] = defaultdict(Profile)
        self._next: dict[tuple[str, int], int] = defaultdict(int)

    def follow(self, destinations: Sequence[Destination]) -> None:
        """Export to *destinations* from the next record on."""
        self._activation = Activation(destinations, self._sources, merge=self._merge)
        self._forbidden = frozenset(each.incarnation for each in destinations if each.forbidden is not None)

    def place(self, topic: str, key: bytes | None, partition: int | None, offset: int | None) -> tuple[int, int]:
        """Return the partition and offset at which a record comes to stand that need not say them."""
        if partition is None:
            partition = 0 if self._hash is None or not key else self._hash(key) % self._partitions
        at = self._next[topic, partition] if offset is None else offset
        self._next[topic, partition] = max(at + 1, self._next[topic, partition])
        return partition, at

    def take(self, record: Arrived, now_ms: int, where: str) -> Taken:
        """Take a record of one of the inputs; KeyError for one of another topic."""
        change = self._decoders[record.topic](record, now_ms)
        if isinstance(change, Malformed):
            decoded = Decoded(kind="malformed", reason=change.reason.value, detail=change.detail)
            return self._taken(record, now_ms, where, decoded, Step(RecordEnd.MALFORMED, written=False))
        assert record.key is not None, "a record without a key is not decoded"
        profile = self._profiles[record.partition, record.key]
        position = Position(record.topic, record.partition, record.offset, record.timestamp_ms)
        step = self._applied(profile, position, partial(self._activation.apply, profile, change, position, now_ms))
        return self._taken(record, now_ms, where, _decoded(change, profile, position), step)

    def expire(self, now_ms: int, where: str) -> Iterator[Taken]:
        """Do what time alone does to each profile until *now_ms*, as the commands of its owner would."""
        for (partition, key), profile in self._profiles.items():
            while command := expiry(profile, now_ms, lambda _: True):
                _, at = self.place(COMMANDS, key, partition, None)
                position = Position(COMMANDS, partition, at, now_ms)
                step = self._applied(
                    profile, position, partial(self._activation.expire, profile, command, position, now_ms)
                )
                if not step.written:
                    break
                record = Arrived(COMMANDS, partition, at, now_ms, key, None)
                yield self._taken(record, now_ms, where, _expired(command, profile, position, step), step)

    def _applied(self, profile: Profile, position: Position, apply: Callable[[], Step]) -> Step:
        """Apply a record; what a policy forbids is owed, as it is by a worker."""
        forbidden = self._forbidden
        before = told_of(profile, forbidden)
        step = apply()
        postpone(step, profile, position, lambda incarnation: Exclusion.POLICY if incarnation in forbidden else None)
        untell(profile, forbidden, before)
        return step

    def _taken(self, record: Arrived, now_ms: int, where: str, decoded: Decoded, step: Step) -> Taken:
        return Taken(
            where=where,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=time_of(record.timestamp_ms),
            now=time_of(now_ms),
            key=None if record.key is None else self._mask.key(record.key),
            decoded=decoded,
            end=step.end.value,
            destinations=tuple(self._outcomes(step)),
        )

    def _outcomes(self, step: Step) -> Iterator[Outcome]:
        for destination, end, exclusion in step.considered:
            remedy = None if exclusion is None else remedy_of(exclusion)
            yield Outcome(
                destination=destination.name,
                end=end.value,
                exclusion=exclusion,
                meaning=None if remedy is None else remedy.meaning,
                todo=None if remedy is None else remedy.todo,
                exports=tuple(self._exports(step, destination)),
            )

    def _exports(self, step: Step, destination: Destination) -> Iterator[Sent]:
        target = self._activation.target(destination.incarnation)
        return (sent(each, target, self._mask) for each in step.exports if each.destination is destination)


def _decoded(change: Change, profile: Profile, position: Position) -> Decoded:
    """Return what a record says, and what of it stands in the profile now."""
    has_forgotten = profile.forgotten is not None and is_same_record(profile.forgotten.position, position)

    def carried(text: bytes | None, slots: Mapping[str, TextSlot]) -> Carried:
        slot = slots.get(change.source)
        written = has_forgotten or (slot is not None and is_same_record(slot.position, position))
        return Carried(source=change.source, bytes=None if text is None else len(text), written=written)

    identities = None if change.identities is None else carried(change.identities, profile.identities)
    if isinstance(change, MembershipChange):
        said = tuple(_said(each, profile, position) for each in change.memberships)
        return Decoded(kind="memberships", memberships=said, identities=identities)
    kind = "null" if change.fragment is None else "fragment"
    return Decoded(kind=kind, fragment=carried(change.fragment, profile.fragments), identities=identities)


def _expired(command: Expire, profile: Profile, position: Position, step: Step) -> Decoded:
    """Return which memberships ended, and how many exits left the state."""
    named = [(due, profile.memberships.get(due.namespace, {}).get(due.segment)) for due in command.memberships]
    said = [
        _shown(due.namespace, due.segment, slot)
        for due, slot in named
        if slot is not None and is_same_record(slot.position, position)
    ]
    dropped = f"{step.dropped} exits of more than 30 days leave the state" if step.dropped else None
    return Decoded(kind="expiry", detail=dropped, memberships=tuple(said))


def _shown(namespace: str, segment: str, slot: MembershipSlot) -> Said:
    """Return a membership that has ended by itself."""
    return Said(
        namespace=namespace,
        segment=segment,
        status=slot.status.value,
        last_qualification_time=render_time(slot.shown_us).decode(),
        valid_until=None if slot.until_us is None else render_time(slot.until_us).decode(),
        written=True,
    )


def _said(membership: Membership, profile: Profile, position: Position) -> Said:
    """Return a membership that the record names; an exit that waits behind a new entry stands in the profile, too."""
    namespace, segment = membership.namespace, membership.segment_id
    slots = [kept.get(namespace, {}).get(segment) for kept in (profile.memberships, profile.exits)]
    written = any(slot is not None and is_same_record(slot.position, position) for slot in slots)
    return Said(
        namespace=namespace,
        segment=segment,
        status=membership.status.value,
        last_qualification_time=render_time(membership.time_us).decode(),
        valid_until=None if membership.until_us is None else render_time(membership.until_us).decode(),
        written=written,
        instead=None if written or slots[0] is None else slots[0].position.text,
    )
