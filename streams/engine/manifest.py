"""Whether RocksDB's MANIFEST, the list of its files, is whole.

RocksDB takes one that was cut off for one whose last write a crash has torn: it goes back to what it still says, and
lays its log over that. The rows between are missing, and nothing tells. Pure.
"""

from __future__ import annotations

import struct

from aiokafka.record.util import calc_crc32c

_BLOCK = 32 * 1024
_HEADER = struct.Struct("<IHB")
"""Checksum, length and kind of what follows; a block's end that is too short for one is filled with zeros."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def is_whole(content: bytes) -> bool:
    """Whether *content* is a row of whole records to its very end."""
    at, kind = 0, _LAST
    while at < len(content):
        room = _BLOCK - at % _BLOCK
        if room < _HEADER.size:
            at += room
            continue
        if at + _HEADER.size > len(content):
            return False
        checksum, length, kind = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + length
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or end > len(content):
            return False
        if _masked(calc_crc32c(content[at + _HEADER.size - 1 : end])) != checksum:
            return False
        at = end
    return kind in (_FULL, _LAST)


def _masked(checksum: int) -> int:
    """Return a checksum as RocksDB stores it."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
