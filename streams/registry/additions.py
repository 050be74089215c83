"""Adds segments, attributes and marketing actions to a destination's document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.destinations import UPS

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added, each as a document writes it in full."""

    segments: Sequence[Item] = ()
    attributes: Sequence[Item] = ()
    marketing_actions: Sequence[str] = ()


def added(document: Mapping[str, Any], additions: Additions) -> dict[str, Any]:
    """Return *document* with what is added behind what is there; what is there already stays where it is.

    An attribute that is there and becomes mandatory is the same one.
    """
    segments, attributes = list(document.get("segments", ())), list(document.get("attributes", ()))
    actions = list(document.get("marketingActions", ()))
    known = set(map(_segment, segments))
    segments += [dict(item) for item in additions.segments if _segment(item) not in known]
    for item in additions.attributes:
        _map(attributes, item)
    actions += [action for action in additions.marketing_actions if action not in actions]
    lists = {"segments": segments, "attributes": attributes, "marketingActions": actions}
    return {**document, **{key: items for key, items in lists.items() if items}}


def _map(attributes: list[Any], item: Item) -> None:
    """Add an attribute, or make the one that is there mandatory."""
    for index, attribute in enumerate(attributes):
        if _attribute(attribute) == _attribute(item):
            if item.get("mandatory"):
                attributes[index] = dict(item)
            return
    attributes.append(dict(item))


def _segment(item: Any) -> tuple[str, str]:
    return (UPS, item) if isinstance(item, str) else (item.get("namespace", UPS), item["id"])


def _attribute(item: Any) -> tuple[str, str]:
    source = item if isinstance(item, str) else item["source"]
    return source, source if isinstance(item, str) else item.get("target") or source
