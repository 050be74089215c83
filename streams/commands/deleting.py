"""``streams destinations delete``: a destination is drained, or discarded, and nothing of it stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import click
import orjson

from streams.commands import following
from streams.commands.held import held
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import unknown
from streams.commands.options import author, timeout_option
from streams.commands.progress import Progress
from streams.commands.shared import config_option, configuration_errors, fail, on_cluster, output_option, read_settings
from streams.configuration.settings import Settings
from streams.registry.deletion import Deletion
from streams.registry.opening import opened, site_of
from streams.registry.records import DESTINATION
from streams.registry.waiting import Waited

AGAIN = "say it again to go on"


class Deleted(NamedTuple):
    """What was taken away, and who has not followed; *drained* is None where nothing was waited for."""

    removed: tuple[str, ...]
    waited: Waited
    is_draining: bool = False


@click.command(
    short_help="Delete a destination, its topic and its group.",
    epilog=epilog(
        "streams destinations delete crm --drain --yes",
        "streams destinations delete crm --discard --yes",
        done="it is deleted, or was so already, and nothing of it is left",
        failed=f"a worker has not followed in time, and it goes on when it is said again; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name",
    ),
)
@click.argument("name")
@click.option("--drain", "how", flag_value="drain", help="Deliver first what it was exported; nothing more is.")
@click.option("--discard", "how", flag_value="discard", help="Deliver nothing more: what waits is thrown away.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@timeout_option
@output_option
def delete(name: str, how: str | None, yes: bool, config: Path | None, timeout: float, output: str) -> None:
    """Delete a destination, its topic and its group.

    Say --drain or --discard. Draining waits until all is delivered, however long that takes, and shows how much is
    left; interrupted, it stays draining, and goes on when it is said again. One that is made again under the same name
    begins anew, and gets nothing of this one.
    """
    if how is None:
        raise click.UsageError("say --drain (deliver what waits first) or --discard (throw it away)")
    with configuration_errors():
        settings = read_settings(config)
    _confirm(name, how, yes)
    deleted = on_cluster(_deleted(settings, name, how == "drain", timeout))
    if output == "json":
        state = {"name": name, "deleted": not deleted.waited.laggards, "removed": list(deleted.removed)}
        click.echo(orjson.dumps({**state, "workers": following.told(deleted.waited)}, option=orjson.OPT_INDENT_2))
    else:
        _say(name, deleted)
    following.end(deleted.waited)


def _confirm(name: str, how: str, yes: bool) -> None:
    """Ask, unless that was answered; where nobody can be asked, --yes is wanted."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this deletes destination {name} for good: say it with --yes")
    what = "when all that waits is delivered" if how == "drain" else "with all that waits for it"
    if not click.confirm(f"Delete destination {name}, its topic and its group, {what}?", err=True):
        fail("nothing was changed")


def _say(name: str, deleted: Deleted) -> None:
    if deleted.waited.laggards:
        following.say(deleted.waited)
        click.echo(
            f"destination {name} is {'draining' if deleted.is_draining else 'deleted'}, but it is followed: {AGAIN}"
        )
        return
    left = ", ".join(deleted.removed)
    click.echo(f"destination {name}: deleted{f' ({left})' if left else ', and nothing was left of it'}")


async def _deleted(settings: Settings, name: str, drain: bool, timeout_seconds: float) -> Deleted:
    async with opened(settings) as registry:
        if registry.in_force(DESTINATION, name) is None:
            raise click.UsageError(unknown(registry, DESTINATION, name))
        site, crew = await site_of(settings), following.crew_of(settings)
        deletion = Deletion(site, registry, crew, name, author())
        if drain:
            waited = await deletion.drain(timeout_seconds)
            if waited.laggards:
                return Deleted((), waited, is_draining=True)
            await _drained(deletion)
        waited = await deletion.end(timeout_seconds)
        if waited.laggards:
            return Deleted((), waited)
        return Deleted(tuple(await deletion.remove(timeout_seconds)), waited)


async def _drained(deletion: Deletion) -> None:
    """Wait until all is delivered, and show how much is not."""
    if (why := held(deletion.registry, deletion.name)) is not None:
        click.echo(why, err=True)
    with Progress(f"{deletion.name} is draining") as progress:
        async for left in deletion.undelivered():
            progress.left(left)
