"""Masks secrets in what is about to be shown.

A secret is found in the forms in which libraries write it: as it is, escaped for JSON or by ``repr``, quoted for a
URL. What is masked is each text *before* it is put in a line, so that a secret that looks like punctuation cannot
break the line's JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from streams.secrets import MASK, Secret

SHORT = 4
"""A secret of fewer characters is masked only where it stands alone: inside words it would blot out every line."""

MAX_DEPTH = 8
"""How deep a value is shown."""

MAX_MEMO = 4096
"""How many texts ``memo`` remembers; then it begins anew."""


class Masks:
    """The secrets to be masked; more can be hidden, and old ones forgotten, at any time."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._memo: dict[str, str] = {}

    def hide(self, secret: Secret | str) -> None:
        """Mask *secret* from now on."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        if text:
            self._secrets[text] = None
            self._compile()

    def forget(self, secret: Secret | str) -> None:
        """Stop masking *secret*: a token that has expired need not be looked for in each line for ever."""
        self._secrets.pop(secret.reveal() if isinstance(secret, Secret) else secret, None)
        self._compile()

    def _compile(self) -> None:
        self._memo.clear()
        needles = {needle for secret in self._secrets for needle in _needles(secret)}
        longest_first = sorted(needles, key=lambda needle: (-len(needle), needle))
        self._pattern = re.compile("|".join(map(_expression, longest_first))) if needles else None

    def text(self, text: str) -> str:
        """Return *text* with each secret in it masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def memo(self, text: str) -> str:
        """Like ``text``, for texts that come again and again."""
        masked = self._memo.get(text)
        if masked is None:
            if len(self._memo) >= MAX_MEMO:
                self._memo.clear()
            masked = self._memo[text] = self.text(text)
        return masked

    def value(self, value: object, depth: int = 0) -> object:
        """Return *value* as plain data, masked: bytes become their length, foreign objects what they print."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, int | float):
            shown = repr(value)
            return value if self.text(shown) == shown else MASK
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        return self._many(value, depth + 1)

    def _many(self, value: object, depth: int) -> object:
        if depth > MAX_DEPTH:
            return "..."
        if isinstance(value, Mapping):
            return {self.text(_shown(key)): self.value(item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth) for item in value]
        return self.text(_shown(value))


def _shown(value: object) -> str:
    """Return what *value* prints; an exception with its type, since many print nothing else."""
    try:
        if isinstance(value, BaseException):
            return f"{type(value).__name__}: {value}"
        return str(value)
    except Exception:  # a log line must not fail because something cannot be printed
        return f"<{type(value).__name__}>"


def _needles(secret: str) -> set[str]:
    """Return the forms in which *secret* may stand in a text."""
    escaped = json.dumps(secret)[1:-1]
    forms = {secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], ascii(secret)[1:-1]}
    forms |= {repr('"' + secret)[2:-1], ascii('"' + secret)[2:-1]}  # amid a text that has the other quotes, too
    if secret.isprintable():
        forms |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return forms


def _expression(needle: str) -> str:
    if len(needle) >= SHORT:
        return re.escape(needle)
    return rf"(?<!\w){re.escape(needle)}(?!\w)"
