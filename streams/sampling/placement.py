"""Which partitioner explains where a topic's keys are. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from math import log

import msgspec

from streams.activation.partitioners import HASHES

SURE_SHARE = 0.95
"""So many of the keys must be where a partitioner puts them; a few may be older than the topic's last growth."""
_CHANCE = 1e-6
"""How likely it may be that keys which were placed by something else are all there by chance."""


class Explained(StrEnum):
    """What explains a placement."""

    MURMUR2 = "murmur2"
    CRC32 = "crc32"
    NEITHER = "neither"
    UNKNOWN = "cannot tell"


class Placement(msgspec.Struct, frozen=True):
    """Of how many different keys which share is where each partitioner puts it, and what follows from that.

    *agrees* says whether the setting is the partitioner that explains it; None where that cannot be told.
    """

    keys: int
    murmur2: float
    crc32: float
    explained: str
    setting: str
    agrees: bool | None


def placement(keys: Collection[tuple[bytes, int]], partitions: int, setting: str) -> Placement:
    """Return what explains that each of *keys* is on its partition; each key is to be there once per partition."""
    shares = {
        name: sum(hash_of(key) % partitions == number for key, number in keys) / len(keys) if keys else 0.0
        for name, hash_of in HASHES.items()
    }
    explained = _explained(shares["murmur2"], shares["crc32"], _is_enough(len(keys), partitions))
    known = explained is not Explained.UNKNOWN and setting in HASHES
    agrees = explained == setting if known else None
    return Placement(len(keys), shares["murmur2"], shares["crc32"], explained.value, setting, agrees)


def _is_enough(keys: int, partitions: int) -> bool:
    return partitions > 1 and keys * log(partitions) >= -log(_CHANCE)


def _explained(murmur2: float, crc32: float, is_enough: bool) -> Explained:
    if not is_enough:
        return Explained.UNKNOWN
    if max(murmur2, crc32) < SURE_SHARE:
        return Explained.NEITHER
    return Explained.MURMUR2 if murmur2 > crc32 else Explained.CRC32
