"""What a profile's ``consents`` (XDM) give a destination: nothing, all, or some of the identities only. Pure.

Per need the profile itself says ``val``: one of the granted values is given, any other is denied. For a channel of
``marketing`` an ``any`` that is ``n`` denies whatever the channel says; else the channel's value counts, and where it
has none, that of ``any``. What the profile denies is denied to all. Beyond that each identity may say more, below
``idSpecific.<namespace>.<id>``, by the same rules: its own value counts for it, in place of the profile's, and in place
of what no value at all counts as. Who has identities of which none may be sent gives nothing.

What is not as XDM has it is never given: an object that is none, a ``val`` that is no text, an ``any`` that is no
word of XDM's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from streams.activation import identities
from streams.destinations import Consent

PATH = ("consents",)
"""Where they stand in the union of the fragments."""

KEPT = 1_024
"""How many consents are kept as they were read, for one set of needs."""

KEPT_BYTES = 2_048
"""What is longer is read each time."""

_WORDS = frozenset({"y", "n", "p", "u", "LI", "CT", "CP", "VI", "PI", "dy", "dn"})
_ANY = ("marketing", "any")
_MALFORMED = ""  # stands for a val that cannot be read, which is no word at all

_decode = msgspec.json.Decoder().decode
_Own = Mapping[str, "Mapping[str, bool] | None"]


class Permission(NamedTuple):
    """Whether a profile may be sent, and with which identities, as one identityMap; None where there are none."""

    given: bool
    identities: bytes | None


class _Grant(msgspec.Struct, frozen=True):
    """What consents say, whatever the identities are."""

    denied: bool
    """To all of them."""
    others: bool
    """Whether it is given for who says nothing of its own."""
    own: _Own
    """By namespace and id, for those who do; None for a namespace that cannot be read."""

    def is_given(self, namespace: str, identity: str) -> bool:
        said = self.own.get(namespace, _NOTHING)
        return said is not None and said.get(identity, self.others)


_NOTHING: Mapping[str, bool] = {}
_DENIED = _Grant(denied=True, others=False, own={})


class Consents:
    """Reads consents for one set of needs, compiled once; what it has read it keeps, so nothing is read twice."""

    def __init__(self, consent: Consent) -> None:
        self._needs = [tuple(need.split(".")) for need in consent.needs]
        self._granted, self._absent = frozenset(consent.granted), consent.absent == "granted"
        self._permitted: dict[tuple[bytes | None, bytes | None], Permission] = {}
        self._kept: dict[bytes | None, _Grant] = {None: self._granting({})}

    def permission(self, raw: bytes | None, known: bytes | None) -> Permission:
        """Return what *raw*, the JSON text of the consents, gives, of a profile whose identityMap is *known*."""
        grant = self._kept.get(raw) or self._read(raw)
        if grant.denied:
            return Permission(given=False, identities=None)
        if not grant.own or known is None:
            return Permission(grant.others, known)
        return self._permitted.get((raw, known)) or self._permit(raw, known, grant)

    def answers(self, raw: bytes | None) -> dict[str, str]:
        """Return, by need, how the profile itself answers: ``given``, ``denied`` or ``absent``."""
        read = _parsed(raw)
        answers = ((need, None if raw is None else self._answer(read, need)) for need in self._needs)
        return {".".join(need): _NAMES[answer] for need, answer in answers}

    def _permit(self, raw: bytes | None, known: bytes, grant: _Grant) -> Permission:
        left = identities.kept(known, grant.is_given)
        permission = Permission(left is not None, left)
        if raw is not None and len(raw) + len(known) <= KEPT_BYTES:
            if len(self._permitted) >= KEPT:
                self._permitted.clear()
            self._permitted[raw, known] = permission
        return permission

    def _read(self, raw: bytes | None) -> _Grant:
        grant = self._granting(_parsed(raw))
        assert raw is not None, "none is kept from the beginning"
        if len(raw) <= KEPT_BYTES:
            if len(self._kept) > KEPT:
                self._kept = {None: self._kept[None]}
            self._kept[raw] = grant
        return grant

    def _granting(self, said: Any) -> _Grant:
        general = [self._answer(said, need) for need in self._needs]
        if False in general or not isinstance(said, dict):
            return _DENIED
        specific = said.get("idSpecific", _NOTHING)
        if not isinstance(specific, Mapping):
            return _DENIED
        own = {
            namespace: {each: self._is_given(theirs, general) for each, theirs in by_id.items()}
            if isinstance(by_id, dict)
            else None
            for namespace, by_id in specific.items()
        }
        others = self._is_given({}, general)
        return _Grant(denied=not (others or own), others=others, own=own)

    def _is_given(self, said: Any, general: list[bool | None]) -> bool:
        """Say whether all needs are given by who says *said*, and where that is silent, by *general*."""
        answers = (self._answer(said, need) for need in self._needs)
        found = [whole if own is None else own for own, whole in zip(answers, general, strict=True)]
        return all(self._absent if each is None else each for each in found)

    def _answer(self, said: Any, need: tuple[str, ...]) -> bool | None:
        """Return whether *said* gives a need; None if it does not say."""
        value = _val(said, need)
        if need[0] == _ANY[0] and need != _ANY:
            every = _val(said, _ANY)
            if every == "n" or (every is not None and every not in _WORDS):
                return False
            value = every if value is None else value
        return None if value is None else value in self._granted


_NAMES = {True: "given", False: "denied", None: "absent"}


def _parsed(raw: bytes | None) -> Any:
    try:
        return None if raw is None else _decode(raw)
    except msgspec.DecodeError:
        return None


def _val(said: Any, path: tuple[str, ...]) -> str | None:
    """Return the ``val`` at *path*; None where there is none, and no word where it cannot be read."""
    node = said
    for name in (*path, "val"):
        if not isinstance(node, dict):
            return _MALFORMED
        if name not in node:
            return None
        node = node[name]
    return node if isinstance(node, str) else _MALFORMED
