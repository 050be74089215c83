"""A registry of what governs destinations, and documents for it: no third party gets what is labelled C2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from streams.registry.records import Version

POLICY = {
    "kind": "policy",
    "name": "no-c2",
    "marketingActions": ["Export to Third Party"],
    "deny": "C2",
    "status": "enabled",
}
LABELS = {"kind": "labels", "name": "customer-data", "attributes": {"person": ["C2"]}}


class GoverningDocuments:
    """Documents in force, as a test writes them."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], list[Version]] = defaultdict(list)
        self.odd: dict[tuple[str, str], int] = {}
        """By kind and name, what another release wrote."""

    def write(self, document: Mapping[str, Any], **more: Any) -> None:
        """Write the next version of a document; None of it is taken away."""
        versions = self._versions[document["kind"], document["name"]]
        number = len(versions) + 1
        versions.append(Version(version=number, written_at=1, by="ann@desk", document=dict(document), **more))

    def tidy(self, kind: str, name: str) -> None:
        """Take away all versions but the one in force; all of them where that is another release's."""
        key = kind, name
        self._versions[key] = [] if key in self.odd else self._versions[key][-1:]

    def standing(self, kind: str) -> dict[str, Version]:
        return {
            name: versions[-1]
            for (of, name), versions in self._versions.items()
            if of == kind and versions and (of, name) not in self.odd
        }

    def unreadable(self, kind: str) -> dict[str, int]:
        return {name: version for (of, name), version in self.odd.items() if of == kind}

    def history(self, kind: str, name: str) -> list[Version]:
        return list(self._versions[kind, name])
