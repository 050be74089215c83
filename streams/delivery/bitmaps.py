"""Which exports above a committed offset have ended, as the text that the commit carries (design law 4.3).

``b1 <anchor> <checksum> <codec><bits>``: bit number *n* stands for the offset ``base + n`` and is set when its export
has ended, the lowest bit of the first byte first. The anchor is the timestamp of the record at ``base``: where another
record stands there, the topic was made anew, and the offsets mean other exports. The checksum covers the base too, so
that a text which stands beside another offset is none of ours.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import NamedTuple

MAX_CHARACTERS = 4_096
"""What a commit may carry: Kafka counts characters (``offset.metadata.max.bytes``), of which all of ours are ASCII."""

MAX_BYTES = 1 << 20
"""Of a bitmap that is read: a text of another origin must not unfold to more."""

_VERSION = "b1"
_HEAD_CHARACTERS = 40
"""Room for all that stands before the bits: the longest anchor has twenty characters."""
_RAW_BYTES = (MAX_CHARACTERS - _HEAD_CHARACTERS) // 4 * 3
"""How many bytes fit whatever they are: some 24 000 offsets."""

_RAW, _DEFLATED = "r", "d"
_FASTEST = 1


class Finished(NamedTuple):
    """The exports from *base* on that have ended: those whose bit is set; of those behind the last bit it says nothing.

    *anchor* is the timestamp, in milliseconds, of the record at *base*.
    """

    base: int
    anchor: int
    bits: bytes

    def __contains__(self, offset: object) -> bool:
        """Whether the export at *offset* has ended."""
        if not isinstance(offset, int):
            return False
        number = offset - self.base
        return 0 <= number < len(self.bits) * 8 and bool(self.bits[number >> 3] >> (number & 7) & 1)

    @property
    def top(self) -> int:
        """The highest offset whose bit is set; below *base* when none is."""
        bits = self.bits.rstrip(b"\0")
        return self.base + len(bits) * 8 - 9 + bits[-1].bit_length() if bits else self.base - 1


def all_but(base: int, end: int, unfinished: Iterable[int]) -> bytearray:
    """Return the bits of the offsets from *base* to below *end*: set, but for the *unfinished*, which lie there.

    It costs what is unfinished, not what lies between.
    """
    whole, rest = divmod(end - base, 8)
    bits = bytearray(b"\xff") * whole
    if rest:
        bits.append((1 << rest) - 1)
    for offset in unfinished:
        number = offset - base
        bits[number >> 3] &= ~(1 << (number & 7))
    return bits


def joined(bits: bytes, base: int, other: Finished, start: int) -> bytes:
    """Return *bits*, which begin at *base* and end before *start*, followed by what *other* says from *start* on."""
    behind = int.from_bytes(other.bits, "little") >> (start - other.base)
    every = int.from_bytes(bits, "little") | behind << (start - base)
    return every.to_bytes((every.bit_length() + 7) // 8, "little")


def encode(finished: Finished) -> str:
    """Return the text for a commit of ``finished.base``: empty when no bit is set; what does not fit is cut above."""
    bits = finished.bits.rstrip(b"\0")
    if not bits:
        return ""
    head = f"{_VERSION} {finished.anchor} {{:08x}} "
    packed = zlib.compress(bits, _FASTEST)
    if len(packed) > _RAW_BYTES:
        bits = bits[:_RAW_BYTES]
    codec, content = (_DEFLATED, packed) if len(packed) < len(bits) else (_RAW, bits)
    return head.format(_checksum(finished.base, finished.anchor, bits)) + codec + base64.b64encode(content).decode()


def decode(text: str, base: int) -> Finished | None:
    """Return what the text beside the committed offset *base* says; None if it is none of ours, or garbled. Total."""
    try:
        version, anchor, checksum, content = text.split(" ")
        if version != _VERSION or len(text) > MAX_CHARACTERS:
            return None
        packed = base64.b64decode(content[1:], validate=True)
        bits = _inflated(packed) if content[:1] == _DEFLATED else packed
        if content[:1] not in (_RAW, _DEFLATED) or int(checksum, 16) != _checksum(base, int(anchor), bits):
            return None
        return Finished(base, int(anchor), bits)
    except (ValueError, binascii.Error, zlib.error):
        return None


def _inflated(packed: bytes) -> bytes:
    inflating = zlib.decompressobj()
    bits = inflating.decompress(packed, MAX_BYTES)
    if not inflating.eof:
        raise ValueError("the bits do not end, or are too many")
    return bits


def _checksum(base: int, anchor: int, bits: bytes) -> int:
    return zlib.crc32(bits, zlib.crc32(f"{base} {anchor}".encode()))
