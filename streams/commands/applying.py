"""``plan`` and ``apply``: what documents would change, and that done; documents of any kind alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from streams.codes import Obstacle, coded
from streams.commands import following, plans
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.options import author, timeout_option, wait_option
from streams.commands.shared import config_option, configuration_errors, on_cluster, output_option, read_settings
from streams.commands.trying import Lines, resolved, try_all
from streams.configuration.documents import Findings, examine
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.registry import applying
from streams.registry.awaited import governing
from streams.registry.creation import begin
from streams.registry.opening import looked_at, opened, site_of
from streams.registry.plans import Change, Plan, Standing, plan
from streams.registry.records import DESTINATION, GOVERNING
from streams.registry.registry import Registry, RegistryError
from streams.registry.waiting import Waited

FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path))
REFUSED = "a document cannot be applied as things stand"
BEHIND = (
    "a worker has not followed in time; another operator was faster; a document cannot be applied as things stand, "
    "or fails the test"
)


def plan_command(group: str) -> click.Command:
    """Return ``plan`` for a group of commands."""

    @click.command(
        name="plan",
        short_help="Show what applying documents would change.",
        epilog=epilog(
            f"streams {group} plan documents/",
            f"streams {group} plan crm.yaml --output json",
            done="told, whether or not anything would change",
            failed=f"{REFUSED}; {UNREACHED}",
            wrong=f"{WRONG_OR_REFUSED}; a document is wrong",
        ),
    )
    @FILES
    @config_option
    @output_option
    def command(files: Sequence[Path], config: Path | None, output: str) -> None:
        """Show what applying documents would change, and change nothing.

        FILES are files of documents of any kind, or folders of them; without any, those that the settings name. Each
        key that comes (+), goes (-) or changes (~) is told, whether what was rendered before is withdrawn, and which
        destinations policies forbid then, or allow again, with the way from each label to the action.
        """
        with configuration_errors():
            settings = read_settings(config)
        _show(on_cluster(_planned(settings, files)).changes, output)

    return command


def apply_command(group: str) -> click.Command:
    """Return ``apply`` for a group of commands."""

    @click.command(
        name="apply",
        short_help="Make documents be in force, and wait until the workers follow.",
        epilog=epilog(
            f"streams {group} apply documents/",
            f"streams {group} apply crm.yaml --test --timeout 60",
            done="the documents are in force, and every live worker follows",
            failed=f"{BEHIND}; {UNREACHED}",
            wrong=f"{WRONG_OR_REFUSED}; a document is wrong, and nothing is applied",
        ),
    )
    @FILES
    @config_option
    @click.option("--test", is_flag=True, help="Try what changes first, and apply nothing where a step fails.")
    @timeout_option
    @wait_option
    @output_option
    def command(
        files: Sequence[Path], config: Path | None, test: bool, timeout: float, wait: bool, output: str
    ) -> None:
        """Make documents be in force, and return when every live worker follows; no restart is needed.

        FILES are files of documents of any kind, or folders of them; without any, those that the settings name. What
        is not among them stays as it is. A document that means what is in force changes nothing. A changed account
        changes the destinations that name it. A destination that policies forbid is refused; labels and policies that
        forbid one in force are applied, and it is told. Who has not followed in time is named, with why.
        """
        with configuration_errors():
            settings = read_settings(config)
        applied = on_cluster(apply_files(settings, files, timeout if wait else None, test=test))
        show(applied, output)

    return command


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied, and who follows; *waited* is None where nobody was waited for."""

    changes: Sequence[Change]
    waited: Waited | None


async def _planned(settings: Settings, files: Sequence[Path]) -> Plan:
    async with looked_at(settings) as registry:
        found = _examined(settings, files, registry)
        return _decided(found, registry)


async def apply_files(
    settings: Settings, files: Sequence[Path], timeout_seconds: float | None, *, test: bool = False
) -> Applied:
    """Apply what is in *files*, and wait for the workers unless there is no time-out.

    With *test*, destinations are tried first that would change; raises RegistryError where a step fails.
    """
    async with opened(settings) as registry:
        decided = _decided(_examined(settings, files, registry), registry)
        if test:
            await _try(settings, decided)
        return await apply_plan(settings, registry, decided, timeout_seconds)


async def _try(settings: Settings, decided: Plan) -> None:
    """Try each destination that would change, and show the steps on standard error."""
    changed = resolved(settings, [each.version for each in decided.to_write if each.kind == DESTINATION])
    if not await try_all(changed, settings.egress.allow, deliver=True, show=Lines(err=True)):
        raise RegistryError(coded("nothing was applied: a step failed", Obstacle.STEP_FAILED))


async def apply_plan(settings: Settings, registry: Registry, plan: Plan, timeout_seconds: float | None) -> Applied:
    """Apply *plan*, and wait for the workers unless there is no time-out."""
    site = await site_of(settings)

    async def begun(incarnation: str) -> None:
        await begin(site, incarnation, registry.journal, author().at)

    written = await applying.apply(plan, registry, begun)
    changes = [*plan.changes, *(each for each in written if each not in plan.changes)]
    if timeout_seconds is None:
        return Applied(changes, None)
    wanted = {key: each.version.version for each in changes if (key := _followed_as(each)) is not None}
    documents = [(each.kind, each.name) for each in changes]
    return Applied(changes, await following.followed(settings, registry, wanted, documents, timeout_seconds))


def _followed_as(change: Change) -> str | None:
    """Return what a document is followed as; an account is by the destinations that name it."""
    if change.kind == DESTINATION:
        return f"{change.name}.{change.version.number}"
    return governing(change.kind, change.name) if change.kind in GOVERNING else None


def _examined(settings: Settings, files: Sequence[Path], registry: Registry | None) -> Findings:
    """Return what is in *files*, which name accounts in force, too; raises ConfigurationError with all that is wrong.

    Secrets are not looked up: they are where the workers run.
    """
    standing = _standing(registry)
    found = examine(files or settings.documents, References({}, None), standing.accounts, standing.governing)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    if found.problems:
        raise ConfigurationError(found.problems)
    return found


def _decided(found: Findings, registry: Registry | None) -> Plan:
    decided = plan(found.given, _standing(registry), author())
    if decided.refusals:
        raise RegistryError("\n".join(decided.refusals))
    return decided


def _standing(registry: Registry | None) -> Standing:
    return Standing({}, {}) if registry is None else applying.standing_of(registry)


def _show(changes: Sequence[Change], output: str) -> None:
    if output == "json":
        click.echo(orjson.dumps([plans.told(each) for each in changes], option=orjson.OPT_INDENT_2))
        return
    for line in plans.lines(changes):
        click.echo(line)


def show(applied: Applied, output: str) -> None:
    """Tell what was applied and who follows; end with 1 where a worker does not."""
    waited = applied.waited or Waited()
    if output == "json":
        told: dict[str, Any] = {"changes": [plans.told(each) for each in applied.changes]}
        told["workers"] = None if applied.waited is None else following.told(waited)
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        for change in applied.changes:
            for line in (plans.done(change), *plans.details(change)):
                click.echo(line)
        if applied.waited is not None:
            following.say(waited)
    following.end(waited)
