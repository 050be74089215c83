"""``streams topics``: the worker's own topics, checked or created."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.shared import (
    WRONG_CONFIGURATION,
    checked,
    config_option,
    configuration_errors,
    fail,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.settings import Settings
from streams.registry.expected import expected
from streams.topics import provision

WRONG = f"{WRONG_OR_REFUSED}; or topics that are wrong, each told with what mends it"


@click.group(epilog=epilog("streams topics plan", failed=UNREACHED, wrong=WRONG))
def topics() -> None:
    """Check or create the worker's own topics; the inputs are yours, and never created or changed."""


@topics.command(
    epilog=epilog(
        "streams topics plan",
        "streams topics plan --output json",
        done="each is there and right, or can be created",
        failed=UNREACHED,
        wrong=WRONG,
    )
)
@config_option
@output_option
def plan(config: Path | None, output: str) -> None:
    """Show what the worker's topics must be and how they are found, changing nothing."""
    planned, doubts = on_cluster(_planned(_settings(config)))
    if output == "json":
        click.echo(orjson.dumps(planned, option=orjson.OPT_INDENT_2, default=sorted))
    else:
        print_table(("topic", "partitions", "state", "config"), map(_row, planned))
    _warn(doubts)
    problems = [problem for each in planned for problem in each.problems]
    if problems:
        fail("\n".join(problems), WRONG_CONFIGURATION)


@topics.command(
    epilog=epilog(
        "streams topics apply",
        "streams topics apply --output json",
        done="all are there, some of them since now",
        failed=UNREACHED,
        wrong=f"{WRONG}, and nothing was created",
    )
)
@config_option
@output_option
def apply(config: Path | None, output: str) -> None:
    """Create the worker's topics that are missing; one that is there and wrong is never changed."""
    created, doubts = on_cluster(_applied(_settings(config)))
    if output == "json":
        click.echo(orjson.dumps({"created": created}, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(f"created {name}" for name in created) or "nothing to create")
    _warn(doubts)


def _settings(config: Path | None) -> Settings:
    """Return the settings, whose documents are legal as far as that can be seen here; ends with 2 otherwise."""
    with configuration_errors():
        settings = read_settings(config)
        for warning in checked(settings, secrets=False):
            click.echo(f"warning: {warning}", err=True)
    return settings


async def _planned(settings: Settings) -> tuple[list[provision.Planned], list[str]]:
    return await provision.plan(settings, await expected(settings)), await provision.doubts(settings)


async def _applied(settings: Settings) -> tuple[list[str], list[str]]:
    return await provision.apply(settings, await expected(settings)), await provision.doubts(settings)


def _warn(doubts: Sequence[str]) -> None:
    for doubt in doubts:
        click.echo(f"warning: {doubt}", err=True)


def _row(planned: provision.Planned) -> tuple[str, ...]:
    topic = planned.topic
    config = " ".join(f"{key}={value}" for key, value in topic.config.items())
    return topic.name, str(topic.partitions), planned.state, config
