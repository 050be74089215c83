"""Hashes what must not leave in the clear: SHA-256 of a text as whoever matches it would write it, too. Pure.

A text is trimmed (of white space at both ends, as Unicode has it), lower-cased (as Unicode does, letter by letter, with
no other change) and encoded as UTF-8; what is sent are the 64 hexadecimal digits, in lower case. A whole number counts
as the text of its digits. Nothing else can be hashed: it counts as absent, and so does a text of white space alone, the
hash of which would make one person of all who have none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

import msgspec

MAX_REMEMBERED_BYTES = 256
"""What is longer is hashed anew each time: identifiers are short, and what is remembered is bounded."""
REMEMBERED = 4_096

_text = msgspec.json.Decoder(str).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_is_whole = re.compile(rb"-?[0-9]+").fullmatch
_is_digest = re.compile(rb'"[0-9a-f]{64}"').fullmatch


def hashed_text(text: str) -> str | None:
    """Return the digits for *text*; None if nothing of it is left to be hashed."""
    plain = text.strip().lower()
    return sha256(plain.encode()).hexdigest() if plain else None


def hashed_value(value: bytes) -> bytes | None:
    """Return JSON with the digits in place of a text or whole number, or of each such item of an array.

    Other items are left out. None if nothing is left, or *value*, which is JSON, is neither.
    """
    return _remembered(value) if len(value) <= MAX_REMEMBERED_BYTES else _hashed_value(value)


def hashed_once(value: bytes) -> bytes | None:
    """Return the same for a value that may have been hashed before: what is digits already stays as it is."""
    if not value.startswith(b"["):
        return value if _is_digest(value) else hashed_value(value)
    return _array([hashed_once(bytes(item)) for item in _items(value) if not bytes(item).startswith(b"[")])


def _hashed_value(value: bytes) -> bytes | None:
    if value.startswith(b"["):
        return _array([_hashed_scalar(bytes(item)) for item in _items(value)])
    return _hashed_scalar(value)


def _hashed_scalar(value: bytes) -> bytes | None:
    if value.startswith(b'"'):
        digits = hashed_text(_text(value))
    else:
        digits = hashed_text(value.decode()) if _is_whole(value) else None
    return None if digits is None else b'"%b"' % digits.encode()


def _array(items: list[bytes | None]) -> bytes | None:
    kept = [item for item in items if item is not None]
    return b"[" + b",".join(kept) + b"]" if kept else None


_remembered = lru_cache(maxsize=REMEMBERED)(_hashed_value)
