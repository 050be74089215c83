"""The text beside a committed offset, as the judge reads it: which exports from that offset on have ended.

``b1 ANCHOR CHECKSUM CODEC BITS``, the last two without a space between: the bits in base64, behind ``r`` as they are
and behind ``d`` deflated. Bit number *n*, the lowest of the first byte first, is the export *n* above that offset.
"""

from __future__ import annotations

import base64
import zlib

_VERSION = "b1 "


def ended(text: str, base: int) -> frozenset[int]:
    """Return the offsets that have ended, as the *text* beside the offset *base* says; none for any other text."""
    if not text.startswith(_VERSION):
        return frozenset()
    _, _, _, content = text.split(" ")
    packed = base64.b64decode(content[1:])
    bits = zlib.decompress(packed) if content[0] == "d" else packed
    number = int.from_bytes(bits, "little")
    return frozenset(base + place for place in range(number.bit_length()) if number >> place & 1)
