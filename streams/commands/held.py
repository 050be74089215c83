"""What commands tell of a destination that is held: nothing of it is delivered, whatever they ask for."""

from __future__ import annotations

from streams.registry.governing import forbidden
from streams.registry.records import DESTINATION
from streams.registry.registry import Registry


def held(registry: Registry | None, name: str) -> str | None:
    """Return why nothing of a destination in force is delivered for now, and until when; None where it is."""
    version = None if registry is None else registry.in_force(DESTINATION, name)
    if registry is None or version is None or version.life == "deleted":
        return None
    if (why := forbidden(registry).get(name)) is not None:
        until = f"'streams policies evaluate --destination {name}' shows why"
        return f"destination {name} is forbidden ({why}): nothing of it is delivered until it is allowed; {until}"
    if version.pause is not None:
        until = f"nothing of it is delivered until 'streams destinations resume {name}'"
        return f"destination {name} is paused by {version.pause.by}: {until}"
    return None
