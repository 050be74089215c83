"""The next version of a document, made of the one in force: paused, resumed, draining, deleted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from streams.destinations import Pause
from streams.registry.mappings import mapped_at
from streams.registry.records import NamedAccount, Version


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and when, in milliseconds."""

    by: str
    at: int


def created(base: Version | None, document: dict[str, object], account: NamedAccount | None, author: Author) -> Version:
    """Return the first version of a new incarnation; *base* is the deleted one before it, if there was one."""
    number = 1 if base is None else base.version + 1
    return Version(
        version=number,
        written_at=author.at,
        by=author.by,
        document=document,
        number=1 if base is None else base.number + 1,
        created_at=author.at,
        min_version=number,
        mapped=mapped_at({}, {}, document, author.at),
        account=account,
    )


def changed(base: Version, document: dict[str, object], account: NamedAccount | None, author: Author) -> Version:
    """Return the next version with another document; what else was decided of it stays."""
    mapped = mapped_at(base.document, base.mapped, document, author.at)
    return _next(base, author, document=document, account=account, mapped=mapped)


def paused(base: Version, why: str, author: Author) -> Version:
    """Return the next version, paused."""
    return _next(base, author, pause=Pause(author.by, why, author.at))


def resumed(base: Version, author: Author, *, accept_refusals: bool = False) -> Version:
    """Return the next version, not paused; perhaps the refused exports that wait by now are to end."""
    accepted_at = author.at if accept_refusals else base.refusals_accepted_at
    return _next(base, author, pause=None, refusals_accepted_at=accepted_at)


def draining(base: Version, author: Author) -> Version:
    """Return the next version, to which nothing more is exported."""
    return _next(base, author, life="draining")


def deleted(base: Version, author: Author) -> Version:
    """Return the version that says it is gone: it keeps the numbers for one of the same name, and nothing else."""
    return _next(base, author, life="deleted", document={}, mapped={}, account=None, pause=None, refusals_accepted_at=0)


def _next(base: Version, author: Author, **changes: object) -> Version:
    return replace(base, version=base.version + 1, written_at=author.at, by=author.by, **changes)
