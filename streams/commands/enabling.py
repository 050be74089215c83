"""``streams policies enable`` and ``disable``: whether a policy is in force; a shipped one is by its name alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.commands.applying import Applied, apply_plan, show
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import unknown
from streams.commands.options import author, timeout_option, wait_option
from streams.commands.shared import config_option, configuration_errors, on_cluster, output_option, read_settings
from streams.configuration.documents import examine_one
from streams.configuration.problems import ConfigurationError
from streams.configuration.settings import Settings
from streams.configuration.stored import located
from streams.governance.core import CORE_POLICIES
from streams.registry.applying import standing_of
from streams.registry.opening import opened
from streams.registry.plans import plan
from streams.registry.records import POLICY
from streams.registry.registry import Registry, RegistryError

FAILED = f"a worker has not followed in time; another operator was faster; {UNREACHED}"
UNKNOWN = f"{WRONG_OR_REFUSED}; no policy has this name"


@click.command(
    short_help="Let a policy be in force.",
    epilog=epilog(
        "streams policies enable core-third-party",
        done="it is in force, and every live worker follows",
        failed=FAILED,
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@config_option
@timeout_option
@wait_option
@output_option
def enable(name: str, config: Path | None, timeout: float, wait: bool, output: str) -> None:
    """Let a policy be in force, and tell which destinations it forbids: they stop, and what they miss is owed to them.

    A shipped policy needs no document: enabling it writes one.
    """
    _changed(name, "enabled", config, timeout if wait else None, output)


@click.command(
    short_help="Let a policy be in force no more.",
    epilog=epilog(
        "streams policies disable core-third-party",
        done="it is not in force, and every live worker follows",
        failed=FAILED,
        wrong=UNKNOWN,
    ),
)
@click.argument("name")
@config_option
@timeout_option
@wait_option
@output_option
def disable(name: str, config: Path | None, timeout: float, wait: bool, output: str) -> None:
    """Let a policy be in force no more, and tell which destinations are allowed by that: they go on by themselves."""
    _changed(name, "disabled", config, timeout if wait else None, output)


def _changed(name: str, status: str, config: Path | None, timeout_seconds: float | None, output: str) -> None:
    with configuration_errors():
        settings = read_settings(config)
    show(on_cluster(_applied(settings, name, status, timeout_seconds)), output)


async def _applied(settings: Settings, name: str, status: str, timeout_seconds: float | None) -> Applied:
    async with opened(settings) as registry:
        document = {**_document(registry, name), "status": status}
        standing = standing_of(registry)
        found = examine_one(located(document, f"policy {name}"), standing.accounts, standing.governing)
        if found.problems:
            raise ConfigurationError(found.problems)
        decided = plan(found.given, standing, author())
        if decided.refusals:
            raise RegistryError("\n".join(decided.refusals))
        return await apply_plan(settings, registry, decided, timeout_seconds)


def _document(registry: Registry, name: str) -> dict[str, Any]:
    """Return the document of a policy; that of a shipped one, which may have none, says nothing but its name."""
    version = registry.in_force(POLICY, name)
    if version is not None and version.life != "deleted":
        return version.document
    if name not in CORE_POLICIES:
        raise click.UsageError(unknown(registry, POLICY, name, CORE_POLICIES))
    return {"kind": POLICY, "name": name}
