"""The destinations that activation exports to at present, and what belongs to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from streams.activation.activate import Activation
from streams.destinations import Destination
from streams.exports import exports_topic
from streams.telemetry.telemetry import ActivationTelemetry, Telemetry


@dataclass(frozen=True, slots=True)
class Followed:
    """One set of destinations; what is kept by incarnation or by topic has an entry for each of them."""

    activation: Activation
    exports: Mapping[str, str]
    """The exports topic, by incarnation."""
    incarnations: Mapping[str, str]
    """The incarnation, by exports topic."""
    considered: Mapping[str, ActivationTelemetry]
    gone: frozenset[str]
    """Incarnations that are deleted for good, or are exported nothing more."""
    forbidden: frozenset[str]
    """Incarnations that policies forbid."""


def followed(
    app: str,
    destinations: Iterable[Destination],
    activation: Activation,
    telemetry: Telemetry,
    gone: Collection[str] = (),
) -> Followed:
    """Return what belongs to *destinations*, which are those of *activation*."""
    chosen = list(destinations)
    exports = {each.incarnation: exports_topic(app, each.incarnation) for each in chosen}
    return Followed(
        activation,
        exports,
        {topic: incarnation for incarnation, topic in exports.items()},
        {each.incarnation: telemetry.activation(each) for each in chosen},
        frozenset(gone),
        frozenset(each.incarnation for each in chosen if each.forbidden is not None),
    )
