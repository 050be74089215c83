"""``streams segments`` and ``streams attributes``: what the workers know of all profiles, counted together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import orjson

from streams.activation.cataloguing import Counted
from streams.activation.events import Status
from streams.activation.questions import SEEN
from streams.activation.tallies import Seen, together
from streams.codes import Denial
from streams.commands.asking import ASK_SECONDS, owners_of, token_of
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.progress import Progress
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
from streams.denied import DeniedError
from streams.governance.evaluating import Governance, Lineage
from streams.registry.applying import standing_of
from streams.registry.opening import looked_at
from streams.status.inquiry import Asked
from streams.status.shapes import Worker
from streams.status.table import ranges

LOOK_SECONDS = 0.5
"""How soon a worker that counts is asked again."""
SLOW_SECONDS = 5.0
"""What is over before is worth no line."""

_FAILED = f"no worker owns a partition, one cannot be reached, or it takes longer than --timeout; {UNREACHED}"
_WRONG = f"{WRONG_OR_REFUSED}; no token, or not the workers'"

_timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the workers may count.",
)


class Together(NamedTuple):
    """What was counted, and the partitions that no live worker owns, which are missing in it."""

    seen: Seen
    missing: list[int]
    governance: Governance
    """The labels in force."""


@click.command(
    short_help="List the segments that are known, with the profiles in each status.",
    epilog=epilog("streams segments", "streams segments --output json", failed=_FAILED, wrong=_WRONG),
)
@_timeout
@config_option
@output_option
def segments(timeout: float, config: Path | None, output: str) -> None:
    """List the segments of which a profile has a membership, and how many profiles are in each status.

    The workers walk through their state, in the background and over all profiles; the setting `http.token` must be
    the one that they have. Nothing of a profile is shown.
    """
    found = _found(config, timeout)
    statuses = [status.value for status in Status]
    if output == "json":
        told = [msgspec.to_builtins(each) for each in found.seen.segments]
        _print(found, "segments", told, otherMemberships=found.seen.other_memberships)
        return
    rows = [
        (each.namespace, each.segment, *(str(each.statuses.get(status, 0)) for status in statuses))
        for each in found.seen.segments
    ]
    print_table(("namespace", "segment", *statuses), rows)
    if found.seen.other_memberships:
        click.echo(f"and {found.seen.other_memberships} memberships of segments beyond those told apart")
    _say(found, f"{found.seen.profiles} profiles")


@click.command(
    short_help="List the paths of attributes that are known, with their share of profiles.",
    epilog=epilog("streams attributes", "streams attributes --output json", failed=_FAILED, wrong=_WRONG),
)
@_timeout
@config_option
@output_option
def attributes(timeout: float, config: Path | None, output: str) -> None:
    """List the paths at which profiles have a value: their share of the profiles, the sources that say them, and
    their labels.

    At most 1 000 profiles of each partition are looked at; the setting `http.token` must be the one that the workers
    have. Nothing of a profile is shown: of an object with very many different members only that it has some.
    """
    found = _found(config, timeout)
    seen = found.seen
    paths = [(each, _labels(found.governance.on_attribute(tuple(each.path.split("."))))) for each in seen.attributes]
    names = [(name, count, _identity_labels(found.governance, name)) for name, count in seen.identities.items()]
    if output == "json":
        told = [
            {**msgspec.to_builtins(each), "share": _share(each.profiles, seen), "labels": labels}
            for each, labels in paths
        ]
        ids = [
            {"namespace": name, "profiles": count, "share": _share(count, seen), "labels": labels}
            for name, count, labels in names
        ]
        _print(found, "attributes", told, sampled=seen.sampled, identities=ids)
        return
    rows = [(each.path, _percent(each.profiles, seen), ", ".join(each.sources), " ".join(of)) for each, of in paths]
    rows += [(f"identity {name}", _percent(count, seen), "", " ".join(labels)) for name, count, labels in names]
    print_table(("path", "profiles", "sources", "labels"), rows)
    _say(found, f"a sample of {seen.sampled} of {seen.profiles} profiles")


def _labels(lineages: Iterable[Lineage]) -> list[str]:
    return sorted({lineage.label for lineage in lineages})


def _identity_labels(governance: Governance, namespace: str) -> list[str]:
    return sorted({label for each in governance.labels for label in each.identities.get(namespace, ())})


def _percent(profiles: int, seen: Seen) -> str:
    return f"{_share(profiles, seen):.1%}"


def _share(profiles: int, seen: Seen) -> float:
    return round(profiles / seen.sampled, 4) if seen.sampled else 0.0


def _print(found: Together, name: str, told: object, **others: object) -> None:
    whole = {"profiles": found.seen.profiles, **others, name: told, "missing": found.missing}
    click.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


def _say(found: Together, counted: str) -> None:
    click.echo(f"counted: {counted}", err=True)
    if found.missing:
        click.echo(f"missing: the partitions {ranges(found.missing)}, which no live worker owns now", err=True)


def _found(config: Path | None, timeout: float) -> Together:
    with configuration_errors():
        settings = read_settings(config)
    return on_cluster(_counted(settings, timeout))


async def _counted(settings: Settings, timeout: float) -> Together:
    async with looked_at(settings) as registry:
        governance = governed({} if registry is None else standing_of(registry).governing).governance
        owners, token = await owners_of(settings), token_of(settings)
    waiting, found = {each.id: each for each in owners.of(None)}, list[Counted]()
    with Progress("counting", "workers", say_after_seconds=SLOW_SECONDS) as progress:
        try:
            async with asyncio.timeout(timeout), Asked(token, ASK_SECONDS) as workers:
                while waiting:
                    progress.left(len(waiting))
                    for worker, counted in await asyncio.gather(*(_ask(workers, each) for each in waiting.values())):
                        if counted.seen is not None:
                            found.append(counted)
                            del waiting[worker.id]
                    if waiting:
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            why = f"{', '.join(waiting)} still count after {timeout:g} s; wait longer with --timeout"
            raise DeniedError(Denial.NOT_ANSWERED, why) from None
    counted_in = {partition for counted in found for partition in counted.partitions}
    seen = [counted.seen for counted in found if counted.seen is not None]
    missing = [each for each in range(owners.partitions) if each not in counted_in]
    return Together(together(seen), missing, governance)


async def _ask(workers: Asked, worker: Worker) -> tuple[Worker, Counted]:
    return worker, msgspec.json.decode(await workers.ask(worker, SEEN, {}), type=Counted)
