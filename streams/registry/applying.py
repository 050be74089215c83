"""Applies a plan: each change in its order, so that whatever interrupts it, applying again goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from streams.registry.edits import Author
from streams.registry.plans import Change, Plan, Standing, behind
from streams.registry.records import ACCOUNT, DESTINATION, GOVERNING, KINDS, Version
from streams.registry.registry import LostError, Registry

Begin = Callable[[str], Awaitable[None]]
"""Lets an incarnation begin, before its document is written."""


def standing_of(registry: Registry) -> Standing:
    """Return what is in force."""
    unreadable = frozenset((kind, name) for kind in KINDS for name in registry.unreadable(kind))
    governing = {kind: registry.standing(kind) for kind in GOVERNING}
    return Standing(registry.standing(DESTINATION), registry.standing(ACCOUNT), unreadable, governing)


async def apply(plan: Plan, registry: Registry, begin: Begin) -> list[Change]:
    """Write what *plan* changes, and return that; raises LostError where another writer was faster with something else.

    One that was faster with the same is fine: what is in force is what was wanted. Destinations whose account another
    one has changed meanwhile are changed, too: of two operators, one who changes an account and one who lets a
    destination name it, whoever writes last sees what the other one wrote.
    """
    for change in plan.to_write:
        if change.kind == DESTINATION and change.action == "create":
            await begin(f"{change.name}.{change.version.number}")
        await write(registry, change.kind, change.name, change.version)
    return [*plan.to_write, *(await _caught_up(plan, registry))]


async def _caught_up(plan: Plan, registry: Registry) -> list[Change]:
    """Write the destinations that have fallen behind their accounts while *plan* was applied."""
    if not plan.to_write:
        return []
    await registry.caught_up()
    last = plan.to_write[-1].version
    changes = behind(standing_of(registry), Author(last.by, last.written_at))
    for change in changes:
        await write(registry, change.kind, change.name, change.version)
    return changes


async def write(registry: Registry, kind: str, name: str, version: Version) -> None:
    """Write a version, unless another writer was faster; raises LostError if that one says something else."""
    try:
        await registry.write(kind, name, version)
    except LostError as lost:
        if not says_the_same(lost.winner, version):
            raise


def says_the_same(one: Version, other: Version) -> bool:
    """Whether two versions decide the same, whoever wrote them, and when."""
    return _decided(one) == _decided(other)


def _decided(version: Version) -> tuple[object, ...]:
    account = None if version.account is None else (version.account.name, version.account.document)
    operated = version.pause is None, version.refusals_accepted_at
    return version.document, account, version.number, version.life, operated
