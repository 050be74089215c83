"""Builders for versions of documents: a test names only what matters to it."""

from __future__ import annotations

from typing import Any

from streams.registry.records import Version

CRM = {"kind": "destination", "name": "crm", "account": {"httpEndpoint": "https://api.example.com/v1"}}


def a_version(version: int = 1, by: str = "ann@desk", **others: Any) -> Version:
    return Version(version=version, written_at=1_000 * version, by=by, **{"document": CRM, **others})
