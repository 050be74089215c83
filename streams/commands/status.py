"""``streams status``: what stands, from what the workers report and what the broker knows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import click
import msgspec

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
from streams.status.overview import Overview
from streams.status.survey import Place, survey
from streams.status.table import tables
from streams.topics import plan
from streams.topics.cluster import wait_for_broker

ANSWER_SECONDS, SURVEY_SECONDS = 10.0, 60.0
"""How long the broker may take to answer at all, and to tell everything."""


@click.command(
    short_help="Show workers, who owns what, what waits, and the state of each destination.",
    epilog=epilog(
        "streams status",
        "streams status --output json",
        done="told, whatever it says",
        failed=UNREACHED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@config_option
@output_option
def status(config: Path | None, output: str) -> None:
    """Show workers, who owns what, what waits, and the state of each destination.

    Lag and age come from the broker, so they are told even where no worker runs; the documents, and their secrets, need
    not be at hand.
    """
    with configuration_errors():
        settings = read_settings(config)
    overview = on_cluster(_surveyed(settings))
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(overview), indent=2))
        return
    for table in tables(overview):
        click.echo(click.style(table.title.upper(), bold=True))
        if table.rows:
            print_table(table.heads, table.rows)
        if table.hint:
            click.echo(table.hint)
        click.echo()


async def _surveyed(settings: Settings) -> Overview:
    brokers = settings.kafka.brokers
    await wait_for_broker(brokers, within_seconds=ANSWER_SECONDS)
    place = Place(
        brokers=brokers,
        app=settings.app,
        inputs=tuple(name for _, name in settings.inputs.roles()),
        topic=plan.status(settings.app).name,
        journal=plan.destinations(settings.app).name,
    )
    try:
        async with asyncio.timeout(SURVEY_SECONDS):
            return await survey(place, time.time)
    except TimeoutError as error:
        raise TimeoutError(f"Kafka did not tell everything within {SURVEY_SECONDS:.0f} s") from error
