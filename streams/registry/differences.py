"""What differs between two documents, as people read it: a sign, a path of keys, what was and what will be.

What may be a key is never shown: of a URL not its query, of a header not its value unless that is a reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from streams.configuration.governing import expression
from streams.configuration.names import masked_url
from streams.configuration.references import is_reference
from streams.governance.policies import written
from streams.secrets import MASK

Document = Mapping[str, Any]

_URLS = frozenset({"httpEndpoint", "authEndpoint"})
_ITEMS = frozenset({"segments", "attributes", "identities", "requiredIdentity", "marketingActions", "paths"})
_DENY = "deny"
_SELECTED = "identities"
_ALL, _SOME = "all, as they come", "the selected"
"""Which identities are sent, where a document does not select them and where it does."""
_ASKED = {"mandatory": "mandatory", "deduplicationKey": "deduplication key", "hash": "sha256"}
"""By the key of an attribute or an identity, how it is told."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key, or item of a list: *sign* is ``+`` where it comes, ``-`` where it goes, ``~`` where it changes."""

    sign: Literal["+", "-", "~"]
    path: str
    old: str | None = None
    new: str | None = None

    def __str__(self) -> str:
        shown = [text for text in (self.old, self.new) if text is not None]
        hidden = " (what is masked differs)" if self.sign == "~" and self.old == self.new else ""
        return f"{self.sign} {self.path}: {' -> '.join(shown)}{hidden}"


def differences(old: Document, new: Document) -> list[Difference]:
    """Return what differs between two documents that are written the one way, key by key in the order of *new*."""
    before, after = dict(_flat(old)), dict(_flat(new))
    if old and new:
        before.setdefault(_SELECTED, _ALL)
        after.setdefault(_SELECTED, _ALL)
    keys = [*after, *(key for key in before if key not in after)]
    return [each for key in keys for each in _of(key, before.get(key), after.get(key))]


def _of(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if path == _SELECTED and old == _ALL:
        yield Difference("~", path, _ALL, _SOME)
        yield from (Difference("+", path, new=shown(path, item)) for item in new)
    elif path == _SELECTED and new == _ALL:
        yield Difference("~", path, _SOME, _ALL)
        yield from (Difference("-", path, old=shown(path, item)) for item in old)
    elif path in _ITEMS:
        yield from _of_items(path, old or [], new or [])
    elif old is None:
        yield Difference("+", path, new=shown(path, new))
    elif new is None:
        yield Difference("-", path, old=shown(path, old))
    else:
        yield Difference("~", path, shown(path, old), shown(path, new))


def _of_items(path: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    """Compare lists whose items are told apart by what they say; where they stand is only told if nothing else is."""
    before, after = [shown(path, item) for item in old], [shown(path, item) for item in new]
    yield from (Difference("-", path, old=text) for text in before if text not in after)
    yield from (Difference("+", path, new=text) for text in after if text not in before)
    if sorted(before) == sorted(after):
        yield Difference("~", path, "in this order", ", ".join(after))


def _flat(document: Document, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict) and not _is_header(above, value) and f"{above}{key}" != _DENY:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _is_header(above: str, value: Mapping[str, Any]) -> bool:
    return above == "customHeaders." and "value" in value


def shown(path: str, value: Any) -> str:
    """Return a value as it may be shown; *path* tells what it is."""
    if path.startswith("customHeaders."):
        return value["value"] if isinstance(value, dict) and is_reference(str(value.get("value"))) else MASK
    if path.rpartition(".")[2] in _URLS:
        return masked_url(str(value))
    if path == _DENY:
        return _expression(value)
    if isinstance(value, dict):
        return _item(value)
    return text_of(value)


def _expression(value: Any) -> str:
    with suppress(AssertionError, LookupError, TypeError):  # what another release wrote may be something else
        return written(expression(value))
    return text_of(value)


def _item(item: Mapping[str, Any]) -> str:
    """Return what is more than a text of a list: a segment, an attribute, an identity, or a path of a schema."""
    if "path" in item:
        return f"{text_of(item['path'])} ({', '.join(item['labels'])})"
    if "source" in item:
        return _mapped("source", item)
    if "namespace" in item and "id" not in item:
        return _mapped("namespace", item)
    namespace = f"{text_of(item['namespace'])}:" if "namespace" in item else ""
    told = [text_of(item["name"])] if "name" in item else []
    told += [f"{key} {text_of(item[key])}" for key in ("createdAt", "updatedAt") if key in item]
    return f"{namespace}{text_of(item.get('id'))}" + (f" ({', '.join(told)})" if told else "")


def _mapped(key: str, item: Mapping[str, Any]) -> str:
    """Return an attribute or an identity: where it is, where it goes, and what else is asked of it."""
    target = f" -> {text_of(item['target'])}" if "target" in item else ""
    asked = [word for name, word in _ASKED.items() if item.get(name)]
    return f"{text_of(item[key])}{target}" + (f" ({', '.join(asked)})" if asked else "")


def text_of(value: Any) -> str:
    """Return a text as it is, unless it would spoil a line; anything else as JSON."""
    return value if isinstance(value, str) and value.isprintable() and value else msgspec.json.encode(value).decode()
