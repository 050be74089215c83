"""``streams destinations test``: destinations are tried step by step before they are trusted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from streams.commands.helps import UNREACHED, epilog
from streams.commands.known import in_force
from streams.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    config_option,
    on_cluster,
    output_option,
    read_settings,
)
from streams.commands.trying import Json, Lines, resolved, try_all
from streams.configuration.documents import examine
from streams.configuration.names import is_document_name
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.destinations import Destination
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION


@click.command(
    epilog=epilog(
        "streams destinations test documents/crm.yaml",
        "streams destinations test crm --no-deliver --output json",
        done="every step passed",
        failed=f"a step failed; {UNREACHED}, where a destination is named",
        wrong="wrong usage, settings or documents; no destination has this name",
    )
)
@click.argument("what", nargs=-1, metavar="[NAME|FILE]...")
@config_option
@click.option(
    "--deliver/--no-deliver", default=True, show_default=True, help="Whether a sample is posted to the endpoint."
)
@output_option
def test(what: Sequence[str], config: Path | None, deliver: bool, output: str) -> None:
    """Try destinations before they are trusted, each step by itself, shown as it ends.

    The steps: the endpoint's name, the egress policy, a connection, TLS; the same for the token server, then a token;
    then one sample delivery. It is made of the destination's segments and attributes, with values that say
    "streams-sample", and is shown before it is sent.

    NAME is a destination in force; FILE is a file of documents, or a folder of them. Without any, the documents that
    the settings name are tried. It tries them from here: run it where the worker runs, with its settings (egress.allow,
    secrets).
    """
    settings = _settings(config)
    files = [Path(each) for each in what if not _is_name(each)]
    destinations = [*_in_force(settings, [each for each in what if _is_name(each)])]
    if files or not what:
        destinations += _in_files(settings, files)
    allow = settings.egress.allow if settings else ()
    passed = asyncio.run(try_all(destinations, allow, deliver=deliver, show=Json() if output == "json" else Lines()))
    if not passed:
        sys.exit(FAILED)


def _is_name(text: str) -> bool:
    """Whether a destination is meant, and not a file: one that is there is one."""
    return is_document_name(text) and not Path(text).exists()


def _in_force(settings: Settings | None, names: Sequence[str]) -> Sequence[Destination]:
    """Return the destinations that are called so, as they are in force, with the secrets that are found here."""
    if not names:
        return []
    if settings is None:
        named = ", ".join(names)
        raise click.UsageError(f"{named}: no such file, and there are no settings that say where destinations are")
    return on_cluster(_stored(settings, names))


async def _stored(settings: Settings, names: Sequence[str]) -> Sequence[Destination]:
    async with looked_at(settings) as registry:
        return resolved(settings, [in_force(registry, DESTINATION, name) for name in names])


def _in_files(settings: Settings | None, files: Sequence[Path]) -> Sequence[Destination]:
    """Return the destinations in *files*; ends with 2 where something is wrong."""
    if not (paths := files or (settings.documents if settings else ())):
        raise click.UsageError(f"name destinations or files of documents: there is no {DEFAULT_CONFIG} that does")
    found = examine(paths, References(os.environ, settings.secrets.directory if settings else None))
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    if found.errors:
        raise ConfigurationError(found.errors)
    if not found.destinations:
        raise click.UsageError("there is no destination in these documents")
    return found.destinations


def _settings(config: Path | None) -> Settings | None:
    if config is None and not DEFAULT_CONFIG.exists():
        return None
    return read_settings(config)
