"""What commands that change documents do at their end: wait for the workers, and name who has not followed."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from typing import Any

import click

from streams.codes import Obstacle, coded
from streams.commands.shared import FAILED
from streams.configuration.settings import Settings
from streams.registry.awaited import Wanted
from streams.registry.registry import Registry
from streams.registry.waiting import Crew, Waited
from streams.topics import plan


def crew_of(settings: Settings) -> Crew:
    """Return the workers of the app."""
    return Crew(settings.kafka.brokers, plan.status(settings.app).name, time.time)


async def followed(
    settings: Settings,
    registry: Registry,
    wanted: Wanted,
    documents: Collection[tuple[str, str]],
    timeout_seconds: float,
) -> Waited:
    """Wait for the workers; when all follow, take older versions away. *documents* are kind and name of each."""
    waited = await crew_of(settings).follow(wanted, timeout_seconds)
    if not waited.laggards:
        for kind, name in documents:
            await registry.tidy(kind, name)
    return waited


def told(waited: Waited) -> dict[str, Any]:
    """Return for scripts who was waited for, and who has not followed."""
    lags = [{"worker": each.worker, each.kind: each.name, "why": each.why} for each in waited.laggards]
    return {"live": list(waited.workers), "notFollowed": lags}


def say(waited: Waited) -> None:
    """Tell people on standard error who has followed, and who has not."""
    count = len(waited.workers)
    if not count:
        click.echo("no live worker: the next one that starts begins with it", err=True)
    elif not waited.laggards:
        click.echo(f"{'the live worker follows' if count == 1 else f'all {count} live workers follow'}", err=True)
    for each in waited.laggards:
        told = f"not followed: {each.kind} {each.name} by worker {each.worker}: {each.why}"
        click.echo(coded(told, Obstacle.NOT_FOLLOWED), err=True)


def end(waited: Waited) -> None:
    """End with 1 where a worker has not followed."""
    if waited.laggards:
        sys.exit(FAILED)
