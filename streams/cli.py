"""The command ``streams``: each command reads its configuration, calls one function, and ends with its exit code.

Exit codes: 0 = done, 1 = a crash or a run that failed, 2 = wrong usage or configuration. What is wrong with a
configuration is told on standard error, all of it at once. What a command does is imported when it is called: the
engine takes a second to load, and ``--help`` does not need it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import orjson
from aiokafka.errors import KafkaError

from streams import __version__
from streams.configuration import documents
from streams.configuration.references import References
from streams.configuration.settings import ConfigurationError, Settings, load, masked
from streams.destinations import Destination
from streams.telemetry import logs
from streams.topics import provision
from streams.topics.plan import TopicError

T = TypeVar("T")

DEFAULT_CONFIG = Path("streams.yaml")
STAGES = ("activation", "delivery")
FAILED, WRONG_CONFIGURATION = 1, 2
EXIT_CODES = "Exit codes: 0 done; 1 a crash, or a run that failed; 2 wrong usage or configuration."

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file; ./streams.yaml if that exists. Every key can also be set as STREAMS_... in the environment.",
)
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="For people, or scripts."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="streams", message="%(prog)s %(version)s")
def main() -> None:
    """An HTTP destination for Kafka.

    Watches who enters and leaves a segment, joins each change with the profile, and posts what a destination asked
    for to its HTTP endpoint: in order per profile, and never lost.
    """


@main.command()
@config_option
@click.option("--stage", type=click.Choice(STAGES), help="Run this stage only; both run otherwise.")
@click.option(
    "--destination", "names", multiple=True, metavar="NAME", help="Deliver this destination only; repeatable."
)
def worker(config: Path | None, stage: str | None, names: tuple[str, ...]) -> NoReturn:
    """Run a worker until it is told to stop (SIGTERM, Ctrl-C)."""
    settings, destinations = _configuration(config)
    if names and stage == "activation":
        raise click.UsageError("--destination chooses what is delivered; --stage activation delivers nothing")
    only = _chosen(names, destinations)
    from streams.worker import run  # noqa: PLC0415 - the engine takes a second to load

    sys.exit(run(settings, destinations, stages=frozenset({stage} if stage else STAGES), only=only, environ=os.environ))


def _chosen(names: Sequence[str], destinations: Sequence[Destination]) -> frozenset[str] | None:
    """Return the names to deliver, None for all; a name that no document has is wrong usage."""
    known = [destination.name for destination in destinations]
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no destination {name!r}; the documents have {', '.join(known) or 'none'}")
    return frozenset(names) or None


@main.command(name="settings", short_help="Show the effective settings, with secrets masked.")
@config_option
@output_option
def show_settings(config: Path | None, output: str) -> None:
    """Show the effective settings, from file and environment, with secrets masked."""
    with _configuration_errors():
        effective = masked(_settings(config))
    if output == "json":
        click.echo(orjson.dumps(effective, option=orjson.OPT_INDENT_2))
        return
    _print_table(("setting", "value"), _flattened(effective))


@main.group(name="topics")
def topics_group() -> None:
    """Check or create the worker's own topics; the inputs are yours."""


@topics_group.command(name="plan")
@config_option
@output_option
def plan_topics(config: Path | None, output: str) -> None:
    """Show what the worker's topics must be and how they are found; ends with 1 where one is wrong."""
    settings, destinations = _configuration(config)
    planned = _on_cluster(provision.plan(settings, destinations))
    if output == "json":
        click.echo(orjson.dumps(planned, option=orjson.OPT_INDENT_2, default=sorted))
    else:
        _print_table(("topic", "partitions", "state", "config"), map(_row, planned))
    problems = [problem for each in planned for problem in each.problems]
    if problems:
        _fail("\n".join(problems))


@topics_group.command(name="apply")
@config_option
def apply_topics(config: Path | None) -> None:
    """Create the worker's topics that are missing; one that is there and wrong is never changed."""
    settings, destinations = _configuration(config)
    created = _on_cluster(provision.apply(settings, destinations))
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("nothing to create")


def _row(planned: provision.Planned) -> tuple[str, ...]:
    topic = planned.topic
    config = " ".join(f"{key}={value}" for key, value in topic.config.items())
    return topic.name, str(topic.partitions), planned.state, config


def _on_cluster(asked: Coroutine[Any, Any, T]) -> T:
    """Run what asks the cluster; end with 1 and why on standard error where it cannot, or must not, be done."""
    logging = logs.configure("WARNING", "console", now=time.time, environ=os.environ)
    try:
        return asyncio.run(asked)
    except (TopicError, KafkaError, TimeoutError) as error:
        _fail(str(error))
    finally:
        logging.close()


def _fail(why: str) -> NoReturn:
    click.echo(why, err=True)
    sys.exit(FAILED)


@main.command(short_help="See it work on this machine, with a broker and an endpoint of its own.")
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


@contextmanager
def _configuration_errors() -> Iterator[None]:
    """End with 2 and every problem on standard error where a configuration is wrong."""
    try:
        yield
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(WRONG_CONFIGURATION)


def _settings(config: Path | None) -> Settings:
    if config is None and DEFAULT_CONFIG.exists():
        config = DEFAULT_CONFIG
    return load(config, os.environ)


def _configuration(config: Path | None) -> tuple[Settings, list[Destination]]:
    with _configuration_errors():
        settings = _settings(config)
        references = References(os.environ, settings.secrets.directory)
        loaded = documents.load_all(settings.documents, references)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    return settings, list(loaded.destinations)


def _flattened(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf under its dotted name, as the error messages write it."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{above}{key}.")
            continue
        yield f"{above}{key}", value if isinstance(value, str) else orjson.dumps(value).decode()


def _print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns, never cut: a script must not read half of a value."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
