"""Adds segments, attributes, identities and marketing actions to a destination's document. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.destinations import UPS

Item = Mapping[str, Any]

_ASKED = ("mandatory", "deduplicationKey", "hash")
"""What may be asked of an attribute, or of an identity, beside where it is and where it goes."""


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added, each as a document writes it in full."""

    segments: Sequence[Item] = ()
    attributes: Sequence[Item] = ()
    marketing_actions: Sequence[str] = ()
    identities: Sequence[Item] = ()
    required_identities: Sequence[str] = ()


def added(document: Mapping[str, Any], additions: Additions) -> dict[str, Any]:
    """Return *document* with what is added behind what is there; what is there already stays where it is.

    An attribute or identity that is there and is asked more of is the same one. Where no identities are selected yet,
    which sends all, the selection begins with those that are added.
    """
    segments, attributes = list(document.get("segments", ())), list(document.get("attributes", ()))
    actions = list(document.get("marketingActions", ()))
    known = set(map(_segment, segments))
    segments += [dict(item) for item in additions.segments if _segment(item) not in known]
    identities, required = list(document.get("identities") or ()), list(document.get("requiredIdentity", ()))
    for item in additions.attributes:
        _map(attributes, item, _attribute)
    for item in additions.identities:
        _map(identities, item, _identity)
    required += [namespace for namespace in additions.required_identities if namespace not in required]
    actions += [action for action in additions.marketing_actions if action not in actions]
    lists = {
        "segments": segments,
        "attributes": attributes,
        "identities": identities,
        "requiredIdentity": required,
        "marketingActions": actions,
    }
    return {**document, **{key: items for key, items in lists.items() if items}}


def _map(items: list[Any], item: Item, what: Callable[[Any], Hashable]) -> None:
    """Add an attribute or an identity, or ask of the one that is there what is asked in addition."""
    for index, known in enumerate(items):
        if what(known) == what(item):
            if more := {key: item[key] for key in _ASKED if item.get(key)}:
                items[index] = {**({_key(item): known} if isinstance(known, str) else known), **more}
            return
    items.append(dict(item))


def _key(item: Item) -> str:
    return "source" if "source" in item else "namespace"


def _segment(item: Any) -> tuple[str, str]:
    return (UPS, item) if isinstance(item, str) else (item.get("namespace", UPS), item["id"])


def _attribute(item: Any) -> tuple[str, str]:
    source = item if isinstance(item, str) else item["source"]
    return source, source if isinstance(item, str) else item.get("target") or source


def _identity(item: Any) -> tuple[str, str]:
    namespace = item if isinstance(item, str) else item["namespace"]
    return namespace, namespace if isinstance(item, str) else item.get("target") or namespace
