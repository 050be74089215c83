"""``streams policies list``, ``show`` and ``delete``: what governs destinations, and whom it forbids what."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands import following, plans
from streams.commands.catalogue import flat, written
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force, unknown
from streams.commands.options import author, timeout_option, wait_option
from streams.commands.shared import (
    config_option,
    configuration_errors,
    fail,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.governance_draft import ALL
from streams.configuration.settings import Settings
from streams.governance.policies import written as expression
from streams.governance.telling import ANY_ACTION
from streams.registry import edits
from streams.registry.applying import standing_of, write
from streams.registry.awaited import governing
from streams.registry.changes import Change, Standing
from streams.registry.opening import looked_at, opened
from streams.registry.records import GOVERNING, LABELS, POLICY, SCHEMA, Version
from streams.registry.rulebook import Rule, rules_of
from streams.registry.verdicts import with_verdicts
from streams.registry.waiting import Waited

HEADS = ("name", "status", "denies", "where", "forbids", "description")
OTHERS = {LABELS: ("name", "version", "labels", "description"), SCHEMA: ("name", "version", "paths", "description")}
UNKNOWN = f"{WRONG_OR_REFUSED}; no document of the kind has this name"

kind_option = click.option(
    "--kind",
    type=click.Choice(GOVERNING),
    default=POLICY,
    show_default=True,
    help="Policies, or the labels or union schemas that stand beside them.",
)


@click.command(
    name="list",
    short_help="List policies, labels or union schemas.",
    epilog=epilog(
        "streams policies list",
        "streams policies list --kind labels --output json",
        failed=UNREACHED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@kind_option
@config_option
@output_option
def list_rules(kind: str, config: Path | None, output: str) -> None:
    """List the policies, those that are shipped first, each with its status and the destinations that it forbids.

    A shipped policy is disabled until it is enabled. With --kind labels, or schema, those documents are listed.
    """
    with configuration_errors():
        settings = read_settings(config)
    standing = on_cluster(_standing(settings))
    if kind == POLICY:
        told = [_rule(name, rule) for name, rule in rules_of(standing).items()]
    else:
        told = [_other(kind, name, version) for name, version in _live(standing, kind).items()]
    if output == "json":
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    elif told:
        print_table(OTHERS.get(kind, HEADS), map(_row, told))
    else:
        click.echo(f"no documents of kind: {kind}: streams policies apply FILE makes one")


@click.command(
    name="show",
    short_help="Show a policy with all that it forbids, or labels, or a union schema.",
    epilog=epilog(
        "streams policies show core-third-party",
        "streams policies show customer-data --kind labels --output json",
        failed=UNREACHED,
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@kind_option
@config_option
@output_option
def show_rule(name: str, kind: str, config: Path | None, output: str) -> None:
    """Show a policy: whom it denies what, by which labels, and the destinations that it forbids, with the whole way.

    With --kind labels, or schema, such a document is shown. All are shown with their versions.
    """
    with configuration_errors():
        settings = read_settings(config)
    shown = on_cluster(_shown(settings, kind, name))
    if output == "json":
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        return
    for path, value in flat(shown):
        click.echo(f"{path}: {value}")


@click.command(
    short_help="Delete a policy, labels or a union schema.",
    epilog=epilog(
        "streams policies delete no-c2-to-partners --yes",
        "streams policies delete customer-data --kind labels --yes",
        done="it is deleted, and every live worker follows",
        failed=f"a worker has not followed in time; another operator was faster; {UNREACHED}",
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@kind_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@timeout_option
@wait_option
@output_option
def delete(name: str, kind: str, yes: bool, config: Path | None, timeout: float, wait: bool, output: str) -> None:
    """Delete a policy, labels or a union schema, and tell which destinations are allowed by that.

    A shipped policy is disabled then, as it was shipped.
    """
    with configuration_errors():
        settings = read_settings(config)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(f"this deletes {kind} {name} for good: say it with --yes")
    if not yes and not click.confirm(f"Delete {kind} {name}?", err=True):
        fail("nothing was changed")
    deleted = on_cluster(_deleted(settings, kind, name, timeout if wait else None))
    waited = deleted.waited or Waited()
    if output == "json":
        told = {"kind": kind, "name": name, "deleted": True, "version": deleted.version.version}
        others = [plans.told(each) for each in deleted.changes]
        workers = None if deleted.waited is None else following.told(waited)
        click.echo(orjson.dumps({**told, "changes": others, "workers": workers}, option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"{kind} {name}: deleted (version {deleted.version.version})")
        for line in (line for each in deleted.changes for line in (plans.done(each), *plans.details(each))):
            click.echo(line)
        if deleted.waited is not None:
            following.say(waited)
    following.end(waited)


@dataclass(frozen=True, slots=True)
class _Deleted:
    """What was written, which destinations it concerns, and who follows."""

    version: Version
    changes: Sequence[Change]
    waited: Waited | None


async def _standing(settings: Settings) -> Standing:
    async with looked_at(settings) as registry:
        return Standing({}, {}) if registry is None else standing_of(registry)


def _live(standing: Standing, kind: str) -> Mapping[str, Version]:
    versions = standing.governing.get(kind, {})
    return {name: version for name, version in sorted(versions.items()) if version.life != "deleted"}


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    policy = rule.policy
    return {
        "name": name,
        "status": "enabled" if rule.is_enabled else "disabled",
        "shipped": rule.is_shipped,
        "version": rule.version,
        "marketingActions": ALL if policy.marketing_actions is None else list(policy.marketing_actions),
        "deny": expression(policy.deny),
        "forbids": list(rule.forbids),
        "description": policy.description,
    }


def _row(told: Mapping[str, Any]) -> tuple[str, ...]:
    cells = {key: value for key, value in told.items() if "deny" not in told or key not in {"shipped", "version"}}
    if cells.get("marketingActions") == ALL:
        cells["marketingActions"] = ANY_ACTION
    return tuple(_cell(value) for value in cells.values())


def _cell(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return (text if text.isprintable() else ascii(text)[1:-1]) or "-"


def _other(kind: str, name: str, version: Version) -> dict[str, Any]:
    document = version.document
    told = {"name": name, "version": version.version}
    if kind == LABELS:
        counts = {key: len(document.get(key, ())) for key in ("attributes", "sources", "segments", "identities")}
        told["labels"] = ", ".join(f"{count} {key}" for key, count in counts.items() if count)
    else:
        told["paths"] = "JSON Schema" if "jsonSchema" in document else str(len(document.get("paths", ())))
    return {**told, "description": document.get("description", "")}


async def _shown(settings: Settings, kind: str, name: str) -> dict[str, Any]:
    async with looked_at(settings) as registry:
        standing = Standing({}, {}) if registry is None else standing_of(registry)
        history = [] if registry is None else registry.history(kind, name)
        versions = {"versions": [written(each) for each in history]}
        rule = rules_of(standing).get(name) if kind == POLICY else None
        if rule is not None:
            ways = {at: [plans.violation(each) for each in found] for at, found in rule.forbids.items()}
            return {**_rule(name, rule), "forbids": ways, **versions}
        version = in_force(registry, kind, name)
        return {"name": name, "version": version.version, "document": version.document, **versions}


async def _deleted(settings: Settings, kind: str, name: str, timeout_seconds: float | None) -> _Deleted:
    async with opened(settings) as registry:
        base = registry.in_force(kind, name)
        if base is None or base.life == "deleted":
            raise click.UsageError(unknown(registry, kind, name))
        version = edits.deleted(base, author())
        _, *others = with_verdicts([Change(kind, name, "change", base, version)], standing_of(registry))
        await write(registry, kind, name, version)
        if timeout_seconds is None:
            return _Deleted(version, others, None)
        wanted = {governing(kind, name): version.version}
        return _Deleted(
            version, others, await following.followed(settings, registry, wanted, [(kind, name)], timeout_seconds)
        )
