"""Which identities of a profile a destination is sent: the selected namespaces, renamed and hashed as it wants them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from streams.activation import identities
from streams.activation.hashing import hashed_once, hashed_text
from streams.destinations import Identity

MAX_REMEMBERED_BYTES = 4_096
"""An identityMap that is longer is read anew each time."""
REMEMBERED = 256
"""How many are remembered; what a record is compared with, decided by and rendered with is the same one."""

_encode = msgspec.json.encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_id = msgspec.json.Decoder(str).decode


class Selection:
    """A destination's part of any profile's identities, compiled once.

    *selected* are the namespaces that it is sent, None being all as they come; *required* those, as they come, of each
    of which an entry waits for an identity. Maps are JSON texts of which each (namespace, id) is there once
    (``streams.activation.identities``); none at all is None.
    """

    def __init__(self, selected: Sequence[Identity] | None, required: Sequence[str] = ()) -> None:
        self.is_all = selected is None
        """Whether all are sent as they come."""
        self.required = tuple(required)
        self._selected = {each.namespace: each for each in reversed(selected or ())}
        self._by_target = {each.target: each for each in reversed(selected or ())}
        self._is_clear = {each.target for each in selected or () if each.hash is None}
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._chosen)
        self._lacked = lru_cache(maxsize=REMEMBERED)(self._lacking)

    def sent(self, known: bytes | None) -> bytes | None:
        """Return what is sent of the identities that are *known*; None if nothing is.

        The targets are in the order of what is known, each (target, id) once; a hashed item keeps its other members.
        """
        if known is None or self.is_all:
            return known
        return self._remembered(known) if len(known) <= MAX_REMEMBERED_BYTES else self._chosen(known)

    def missing(self, known: bytes | None) -> Sequence[str]:
        """Return the required namespaces that have no identity."""
        if not self.required or known is None:
            return self.required
        return self._lacked(known) if len(known) <= MAX_REMEMBERED_BYTES else self._lacking(known)

    def is_concerned(self, before: bytes | None, now: bytes | None) -> bool:
        """Whether a change of what is known is one of what is sent, or is what an entry has waited for."""
        if not identities.same(self.sent(before), self.sent(now)):
            return True
        return bool(self.required) and not self.missing(now) and bool(self.missing(before))

    @property
    def is_blind(self) -> bool:
        """Whether no identity could ever concern the destination."""
        return not (self.is_all or self._selected or self.required)

    def sent_again(self, said: bytes | None) -> bytes | None:
        """Return what is sent of identities that the destination was sent before, renamed and hashed as it then was.

        What is called as a target is taken for it. Where that is hashed, an id of 64 hexadecimal digits is taken for
        what was hashed then; every other is hashed.
        """
        if said is None or self.is_all:
            return said
        found: dict[str, dict[str, bytes]] = {}
        for target, id_, item in identities.each([said]):
            if target in self._is_clear:
                found.setdefault(target, {}).setdefault(id_, item)
            elif target in self._by_target and (digits := hashed_once(_encode(id_))) is not None:
                found.setdefault(target, {}).setdefault(_id(digits), _with_id(item, digits))
        return identities.joined(found)

    def _chosen(self, known: bytes) -> bytes | None:
        found: dict[str, dict[str, bytes]] = {}
        for namespace, id_, item in identities.each([known]):
            chosen = self._selected.get(namespace)
            if chosen is None:
                continue
            if chosen.hash is None:
                found.setdefault(chosen.target, {}).setdefault(id_, item)
            elif (digits := hashed_text(id_)) is not None:
                found.setdefault(chosen.target, {}).setdefault(digits, _with_id(item, _encode(digits)))
        return identities.joined(found)

    def _lacking(self, known: bytes) -> Sequence[str]:
        there = {namespace for namespace, id_, _ in identities.each([known]) if self._counts(namespace, id_)}
        return tuple([namespace for namespace in self.required if namespace not in there])

    def _counts(self, namespace: str, id_: str) -> bool:
        """Whether an identity is one: not if it is to be hashed, and has nothing to hash."""
        chosen = self._selected.get(namespace)
        return chosen is None or chosen.hash is None or hashed_text(id_) is not None


def _with_id(item: bytes, id_: bytes) -> bytes:
    """Return an item with another id, in its place; a key that was there twice is there once."""
    members = {name: bytes(value) for name, value in _members(item).items()} | {"id": id_}
    return b"{" + b",".join([_encode(name) + b":" + value for name, value in members.items()]) + b"}"
