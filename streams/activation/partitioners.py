"""Where producers put a key: a record on another partition would meet nothing of its profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import unpack
from typing import TypeVar
from zlib import crc32

from streams.activation.decoding import Record
from streams.activation.events import Malformed
from streams.ends import Reason

_SEED, _FACTOR, _32_BITS, _31_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF, 0x7FFFFFFF


@lru_cache(maxsize=16_384)
def murmur2(key: bytes) -> int:
    """Return the hash of Kafka's Java client, which aiokafka and librdkafka's ``murmur2_random`` share; 31 bits."""
    length = len(key)
    whole = length & ~3
    mixed = _SEED ^ length
    for word in unpack(f"<{length >> 2}I", key[:whole]):
        scrambled = word * _FACTOR & _32_BITS
        mixed = (mixed * _FACTOR ^ (scrambled ^ scrambled >> 24) * _FACTOR) & _32_BITS
    if whole < length:
        mixed = (mixed ^ int.from_bytes(key[whole:], "little")) * _FACTOR & _32_BITS
    mixed = (mixed ^ mixed >> 13) * _FACTOR & _32_BITS
    return (mixed ^ mixed >> 15) & _31_BITS


HASHES: Mapping[str, Callable[[bytes], int]] = {"murmur2": murmur2, "crc32": crc32}
"""By partitioner; a key's partition is the remainder of its hash by their number. ``any`` has none."""


Read = TypeVar("Read")


def placed(
    decode: Callable[[Record, int], Read], partitioner: str, partitions: int
) -> Callable[[Record, int], Read | Malformed]:
    """Return *decode* for records that are where *partitioner* puts them; one that is not is malformed."""
    hash_of = HASHES.get(partitioner)
    if hash_of is None:
        return decode

    def check(record: Record, now_ms: int) -> Read | Malformed:
        key = record.key
        if key and (expected := hash_of(key) % partitions) != record.partition:
            return Malformed(Reason.WRONG_PARTITION, f"{partitioner} puts its key on partition {expected}")
        return decode(record, now_ms)

    return check
