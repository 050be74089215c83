"""Data usage labels, and what they stand on: attribute paths, profile sources, segments and identity namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CORE_LABELS: Mapping[str, str] = {
    "C1": "May leave as aggregates only, never with an id of a person or a device.",
    "C2": "May not be exported to a third party.",
    "C3": "May not be combined with data that identifies a person directly.",
    "C4": "May not be used to target ads or content, on one's own site or across sites.",
    "C5": "May not be used for interest-based targeting across sites.",
    "C6": "May not be used to target ads on one's own site.",
    "C7": "May not be used to target content on one's own site.",
    "C8": "May not be used to measure one's own sites and apps.",
    "C9": "May not be used for data science.",
    "C10": "May not be used to activate stitched identities.",
    "C11": "May not be shared with Segment Match.",
    "C12": "May not be exported in any way.",
    "I1": "Identifies a person directly.",
    "I2": "Identifies a person together with other data.",
    "S1": "A precise place.",
    "S2": "A broad area.",
}
"""The labels that everyone knows, and what each says of the data; case counts."""

Path = tuple[str, ...]
Named = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that one document gives; *document* is its kind and name, such as ``labels customer-data``."""

    document: str
    attributes: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    """By path in the union of a profile's fragments; it labels what lies below, too."""
    sources: Named = field(default_factory=dict)
    """By profile source: all that comes from it, attributes and identities."""
    segments: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By namespace and id."""
    identities: Named = field(default_factory=dict)
    """By namespace."""


def core_spelling(label: str) -> str | None:
    """Return the core label that differs from *label* by case only; None where there is none."""
    spelt = label.upper()
    return spelt if spelt in CORE_LABELS and spelt != label else None
