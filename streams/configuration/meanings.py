"""What the records of each input topic are meant to be, as the settings declare it."""

from __future__ import annotations

from streams.activation.events import Input, Kind
from streams.configuration.settings import Settings


def inputs_of(settings: Settings) -> dict[str, Input]:
    """Return each input topic and what its records are meant to be."""
    named = settings.inputs
    memberships = (
        (named.qualifications, Kind.QUALIFICATION),
        (named.exits, Kind.EXIT),
        (named.memberships, Kind.MEMBERSHIP),
    )
    inputs = {source.topic: Input(kind, source.topic, source.paths) for source, kind in memberships if source}
    return inputs | {source.topic: Input(Kind.FRAGMENT, source.name, source.paths) for source in named.profiles}
