"""What a command is asked about: a document that is in force, or the message that there is none."""

from __future__ import annotations

from collections.abc import Iterable

import click

from streams.configuration.problems import nearest
from streams.registry.records import Version
from streams.registry.registry import Registry


def in_force(registry: Registry | None, kind: str, name: str) -> Version:
    """Return the version in force of a document that is not deleted; a name that nothing has is wrong usage."""
    version = None if registry is None else registry.in_force(kind, name)
    if version is None or version.life == "deleted":
        raise click.UsageError(unknown(registry, kind, name))
    return version


def unknown(registry: Registry | None, kind: str, name: str, others: Iterable[str] = ()) -> str:
    """Return what to say of a name that nothing has; *others* are known beside what is in force."""
    standing = {} if registry is None else registry.standing(kind)
    known = sorted({*others, *(other for other, version in standing.items() if version.life != "deleted")})
    close = nearest(name, known)
    remedy = f"did you mean {close!r}?" if close else f"known are {', '.join(known) or 'none'}"
    return f"no {kind} is called {name!r}; {remedy}"
