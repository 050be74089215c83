"""How what is known of a profile is shown: a value by its type and its length, unless it is asked for. Pure.

Names (paths, namespaces, segment ids, statuses) are shown; below a mapped path nothing is, also not its names.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from streams.activation.attributes import RESERVED

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_identities = msgspec.json.Decoder(dict[str, list[dict[str, msgspec.Raw]]]).decode

Path = tuple[str, ...]


class Mask:
    """Shows values masked, or as they are where *reveal* says so."""

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal

    def key(self, key: bytes) -> str:
        """Return a profile id as it is shown; bytes that are no text as their escapes."""
        text = key.decode(errors="backslashreplace")
        return text if self._reveal else _of_text(text)

    def value(self, text: bytes) -> msgspec.Raw:
        """Return a JSON text, as JSON."""
        return msgspec.Raw(text) if self._reveal else msgspec.Raw(_encode(_masked(text)))

    def identities(self, text: bytes) -> msgspec.Raw:
        """Return an identityMap: its namespaces, and the items of each with their members masked."""
        if self._reveal:
            return msgspec.Raw(text)
        shown = {
            namespace: [{name: _masked(bytes(member)) for name, member in item.items()} for item in items]
            for namespace, items in _identities(text).items()
        }
        return msgspec.Raw(_encode(shown))

    def body(self, body: bytes, targets: Collection[Path]) -> msgspec.Raw:
        """Return an export's body; *targets* are the paths of the attributes that may stand in it."""
        if self._reveal:
            return msgspec.Raw(body)
        shown = {name: self._member(name, bytes(value), targets) for name, value in _members(body).items()}
        return msgspec.Raw(_encode(shown))

    def _member(self, name: str, value: bytes, targets: Collection[Path]) -> Any:
        if name == "identityMap":
            return self.identities(value)
        return msgspec.Raw(value) if name in RESERVED else _below((name,), value, targets)


def _below(path: Path, value: bytes, targets: Collection[Path]) -> Any:
    """Return what stands at *path*: masked where an attribute does, names and what is below them above that."""
    if path in targets or not value.startswith(b"{"):
        return _masked(value)
    return {name: _below((*path, name), bytes(below), targets) for name, below in _members(value).items()}


def _masked(text: bytes) -> str | None:
    """Return what stands for a JSON text; null is nothing that would have to be masked."""
    if text[:1] == b"n":
        return None
    if text[:1] == b'"':
        return _of_text(_decode(text, type=str))
    if text[:1] in b"tf":
        return "<true or false>"
    if text[:1] in b"[{":
        kind, held = ("list", list[msgspec.Raw]) if text[:1] == b"[" else ("object", dict[str, msgspec.Raw])
        return f"<{kind} of {len(_decode(text, type=held))}>"
    return f"<number, {_counted(len(text))}>"


def _of_text(text: str) -> str:
    return f"<text, {_counted(len(text))}>"


def _counted(length: int) -> str:
    return "1 character" if length == 1 else f"{length} characters"
