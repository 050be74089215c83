"""``streams inputs``: what the records of the inputs are, told before a worker reads them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import msgspec

from streams.commands.helps import WRONG_OR_REFUSED, epilog
from streams.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    WRONG_CONFIGURATION,
    config_option,
    fail,
    on_cluster,
    output_option,
    print_table,
)
from streams.configuration.settings import Settings, load_incomplete
from streams.sampling.survey import Report, survey
from streams.sampling.table import Table, overlaps_table, table_of
from streams.topics.cluster import wait_for_broker

ANSWER_SECONDS = 10.0
WELL = "every record that was looked at would be read"
ILL = "some would be dead letters, or could not meet the others of their profile; Kafka does not answer, or refuses it"
NEWEST, BEGINNING = "newest", "beginning"


@click.group(epilog=epilog("streams inputs check", done=WELL, failed=ILL, wrong=WRONG_OR_REFUSED))
def inputs() -> None:
    """Look at the inputs, which are yours: nothing is written, nothing committed."""


@inputs.command(
    epilog=epilog(
        "streams inputs check",
        "streams inputs check --from beginning --output json",
        "streams inputs check --topic audience-events --topic customers",
        done=WELL,
        failed=ILL,
        wrong=f"{WRONG_OR_REFUSED}; or inputs that are missing, or whose numbers of partitions differ",
    )
)
@config_option
@click.option("--topic", "topics", multiple=True, help="Look at this topic, declared or not, only; repeatable.")
@click.option(
    "--from",
    "place",
    type=click.Choice([NEWEST, BEGINNING]),
    default=NEWEST,
    show_default=True,
    help="Which records of each partition are looked at.",
)
@click.option(
    "--records", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="How many per topic."
)
@output_option
def check(config: Path | None, topics: tuple[str, ...], place: str, records: int, output: str) -> None:
    """Sample the inputs: format, what would not be read and why, partitioner, key overlap, segments, statuses.

    It needs no destination, and inputs may be declared in part, or not at all: with --topic it tells what a topic seems
    to be, and what to declare. It shows no profile's data: counts, places, names of fields, and segments' ids.
    """
    if config is None and DEFAULT_CONFIG.exists():
        config = DEFAULT_CONFIG
    settings = load_incomplete(config, os.environ)
    if not topics and not any(settings.inputs.roles()):
        raise click.UsageError("no input is declared: name topics with --topic, or declare them under inputs")
    report = on_cluster(_surveyed(settings, topics, records, newest=place == NEWEST))
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        _print(report)
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    if report.wrong:
        fail("\n".join(report.wrong), WRONG_CONFIGURATION)
    if not report.is_well:
        fail("some records would not be read, or not meet the others of their profile: see above", FAILED)


async def _surveyed(settings: Settings, topics: tuple[str, ...], records: int, *, newest: bool) -> Report:
    await wait_for_broker(settings.kafka.brokers, within_seconds=ANSWER_SECONDS)
    return await survey(settings, topics, records, newest=newest, now_ms=int(time.time() * 1000))


def _print(report: Report) -> None:
    tables = [table_of(each, shows_proposal=report.declaration is None) for each in report.inputs]
    if report.overlaps:
        tables.append(overlaps_table(report.overlaps))
    if report.problems:
        tables.append(Table("between the inputs", ("PROBLEM",), [(problem,) for problem in report.problems]))
    for table in tables:
        click.echo(click.style(table.title, bold=True))
        print_table(table.heads, table.rows)
        click.echo(f"\n{table.text}" if table.text else "")
    if report.declaration is not None:
        click.echo(f"what fits, to paste into the settings:\n\n{report.declaration}")
