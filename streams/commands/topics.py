"""``streams topics``: the worker's own topics, checked or created."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.shared import config_option, fail, on_cluster, output_option, print_table, read_configuration
from streams.topics import provision


@click.group(epilog=epilog("streams topics plan", failed=UNREACHED, wrong=WRONG_OR_REFUSED))
def topics() -> None:
    """Check or create the worker's own topics; the inputs are yours."""


@topics.command(
    epilog=epilog(
        "streams topics plan",
        "streams topics plan --output json",
        done="each is there and right, or can be created",
        failed=f"one is wrong; {UNREACHED}",
        wrong=WRONG_OR_REFUSED,
    )
)
@config_option
@output_option
def plan(config: Path | None, output: str) -> None:
    """Show what the worker's topics must be and how they are found."""
    settings, destinations = read_configuration(config)
    planned = on_cluster(provision.plan(settings, destinations))
    if output == "json":
        click.echo(orjson.dumps(planned, option=orjson.OPT_INDENT_2, default=sorted))
    else:
        print_table(("topic", "partitions", "state", "config"), map(_row, planned))
    problems = [problem for each in planned for problem in each.problems]
    if problems:
        fail("\n".join(problems))


@topics.command(
    epilog=epilog(
        "streams topics apply",
        done="all are there, some of them since now",
        failed=f"one is wrong, and nothing was created; {UNREACHED}",
        wrong=WRONG_OR_REFUSED,
    )
)
@config_option
@output_option
def apply(config: Path | None, output: str) -> None:
    """Create the worker's topics that are missing; one that is there and wrong is never changed."""
    settings, destinations = read_configuration(config)
    created = on_cluster(provision.apply(settings, destinations))
    if output == "json":
        click.echo(orjson.dumps({"created": created}, option=orjson.OPT_INDENT_2))
        return
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("nothing to create")


def _row(planned: provision.Planned) -> tuple[str, ...]:
    topic = planned.topic
    config = " ".join(f"{key}={value}" for key, value in topic.config.items())
    return topic.name, str(topic.partitions), planned.state, config
