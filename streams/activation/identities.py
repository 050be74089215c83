"""A profile's identities: XDM's ``identityMap``, kept as JSON text, whole items, each (namespace, id) once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from streams.activation.merging import parse_spelled

NONE = b"{}"
"""An identityMap without identities."""

_encode = msgspec.json.encode


class _Item(msgspec.Struct, gc=False):
    id: str


_items = msgspec.json.Decoder(dict[str, list[_Item]]).decode
_raw_items = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


def clean(parsed: object, text: bytes) -> bytes:
    """Return *text*, an identityMap that reads as *parsed*, without repeated identities and empty namespaces.

    Raises ValueError, showing nothing of it, if it is no object of arrays of objects with a string ``id``.
    """
    if not isinstance(parsed, dict):
        raise ValueError("identityMap is no object")
    repeated = False
    for items in parsed.values():
        if not isinstance(items, list):
            raise ValueError("a namespace of identityMap is no array")
        ids = {_id(item) for item in items}
        repeated = repeated or len(ids) < len(items) or not items
    if not parsed:
        return NONE
    return union([text]) or NONE if repeated else text


def union(maps: Iterable[bytes]) -> bytes | None:
    """Return one identityMap with what *maps* hold, in their order, each (namespace, id) once; None if nothing."""
    found: dict[str, dict[str, bytes]] = {}
    for namespace, identity, item in each(maps):
        found.setdefault(namespace, {}).setdefault(identity, item)
    return joined(found)


def kept(text: bytes, keeps: Callable[[str, str], bool]) -> bytes | None:
    """Return what an identityMap holds of the identities, (namespace, id), that *keeps* says so of; None if nothing."""
    found: dict[str, dict[str, bytes]] = {}
    is_whole = True
    for namespace, identity, item in each([text]):
        if keeps(namespace, identity):
            found.setdefault(namespace, {})[identity] = item
        else:
            is_whole = False
    return text if is_whole else joined(found)


def joined(found: Mapping[str, Mapping[str, bytes]]) -> bytes | None:
    """Return one identityMap with the items that are *found*, by namespace and id; None if there is none."""
    if not found:
        return None
    pieces = (_encode(namespace) + b":[" + b",".join(items.values()) + b"]" for namespace, items in found.items())
    return b"{" + b",".join(pieces) + b"}"


def same(one: bytes | None, other: bytes | None) -> bool:
    """Say whether two unions hold the same identities with the same items, in whatever order."""
    return one == other or _by_id(one) == _by_id(other)


def each(maps: Iterable[bytes]) -> Iterator[tuple[str, str, bytes]]:
    """Yield namespace, id and item of all that *maps* hold, in their order."""
    for text in maps:
        raw = _raw_items(text)
        for namespace, items in _items(text).items():
            for item, whole in zip(items, raw[namespace], strict=True):
                yield namespace, item.id, bytes(whole)


def _by_id(text: bytes | None) -> dict[tuple[str, str], Any]:
    if text is None:
        return {}
    return {(namespace, identity): parse_spelled(item) for namespace, identity, item in each([text])}


def _id(item: object) -> str:
    if not isinstance(item, dict):
        raise ValueError("an identity is no object")
    identity = item.get("id")
    if not isinstance(identity, str):
        raise ValueError("an identity has no id that is a string")
    return identity
