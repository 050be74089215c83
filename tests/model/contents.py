"""What a destination gets to see of a profile, by its document: plain values in, the body as a dictionary out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

Document = Mapping[str, Any]
"""A destination as its document says it."""
Segment = tuple[str, str]
"""Namespace and id."""
Entry = dict[str, Any]
"""A membership: ``status``, ``time`` in microseconds, ``written``, the timestamp of the record that said it."""

MISSING: Any = ("there is none",)
"""In the place of a value that is not there; null is one."""
KEPT_MS = 30 * 24 * 60 * 60 * 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def segments_of(document: Document) -> dict[Segment, Mapping[str, Any]]:
    """Return the mapped segments, and what the document says of each."""
    items = [{"id": each} if isinstance(each, str) else each for each in document.get("segments", ())]
    return {(item.get("namespace", "ups"), item["id"]): item for item in items}


def attributes_of(document: Document) -> list[dict[str, Any]]:
    """Return the mapped attributes, each with its source and its target."""
    items = [{"source": each} if isinstance(each, str) else each for each in document.get("attributes", ())]
    return [{"target": item["source"], **item} for item in items]


def same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1 is neither true nor 1.0."""
    return spelled(one) == spelled(other)


def spelled(value: Any) -> str:
    """Return what tells a value from all others."""
    return json.dumps(value, sort_keys=True)


def at(fragment: Any, path: str) -> Any:
    """Return the value at a dotted path."""
    for name in path.split("."):
        if not isinstance(fragment, dict) or name not in fragment:
            return MISSING
        fragment = fragment[name]
    return fragment


def union(values: Iterable[Any]) -> Any:
    """Return one value of several, the later one winning, leaf by leaf."""
    result = MISSING
    for value in values:
        if value is not MISSING:
            result = _over(result, value)
    return result


def _over(lower: Any, higher: Any) -> Any:
    if not (isinstance(lower, dict) and isinstance(higher, dict)):
        return higher
    both = lower.keys() & higher.keys()
    return {**lower, **higher, **{name: _over(lower[name], higher[name]) for name in both}}


def identities(maps: Iterable[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, list[Any]]:
    """Return one map of identities, each (namespace, id) once, the first one whole."""
    found: dict[str, dict[str, Any]] = {}
    for one in maps:
        for namespace, items in one.items():
            for item in items:
                found.setdefault(namespace, {}).setdefault(item["id"], item)
    return {namespace: list(items.values()) for namespace, items in found.items()}


def selected(document: Document, known: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return of *known* identities those that the destination has selected, as it wants them called and hashed."""
    if "identities" not in document:
        return dict(known)
    listed = [{"namespace": each} if isinstance(each, str) else each for each in document["identities"]]
    chosen = {each["namespace"]: each for each in listed}
    found = identities(
        {chosen[namespace].get("target", namespace): _hashed_ids(items, chosen[namespace].get("hash"))}
        for namespace, items in known.items()
        if namespace in chosen
    )
    return {target: items for target, items in found.items() if items}


def _hashed_ids(items: list[Any], hashing: str | None) -> list[Any]:
    return [{**item, "id": hexed(item["id"])} for item in items if item["id"].strip()] if hashing else items


def hexed(text: str) -> str:
    """Return the SHA-256 of a text as endpoints compare it: trimmed, in lower case."""
    return sha256(text.strip().lower().encode()).hexdigest()


def hashed(value: Any) -> Any:
    """Return an attribute's value hashed, an array's item by item; what cannot be is as absent."""
    if isinstance(value, list):
        items = [hashed(item) for item in value if not isinstance(item, list)]
        return [item for item in items if item is not MISSING] or MISSING
    if isinstance(value, str):
        return hexed(value) if value.strip() else MISSING
    return hexed(str(value)) if type(value) is int else MISSING


def seen(attribute: Mapping[str, Any], value: Any) -> Any:
    """Return a value as the destination gets to see it."""
    return hashed(value) if attribute.get("hash") else value


def keys(document: Document, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the deduplication keys, as the destination gets to see them."""
    return _attributes(document, [each for each in attributes_of(document) if each.get("deduplicationKey")], values)


def body(
    document: Document, values: Mapping[str, Any], entries: Mapping[Segment, Entry], ids: Mapping[str, Any]
) -> Any:
    """Return the body: attributes where they go, the *entries* that are shown, and identities if there are any."""
    found = _attributes(document, attributes_of(document), values)
    found["segmentMembership"] = shown(document, entries)
    return found | ({"identityMap": dict(ids)} if ids else {})


def _attributes(
    document: Document, attributes: Iterable[Mapping[str, Any]], values: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in attributes:
        value = seen(attribute, values[attribute["source"]])
        if value is MISSING and document.get("absent") == "null":
            value = None
        if value is not MISSING:
            _put(found, attribute["target"].split("."), value)
    return found


def shown(document: Document, entries: Mapping[Segment, Entry]) -> dict[str, dict[str, Any]]:
    """Return memberships as they are sent."""
    namespaces: dict[str, dict[str, Any]] = {}
    for (namespace, segment), entry in entries.items():
        status = entry["status"]
        if document.get("status") == "ga" and status == "existing":
            status = "realized"
        one: dict[str, Any] = {
            "lastQualificationTime": told_time(entry["shown"] if "shown" in entry else entry["time"]),
            "status": status,
        }
        if document.get("includeSegmentNames"):
            name = segments_of(document)[namespace, segment].get("name")
            one |= {} if name is None else {"name": name}
        namespaces.setdefault(namespace, {})[segment] = one
    return namespaces


def told_time(time_us: int) -> str:
    """Return a time as RFC 3339 with Z, as fine as it is."""
    moment = EPOCH + timedelta(microseconds=time_us)
    precision = "seconds" if time_us % 1_000_000 == 0 else "milliseconds" if time_us % 1_000 == 0 else "microseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value
