"""``streams destinations list`` and ``show``: what is in force, in which state, and who follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands import plans
from streams.commands.following import crew_of
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.options import now
from streams.commands.shared import (
    config_option,
    configuration_errors,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.governing import governed
from streams.configuration.settings import Settings
from streams.governance.evaluating import Lineage, Violation
from streams.registry.applying import standing_of
from streams.registry.awaited import live
from streams.registry.catalogue import Card, account_of, cards, masked
from streams.registry.governing import forbidden
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION, Version
from streams.registry.registry import Registry
from streams.registry.verdicts import labels_of, violations_of
from streams.status.counts import Counts, counted, told_by
from streams.status.shapes import Report, Worker

HEADS = ("name", "state", "reason", "version", "endpoint", "segments", "attributes", "description")


@click.command(
    name="list",
    short_help="List destinations with their states.",
    epilog=epilog(
        "streams destinations list",
        "streams destinations list --output json",
        failed=UNREACHED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@config_option
@output_option
def list_destinations(config: Path | None, output: str) -> None:
    """List the destinations in force, each with its state and why.

    configured: no segment yet; activated; forbidden: by which policy, from label to action; paused: by whom and why;
    faulted: why; draining: nothing more is exported to it. Whether it is faulted is what the live workers say; all else
    is in the documents.
    """
    with configuration_errors():
        settings = read_settings(config)
    found = on_cluster(_listing(settings))
    if output == "json":
        click.echo(orjson.dumps(list(map(_listed, found)), option=orjson.OPT_INDENT_2))
    elif found:
        print_table(HEADS, map(_row, found))
    else:
        click.echo("no destinations: streams destinations apply FILE makes one")


@click.command(
    name="show",
    short_help="Show a destination with all that is decided of it.",
    epilog=epilog(
        "streams destinations show crm",
        "streams destinations show crm --output json",
        failed=UNREACHED,
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name",
    ),
)
@click.argument("name")
@config_option
@output_option
def show_destination(name: str, config: Path | None, output: str) -> None:
    """Show a destination: its document with what may be a key masked, its versions, and what each worker follows.

    Its labels are those of all that it is sent, each with how it comes to it; what a policy forbids is told likewise.
    """
    with configuration_errors():
        settings = read_settings(config)
    shown = _shown(on_cluster(_one(settings, name)))
    if output == "json":
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        return
    for path, value in flat(shown):
        click.echo(f"{path}: {value}")


@dataclass(frozen=True, slots=True)
class _One:
    """All there is to show of one destination."""

    card: Card
    version: Version
    labels: tuple[Lineage, ...]
    violations: tuple[Violation, ...]
    history: list[Version]
    workers: list[Worker]
    counts: Counts


async def _listing(settings: Settings) -> list[Card]:
    async with looked_at(settings) as registry:
        return _cards(registry, await crew_of(settings).reports())


async def _one(settings: Settings, name: str) -> _One:
    async with looked_at(settings) as registry:
        version = in_force(registry, DESTINATION, name)
        reports = await crew_of(settings).reports()
        (card,) = [card for card in _cards(registry, reports) if card.name == name]
        history = [] if registry is None else registry.history(DESTINATION, name)
        governance = governed({} if registry is None else standing_of(registry).governing).governance
        labels, found = labels_of(version, governance), violations_of(version, governance)
        workers = live(reports, now())
        counts = counted(f"{name}.{version.number}", workers, told_by(workers, reports))
        return _One(card, version, labels, found, history, workers, counts)


def _cards(registry: Registry | None, reports: list[Report]) -> list[Card]:
    if registry is None:
        return []
    standing, unreadable = registry.standing(DESTINATION), registry.unreadable(DESTINATION)
    return cards(standing, unreadable, reports, live(reports, now()), forbidden(registry))


def _listed(card: Card) -> dict[str, Any]:
    return {
        "name": card.name,
        "state": card.state,
        "reason": card.reason,
        "version": card.version,
        "endpoint": card.endpoint,
        "segments": list(card.segments),
        "attributes": list(card.attributes),
        "description": card.description,
    }


def _row(card: Card) -> tuple[str, ...]:
    counts = str(len(card.segments)), str(len(card.attributes))
    texts = (card.name, card.state, card.reason, str(card.version), card.endpoint, *counts, card.description)
    return tuple(_line(text) or "-" for text in texts)


def _line(text: str) -> str:
    """Return a text as it fits into a table."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _shown(one: _One) -> dict[str, Any]:
    card, version, pause = one.card, one.version, one.version.pause
    incarnation = f"{card.name}.{version.number}"
    return {
        "name": card.name,
        "description": card.description,
        "state": card.state,
        "reason": card.reason,
        "incarnation": incarnation,
        "version": version.version,
        "minVersion": version.min_version,
        "created": moment(version.created_at),
        "pause": None if pause is None else {"by": pause.by, "why": pause.why, "at": moment(pause.at)},
        "labels": list(map(plans.lineage, one.labels)),
        "violations": list(map(plans.violation, one.violations)),
        "counts": _counts(one.counts),
        "account": masked(account_of(version)),
        "document": masked(version.document),
        "versions": [written(each) for each in one.history],
        "workers": [
            {"worker": each.id, "followed": each.followed.get(incarnation), "refused": each.refused.get(card.name)}
            for each in one.workers
            if not each.only or card.name in each.only
        ],
    }


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "received": counts.received,
        "activated": counts.activated,
        "excluded": counts.excluded,
        "notTriggered": counts.not_triggered,
        "delivered": counts.delivered,
        "failed": counts.failed,
        "pending": counts.pending,
        "since": None if counts.since is None else moment(counts.since),
    }


def written(version: Version) -> dict[str, Any]:
    """Return who wrote a version, and when."""
    at = moment(version.written_at)
    return {"version": version.version, "by": version.by, "at": at, "life": version.life}


def moment(ms: int) -> str:
    """Return a time in milliseconds as people and scripts read it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value with the path of its keys; what is empty is left out."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from flat(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    elif value not in (None, ""):
        yield path, _line(str(value)) if isinstance(value, str) else orjson.dumps(value).decode()
