"""The command ``streams``: each command reads its configuration, calls one function, and ends with its exit code.

Exit codes: 0 = done, 1 = a crash or a run that failed, 2 = wrong usage or configuration. What is wrong with a
configuration is told on standard error, all of it at once. What a command does is imported when it is called: the
engine takes a second to load, and ``--help`` does not need it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson

from streams import __version__
from streams.commands.accounts import accounts
from streams.commands.dead_letters import dead_letters
from streams.commands.destinations import destinations
from streams.commands.endings import Commands
from streams.commands.explaining import explain
from streams.commands.gaps import gaps
from streams.commands.helps import epilog
from streams.commands.inputs import inputs
from streams.commands.policies import policies
from streams.commands.re_exporting import re_export
from streams.commands.seen import attributes, segments
from streams.commands.shared import (
    checked,
    config_option,
    configuration_errors,
    output_option,
    print_table,
    read_settings,
    read_settings_with_origins,
)
from streams.commands.simulating import simulate
from streams.commands.status import status
from streams.commands.topics import topics
from streams.configuration.names import is_document_name
from streams.configuration.schema import schema as document_schema
from streams.configuration.settings import masked

STAGES = ("activation", "delivery")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "streams demo",
        "streams worker --config streams.yaml",
        failed="a crash, a run that failed, or Ctrl-C where it is not the way to end",
    ),
)
@click.version_option(__version__, prog_name="streams", message="%(prog)s %(version)s")
def main() -> None:
    """An HTTP destination for Kafka.

    Watches who enters and leaves a segment, joins each change with the profile, and posts what a destination asked
    for to its HTTP endpoint: in order per profile, and never lost.
    """


@main.command(
    epilog=epilog(
        "streams worker --config streams.yaml",
        "streams worker --stage delivery --destination crm",
        done="stopped as told",
        failed="a crash: start it again, nothing is lost",
        wrong="wrong usage, or it cannot start: settings, documents, topics, a port or a directory; its last line "
        "says why",
    )
)
@config_option
@click.option("--stage", type=click.Choice(STAGES), help="Run this stage only; both run otherwise.")
@click.option(
    "--destination",
    "names",
    multiple=True,
    metavar="NAME",
    help="Deliver this destination only; repeatable. One that no document in force has is waited for.",
)
def worker(config: Path | None, stage: str | None, names: tuple[str, ...]) -> NoReturn:
    """Run a worker until it is told to stop (SIGTERM, Ctrl-C)."""
    if names and stage == "activation":
        raise click.UsageError("--destination chooses what is delivered; --stage activation delivers nothing")
    if wrong := [name for name in names if not is_document_name(name)]:
        raise click.UsageError(f"no destination can be called {wrong[0]!r}; a name matches [a-z0-9-]{{1,63}}")
    stages = frozenset({stage} if stage else STAGES)
    with configuration_errors():
        settings = read_settings(config)
        warnings = checked(settings, secrets="delivery" in stages)
    from streams.worker import run  # noqa: PLC0415 - the engine takes a second to load

    sys.exit(run(settings, stages=stages, only=frozenset(names) or None, environ=os.environ, warnings=warnings))


@main.command(
    name="settings",
    short_help="Show the effective settings, with secrets masked.",
    epilog=epilog("streams settings", "streams settings --config streams.yaml --output json"),
)
@config_option
@output_option
def show_settings(config: Path | None, output: str) -> None:
    """Show the effective settings, from file and environment, with secrets masked.

    The table also shows where each comes from: a line of the file, a variable, or the default.
    """
    with configuration_errors():
        settings, origins = read_settings_with_origins(config)
    effective = masked(settings)
    if output == "json":
        click.echo(orjson.dumps(effective, option=orjson.OPT_INDENT_2))
        return
    rows = ((name, value, _origin(name, origins)) for name, value in _flattened(effective))
    print_table(("setting", "value", "from"), rows)


@main.command(
    short_help="See it work on this machine, with a broker and an endpoint of its own.",
    epilog=epilog(
        "streams demo",
        "streams demo --once --output json",
        done="the sample was delivered and the books close, or Ctrl-C came where it was to last until then",
        failed="anything else",
        wrong="wrong usage",
    ),
)
@click.option("--once", is_flag=True, help="End when the sample is delivered, as where the output is no terminal.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: one object per received request on standard output, everything else on standard error.",
)
def demo(once: bool, output: str) -> NoReturn:
    """See it work: a broker, a token server and a mock endpoint on this machine, a worker, and sample records.

    Everything runs on loopback and ends with the demo, which leaves no process and no file behind. It runs until
    Ctrl-C, so that you can look around; with --once, or where the output is no terminal, it ends with 0 when the
    sample is delivered and the books close.
    """
    from streams.demo.run import run  # noqa: PLC0415 - its broker and servers take a second, too

    sys.exit(run(once=once or not sys.stdout.isatty(), json_lines=output == "json", environ=os.environ))


def _origin(name: str, origins: Mapping[str, str]) -> str:
    """Return where the value called *name* comes from; a part of a value comes from where that does."""
    while name not in origins:
        name = name.rpartition(".")[0]
    return origins[name]


def _flattened(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf under its dotted name, as the error messages write it."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{above}{key}.")
            continue
        yield f"{above}{key}", value if isinstance(value, str) else orjson.dumps(value).decode()


@main.command(
    short_help="Print the JSON Schema of documents, for editors.",
    epilog=epilog("streams schema > documents.schema.json", wrong="wrong usage"),
)
def schema() -> None:
    """Print the JSON Schema of documents, by which an editor checks and completes them as they are written.

    It knows each document by itself; `streams destinations check` also knows what stands between them.
    """
    click.echo(orjson.dumps(document_schema(), option=orjson.OPT_INDENT_2))


main.add_command(accounts)
main.add_command(attributes)
main.add_command(dead_letters)
main.add_command(destinations)
main.add_command(explain)
main.add_command(gaps)
main.add_command(inputs)
main.add_command(policies)
main.add_command(re_export)
main.add_command(segments)
main.add_command(simulate)
main.add_command(status)
main.add_command(topics)
