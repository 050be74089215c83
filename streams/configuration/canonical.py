"""Writes a valid document the one way: keys in camelCase, nothing that is left at its default, list items short.

Two documents that mean the same are then equal, however their files spell it.
"""

from __future__ import annotations

from typing import Any

from streams.configuration.drafts import AccountDraft, DestinationDraft
from streams.configuration.fields import Model
from streams.configuration.governance_draft import LabelsDraft, PolicyDraft, SchemaDraft
from streams.configuration.located import Node
from streams.configuration.validation import validate

DRAFTS: dict[str, type[Model]] = {
    "account": AccountDraft,
    "destination": DestinationDraft,
    "policy": PolicyDraft,
    "labels": LabelsDraft,
    "schema": SchemaDraft,
}
_SHORT = {"segments": "id", "attributes": "source", "identities": "namespace", "paths": "path"}
"""The lists whose items may be a text alone, and what that text is."""


def canonical(kind: str, document: Node) -> dict[str, Any] | None:
    """Return the document as it is written the one way; None where it is wrong."""
    draft = validate(DRAFTS[kind], document, [])
    if draft is None:
        return None
    written = draft.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for key, alone in _SHORT.items():
        if isinstance(written.get(key), list):
            written[key] = [item[alone] if item.keys() == {alone} else item for item in written[key]]
    if "customHeaders" in written:
        headers = written["customHeaders"].items()
        written["customHeaders"] = {name: value["value"] if len(value) == 1 else value for name, value in headers}
    return written
