"""``streams gaps``: which partitions stand still because records or offsets are gone, and the operator's answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click
import orjson

from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.shared import (
    config_option,
    configuration_errors,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.settings import Settings
from streams.groups.gaps import Resume
from streams.groups.survey import Standing, Survey, surveying
from streams.topics.cluster import wait_for_broker
from streams.topics.plan import destinations

ANSWER_SECONDS, SURVEY_SECONDS = 10.0, 60.0
"""How long the broker may take to answer at all, and to tell everything."""


@click.group(epilog=epilog("streams gaps list", failed=UNREACHED, wrong=WRONG_OR_REFUSED))
def gaps() -> None:
    """List and accept gaps: partitions that stand still because records or offsets are gone.

    Nothing is skipped, and nothing is handled again, until you say so.
    """


@gaps.command(
    name="list",
    epilog=epilog(
        "streams gaps list --output json",
        done="told, whether or not there are any",
        failed=UNREACHED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@config_option
@output_option
def list_gaps(config: Path | None, output: str) -> None:
    """List the partitions that stand still, and what is gone; no worker need be running."""
    standings = on_cluster(_found(_settings(config)))
    if output == "json":
        click.echo(orjson.dumps([_told(each) for each in standings], option=orjson.OPT_INDENT_2))
    elif standings:
        _print(standings)
    else:
        click.echo("no gaps")


@gaps.command(
    name="accept",
    epilog=epilog(
        "streams gaps accept",
        "streams gaps accept --topic streams.exports.crm.1 --partition 3 --yes",
        done="done, or shown where --yes is not given; also where there is nothing to accept",
        failed=UNREACHED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@config_option
@click.option("--topic", help="Accept the gaps of this topic only.")
@click.option("--partition", type=click.IntRange(0), help="Accept the gap of this partition number only.")
@click.option(
    "--resume",
    type=click.Choice([each.value for each in Resume]),
    default=Resume.BEGINNING.value,
    show_default=True,
    help="beginning: at the oldest record that is there, some may be handled again; end: skip what is there.",
)
@click.option("--yes", is_flag=True, help="Do it; otherwise it is only shown.")
@output_option
def accept_gaps(
    config: Path | None, topic: str | None, partition: int | None, resume: str, yes: bool, output: str
) -> None:
    """Accept that what is gone is gone, and go on; without --yes it only shows what would be done."""
    chosen = Resume(resume)
    accepted = on_cluster(_accepted(_settings(config), topic, partition, chosen if yes else None))
    if output == "json":
        told = {"done": yes, "resume": resume, "gaps": list(map(_told, accepted))}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    if not accepted:
        click.echo("nothing to accept: no such gap, or it is accepted already ('streams gaps list' tells)")
        return
    _print_accepted(accepted, chosen, yes=yes)


def _print_accepted(accepted: Sequence[Standing], chosen: Resume, *, yes: bool) -> None:
    _print(accepted)
    for each in accepted:
        click.echo(f"{'accepted' if yes else 'would accept'}: {_consequence(each, chosen)}")
    if yes:
        click.echo("A worker that has the partition goes on within seconds; otherwise the next one to have it does.")
    else:
        click.echo("Nothing was changed: say it again with --yes.")


def _settings(config: Path | None) -> Settings:
    with configuration_errors():
        return read_settings(config)


async def _found(settings: Settings) -> list[Standing]:
    async with _survey(settings) as survey:
        return await survey.gaps()


async def _accepted(settings: Settings, topic: str | None, number: int | None, resume: Resume | None) -> list[Standing]:
    """Accept what is asked for and not accepted yet, unless *resume* is None; return it."""
    async with _survey(settings) as survey:
        wanted = [each for each in await survey.gaps() if each.accepted is None and _matches(each, topic, number)]
        if resume is not None:
            for each in wanted:
                await survey.accept(each, resume, int(time.time() * 1000))
        return wanted


@asynccontextmanager
async def _survey(settings: Settings) -> AsyncIterator[Survey]:
    brokers = settings.kafka.brokers
    await wait_for_broker(brokers, within_seconds=ANSWER_SECONDS)
    inputs = [name for _, name in settings.inputs.roles()]
    journal = destinations(settings.app).name
    async with surveying(brokers, settings.app, inputs, journal, within_seconds=SURVEY_SECONDS) as survey:
        yield survey


def _matches(standing: Standing, topic: str | None, number: int | None) -> bool:
    return topic in {None, standing.partition[0]} and number in {None, standing.partition[1]}


def _consequence(standing: Standing, resume: Resume) -> str:
    gap, (topic, number) = standing.gap, standing.partition
    place, offset = ("beginning", gap.beginning) if resume is Resume.BEGINNING else ("end", gap.end)
    return f"{standing.stage} goes on with {topic}-{number} at its {place}, which is {offset} now"


def _print(standings: Sequence[Standing]) -> None:
    told = [_told(each) for each in standings]
    print_table(tuple(told[0]), ([_cell(value) for value in each.values()] for each in told))


def _told(standing: Standing) -> dict[str, str | int | None]:
    gap, (topic, number) = standing.gap, standing.partition
    return {
        "stage": standing.stage,
        "group": standing.group,
        "topic": topic,
        "partition": number,
        "cause": gap.cause,
        "committed": gap.committed,
        "beginning": gap.beginning,
        "end": gap.end,
        "gone": gap.gone,
        "accepted": standing.accepted,
    }


def _cell(value: str | int | None) -> str:
    return "-" if value is None else str(value)
