"""``streams destinations pause`` and ``resume``: an operator's word on whether a destination is delivered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import orjson

from streams.commands import following
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.options import author, timeout_option, wait_option
from streams.commands.shared import config_option, configuration_errors, on_cluster, output_option, read_settings
from streams.configuration.settings import Settings
from streams.registry import edits
from streams.registry.applying import write
from streams.registry.edits import Author
from streams.registry.opening import opened
from streams.registry.records import DESTINATION, Version
from streams.registry.waiting import Waited

Edit = Callable[[Version, Author], Version | None]
"""The next version of the one in force, or none."""

BEHIND = f"a worker has not followed in time; another operator was faster; {UNREACHED}"
UNKNOWN = f"{WRONG_OR_REFUSED}; no destination has this name"


@click.command(
    short_help="Stop delivering a destination; Kafka keeps what is exported to it.",
    epilog=epilog(
        'streams destinations pause crm --why "they move their servers"',
        done="it is paused, and every live worker follows",
        failed=BEHIND,
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@click.option("--why", required=True, help="The reason, for whoever finds it paused.")
@config_option
@timeout_option
@wait_option
@output_option
def pause(name: str, why: str, config: Path | None, timeout: float, wait: bool, output: str) -> None:
    """Stop delivering a destination until it is resumed.

    It is exported to as before, and Kafka keeps that: nothing is lost, given up or reordered, however long it takes.
    """
    _changed(name, lambda version, by: _paused(version, why, by), config, timeout if wait else None, output)


@click.command(
    short_help="Go on delivering a paused destination.",
    epilog=epilog(
        "streams destinations resume crm",
        done="it is delivered, and every live worker follows",
        failed=BEHIND,
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@click.option(
    "--accept-refusals",
    is_flag=True,
    help="Let the refused exports that wait, since the destination is at fault, end as dead letters.",
)
@config_option
@timeout_option
@wait_option
@output_option
def resume(name: str, accept_refusals: bool, config: Path | None, timeout: float, wait: bool, output: str) -> None:
    """Go on delivering a destination that an operator has paused; one at fault goes on by itself.

    Unless what it refuses is to be refused: with --accept-refusals the workers let the exports that were refused and
    wait by now end as dead letters, and send all requests again at once. A refusal that comes later counts anew.
    """
    edit = partial(edits.resumed, accept_refusals=True) if accept_refusals else _resumed
    _changed(name, edit, config, timeout if wait else None, output)


def _paused(version: Version, why: str, by: Author) -> Version | None:
    return None if version.pause is not None else edits.paused(version, why, by)


def _resumed(version: Version, by: Author) -> Version | None:
    return None if version.pause is None else edits.resumed(version, by)


def _changed(name: str, edit: Edit, config: Path | None, timeout_seconds: float | None, output: str) -> None:
    with configuration_errors():
        settings = read_settings(config)
    version, waited = on_cluster(change(settings, name, edit, timeout_seconds))
    if output == "json":
        told = {"name": name, "version": version.version, "paused": version.pause is not None}
        workers = None if waited is None else following.told(waited)
        click.echo(orjson.dumps({**told, "workers": workers}, option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"destination {name}: {_standing(version)} (version {version.version})")
        if waited is not None:
            following.say(waited)
    following.end(waited or Waited())


def _standing(version: Version) -> str:
    return "not paused" if version.pause is None else f"paused by {version.pause.by}: {version.pause.why}"


async def change(
    settings: Settings, name: str, edit: Edit, timeout_seconds: float | None
) -> tuple[Version, Waited | None]:
    """Write what *edit* makes of the version in force; where it makes nothing of it, that stays as it is."""
    async with opened(settings) as registry:
        version = in_force(registry, DESTINATION, name)
        if (edited := edit(version, author())) is not None:
            version = edited
            await write(registry, DESTINATION, name, version)
        if timeout_seconds is None:
            return version, None
        wanted, documents = {f"{name}.{version.number}": version.version}, [(DESTINATION, name)]
        return version, await following.followed(settings, registry, wanted, documents, timeout_seconds)
