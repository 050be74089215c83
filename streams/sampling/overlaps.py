"""Whether the keys of memberships are those of profiles, as far as two samples can tell. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.activation.partitioners import HASHES
from streams.sampling.findings import Finding, Record
from streams.sampling.forms import bare


class Keys(NamedTuple):
    """The different keys of a topic's sample."""

    topic: str
    keys: frozenset[bytes]


class Overlap(msgspec.Struct, frozen=True):
    """How many different keys two samples have, and share; *shared_bare* without what serializers put around them."""

    memberships: str
    profiles: str
    membership_keys: int
    profile_keys: int
    shared: int
    shared_bare: int
    share_of_memberships: float
    share_of_profiles: float


def keys_of(topic: str, records: Iterable[Record]) -> Keys:
    """Return the different keys of a sample."""
    return Keys(topic, frozenset(record.key for record in records if record.key))


def overlap(memberships: Keys, profiles: Keys) -> Overlap:
    """Return what two samples share."""
    shared = memberships.keys & profiles.keys
    bared = frozenset(map(bare, memberships.keys)) & frozenset(map(bare, profiles.keys))
    return Overlap(
        memberships=memberships.topic,
        profiles=profiles.topic,
        membership_keys=len(memberships.keys),
        profile_keys=len(profiles.keys),
        shared=len(shared),
        shared_bare=len(bared),
        share_of_memberships=_share(len(shared), memberships.keys),
        share_of_profiles=_share(len(shared), profiles.keys),
    )


def problems(findings: Collection[Finding], overlaps: Iterable[Overlap]) -> Iterator[str]:
    """Yield why records of the inputs would not meet although each of them is read."""
    explained = {each.topic: each.placement.explained for each in findings if each.placement.explained in HASHES}
    if len({*explained.values()}) > 1:
        listed = ", ".join(f"{topic} by {name}" for topic, name in explained.items())
        yield (
            f"the inputs' keys are placed differently ({listed}), so a profile's records do not meet: let all "
            "producers use the same partitioner, and name it"
        )
    for each in overlaps:
        if not each.shared and each.shared_bare:
            yield (
                f"{each.memberships} and {each.profiles} have the same keys but for what a serializer puts around them "
                "(quotes, or a prefix): a profile's records do not meet; write them with the same serializer"
            )


def _share(count: int, keys: Collection[bytes]) -> float:
    return count / len(keys) if keys else 0.0
