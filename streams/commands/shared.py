"""What every command needs: its options, its configuration, its way to print and its exit code."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from streams.commands.endings import FAILED as FAILED
from streams.commands.endings import WRONG_CONFIGURATION as WRONG_CONFIGURATION
from streams.configuration.documents import examine
from streams.configuration.problems import Problem
from streams.configuration.reading import is_elsewhere
from streams.configuration.references import References
from streams.configuration.settings import ConfigurationError, Settings, load_with_origins
from streams.telemetry import logs

T = TypeVar("T")

DEFAULT_CONFIG = Path("streams.yaml")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file; ./streams.yaml if that exists. Every key can also be set as STREAMS_... in the environment.",
)
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="For people, or scripts."
)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """End with 2 and every problem on standard error where a configuration is wrong."""
    try:
        yield
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(WRONG_CONFIGURATION)


def read_settings(config: Path | None) -> Settings:
    """Return the settings of *config*, or of ./streams.yaml if that exists; raises ConfigurationError."""
    return read_settings_with_origins(config)[0]


def read_settings_with_origins(config: Path | None) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and by dotted name where each comes from; raises ConfigurationError."""
    if config is None and DEFAULT_CONFIG.exists():
        config = DEFAULT_CONFIG
    return load_with_origins(config, os.environ)


def checked(settings: Settings, *, secrets: bool) -> Sequence[Problem]:
    """Return what the documents that the settings name probably do not mean; raises ConfigurationError.

    An account that no file has may be in force, which is seen on the cluster. *secrets* = they must be found here.
    """
    found = examine(settings.documents, References(os.environ, settings.secrets.directory))
    errors = [each for each in (found.errors if secrets else found.problems) if not is_elsewhere(each)]
    if errors:
        raise ConfigurationError(errors)
    return found.warnings


def on_cluster(asked: Coroutine[Any, Any, T]) -> T:
    """Run what asks the cluster; what it raises where it cannot, or must not, be done ends the command."""
    logging = logs.configure("WARNING", "console", now=time.time, environ=os.environ)
    try:
        return asyncio.run(asked)
    finally:
        logging.close()


def fail(why: str, code: int = FAILED) -> NoReturn:
    """End with *code* and *why* on standard error."""
    click.echo(why, err=True)
    sys.exit(code)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns, never cut: a script must not read half of a value."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
