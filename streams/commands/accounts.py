"""``streams accounts``: connections as documents of their own, which destinations name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands.applying import apply_command, plan_command
from streams.commands.catalogue import flat, written
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.options import author
from streams.commands.shared import (
    config_option,
    configuration_errors,
    fail,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.settings import Settings
from streams.registry import edits
from streams.registry.applying import write
from streams.registry.catalogue import masked
from streams.registry.deletion import in_use
from streams.registry.opening import looked_at, opened
from streams.registry.plans import users_of
from streams.registry.records import ACCOUNT, DESTINATION, Version
from streams.registry.registry import Registry, RegistryError

HEADS = ("name", "version", "endpoint", "authorization", "used by", "description")
UNKNOWN = f"{WRONG_OR_REFUSED}; no account has this name"


@click.group(epilog=epilog("streams accounts apply documents/", "streams accounts list"))
def accounts() -> None:
    """Look at, and change, the accounts that destinations name."""


accounts.add_command(plan_command("accounts"))
accounts.add_command(apply_command("accounts"))


@accounts.command(
    name="list",
    epilog=epilog(
        "streams accounts list", "streams accounts list --output json", failed=UNREACHED, wrong=WRONG_OR_REFUSED
    ),
)
@config_option
@output_option
def list_accounts(config: Path | None, output: str) -> None:
    """List the accounts in force, and which destinations use each."""
    with configuration_errors():
        settings = read_settings(config)
    found = on_cluster(_found(settings))
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    elif found:
        print_table(HEADS, map(_row, found))
    else:
        click.echo("no accounts: destinations may hold their own, or name one that 'streams accounts apply FILE' makes")


@accounts.command(
    name="show",
    epilog=epilog("streams accounts show partner", failed=UNREACHED, wrong=UNKNOWN),
)
@click.argument("name")
@config_option
@output_option
def show_account(name: str, config: Path | None, output: str) -> None:
    """Show an account with what may be a key masked, its versions, and which destinations use it."""
    with configuration_errors():
        settings = read_settings(config)
    shown = on_cluster(_shown(settings, name))
    if output == "json":
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        return
    for path, value in flat(shown):
        click.echo(f"{path}: {value}")


@accounts.command(
    epilog=epilog(
        "streams accounts delete partner --yes",
        done="it is deleted",
        failed=f"a destination uses it; another operator was faster; {UNREACHED}",
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@output_option
def delete(name: str, yes: bool, config: Path | None, output: str) -> None:
    """Delete an account that no destination uses."""
    with configuration_errors():
        settings = read_settings(config)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(f"this deletes account {name} for good: say it with --yes")
    if not yes and not click.confirm(f"Delete account {name}?", err=True):
        fail("nothing was changed")
    version = on_cluster(_deleted(settings, name))
    if output == "json":
        click.echo(
            orjson.dumps({"name": name, "deleted": True, "version": version.version}, option=orjson.OPT_INDENT_2)
        )
    else:
        click.echo(f"account {name}: deleted (version {version.version})")


async def _found(settings: Settings) -> list[dict[str, Any]]:
    async with looked_at(settings) as registry:
        return [] if registry is None else list(_told(registry))


def _told(registry: Registry) -> Iterator[dict[str, Any]]:
    destinations = registry.standing(DESTINATION)
    for name, version in sorted(registry.standing(ACCOUNT).items()):
        if version.life != "deleted":
            yield _account(name, version, users_of(name, destinations))


def _account(name: str, version: Version, users: list[str]) -> dict[str, Any]:
    document = masked(version.document)
    return {
        "name": name,
        "version": version.version,
        "endpoint": document.get("httpEndpoint", ""),
        "authorization": f"oauth2 ({document.get('clientCredentialsType', 'body')})"
        if "clientID" in document
        else "none",
        "usedBy": users,
        "description": document.get("description", ""),
    }


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    texts = (", ".join(value) if isinstance(value, list) else str(value) for value in told.values())
    return tuple((text if text.isprintable() else ascii(text)[1:-1]) or "-" for text in texts)


async def _shown(settings: Settings, name: str) -> dict[str, Any]:
    async with looked_at(settings) as registry:
        version = in_force(registry, ACCOUNT, name)
        users = users_of(name, {} if registry is None else registry.standing(DESTINATION))
        history = [] if registry is None else registry.history(ACCOUNT, name)
        return {
            **_account(name, version, users),
            "document": masked(version.document),
            "versions": [written(each) for each in history],
        }


async def _deleted(settings: Settings, name: str) -> Version:
    async with opened(settings) as registry:
        version = in_force(registry, ACCOUNT, name)
        if users := users_of(name, registry.standing(DESTINATION)):
            raise RegistryError(in_use(name, users))
        version = edits.deleted(version, author())
        await write(registry, ACCOUNT, name, version)
        await registry.tidy(ACCOUNT, name)
        return version
