"""What is in force, as people look it up: each destination with its state and why, and what each worker follows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.configuration.names import masked_url
from streams.configuration.references import is_reference
from streams.registry.records import Version
from streams.secrets import MASK
from streams.status.overview import FAULTED, FORBIDDEN
from streams.status.shapes import Destination, Report, Worker

UNREADABLE = "unreadable"
"""The state of a document that another release wrote."""


@dataclass(frozen=True, slots=True)
class Card:
    """A destination as the catalogue shows it."""

    name: str
    state: str
    reason: str
    version: int
    endpoint: str
    segments: tuple[str, ...]
    attributes: tuple[str, ...]
    description: str
    refused: Mapping[str, str]
    """By live worker, why it does not follow the version in force."""


def cards(
    destinations: Mapping[str, Version],
    unreadable: Mapping[str, int],
    reports: Collection[Report],
    live: Collection[Worker],
    forbidden: Mapping[str, str],
) -> list[Card]:
    """Return a card for each destination that is not deleted, by name; *forbidden* is why policies forbid it."""
    standing = {name: version for name, version in destinations.items() if version.life != "deleted"}
    known = [_card(name, version, reports, live, forbidden.get(name, "")) for name, version in standing.items()]
    why = "another release wrote it: use that one, or a newer one"
    odd = [Card(name, UNREADABLE, why, version, "", (), (), "", {}) for name, version in unreadable.items()]
    return sorted([*known, *odd], key=lambda card: card.name)


def _card(name: str, version: Version, reports: Iterable[Report], live: Collection[Worker], forbidden: str) -> Card:
    document = version.document
    refused = {worker.id: worker.refused[name] for worker in live if name in worker.refused}
    state, reason = (FORBIDDEN, forbidden) if forbidden else _state(name, version, reports, {each.id for each in live})
    return Card(
        name=name,
        state=state,
        reason=reason or "; ".join(f"{worker}: {why}" for worker, why in refused.items()),
        version=version.version,
        endpoint=masked_url(str(account_of(version).get("httpEndpoint", ""))),
        segments=tuple(_text(item, "id") for item in document.get("segments", ())),
        attributes=tuple(_text(item, "source") for item in document.get("attributes", ())),
        description=str(document.get("description", "")),
        refused=refused,
    )


def account_of(version: Version) -> Mapping[str, Any]:
    """Return the account of a destination, be it a document of its own."""
    if version.account is not None:
        return version.account.document
    account = version.document.get("account")
    return account if isinstance(account, dict) else {}


def _state(name: str, version: Version, reports: Iterable[Report], live: Collection[str]) -> tuple[str, str]:
    paused = "" if version.pause is None else f"by {version.pause.by}: {version.pause.why}"
    if version.life == "draining":
        return "draining", f"paused {paused}" if paused else f"by {version.by}"
    if paused:
        return "paused", paused
    incarnation = f"{name}.{version.number}"
    told = [each for each in reports if isinstance(each, Destination) and each.incarnation == incarnation]
    faulted = [each for each in told if each.worker in live and each.state == FAULTED]
    if faulted:
        return faulted[0].state, faulted[0].reason
    return ("activated", "") if version.document.get("segments") else ("configured", "no segment yet")


def _text(item: Any, key: str) -> str:
    return str(item.get(key, "")) if isinstance(item, dict) else str(item)


def masked(document: Any, key: str = "") -> Any:
    """Return a document as it may be shown: secrets as references, no query of a URL, no value of a header."""
    if isinstance(document, dict) and key == "customHeaders":
        return {name: _masked_header(value) for name, value in document.items()}
    if isinstance(document, dict):
        return {below: masked(value, below) for below, value in document.items()}
    if isinstance(document, list):
        return [masked(item) for item in document]
    return masked_url(document) if key in {"httpEndpoint", "authEndpoint"} and isinstance(document, str) else document


def _masked_header(value: Any) -> Any:
    is_secret = isinstance(value, dict) and is_reference(str(value.get("value")))
    return value if is_secret else MASK
