"""``streams policies evaluate``: what policies forbid a destination in force, or an action with some labels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands import plans
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.shared import (
    FAILED,
    config_option,
    configuration_errors,
    on_cluster,
    output_option,
    read_settings,
)
from streams.configuration.governance_draft import label_flaws
from streams.configuration.governing import Ruled, governed
from streams.configuration.settings import Settings
from streams.configuration.stored import stored_without_secrets
from streams.destinations import Destination
from streams.governance import telling
from streams.governance.core import CORE_POLICIES
from streams.governance.evaluating import Governance, Lineage, Violation, carried, denied
from streams.governance.evaluating import evaluate as evaluated
from streams.governance.policies import written
from streams.registry.applying import standing_of
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION
from streams.registry.registry import Registry


@click.command(
    short_help="Tell what policies forbid, and why.",
    epilog=epilog(
        "streams policies evaluate --destination crm",
        "streams policies evaluate --destination crm --disabled --output json",
        "streams policies evaluate --action 'Export to Third Party' --label C2 --label I1",
        done="nothing is violated",
        failed=f"a policy is violated; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name",
    ),
)
@click.option("--destination", "name", metavar="NAME", help="A destination in force, with the labels that it is sent.")
@click.option("--action", help="A marketing action, for data with the labels that are given.")
@click.option("--label", "labels", multiple=True, help="A label of that data; repeatable.")
@click.option("--disabled", is_flag=True, help="Go by all policies, be they disabled: what would they forbid?")
@config_option
@output_option
def evaluate(
    name: str | None, action: str | None, labels: Sequence[str], disabled: bool, config: Path | None, output: str
) -> None:
    """Tell what policies in force forbid a destination, with the whole way from each label to the action.

    Or, with --action and --label, which of them deny data with these labels to that action.
    """
    if (name is None) == (action is None):
        raise click.UsageError("say --destination NAME, or --action ACTION with some --label LABEL")
    if (action is None) != (not labels):
        raise click.UsageError("--action ACTION and --label LABEL stand together")
    for flaw in (flaw for label in labels for flaw in label_flaws(label)):
        raise click.UsageError(f"--label {flaw.what}; {flaw.remedy}")
    with configuration_errors():
        settings = read_settings(config)
    if name is not None:
        _tell_destination(*on_cluster(_of_destination(settings, name, disabled=disabled)), output)
    else:
        _tell_action(str(action), labels, on_cluster(_governance(settings, disabled=disabled)), output)


async def _of_destination(settings: Settings, name: str, *, disabled: bool) -> tuple[Destination, Governance]:
    async with looked_at(settings) as registry:
        version = in_force(registry, DESTINATION, name)
        with configuration_errors():
            return stored_without_secrets(version), _rules(registry, disabled=disabled)


async def _governance(settings: Settings, *, disabled: bool) -> Governance:
    async with looked_at(settings) as registry:
        return _rules(registry, disabled=disabled)


def _rules(registry: Registry | None, *, disabled: bool) -> Governance:
    """Return what is in force; with *disabled* all policies are, the shipped ones, too."""
    known = governed({} if registry is None else standing_of(registry).governing)
    if not disabled:
        return known.governance
    ours = {each.policy.name: each.policy for each in known.read.values() if isinstance(each, Ruled)}
    return replace(known.governance, policies=tuple({**CORE_POLICIES, **ours}.values()))


def _tell_destination(destination: Destination, governance: Governance, output: str) -> None:
    found, labels = evaluated(destination, governance), carried(destination, governance)
    if output == "json":
        told = {
            "destination": destination.name,
            "marketingActions": list(destination.marketing_actions),
            "labels": list(map(plans.lineage, labels)),
            "violations": [plans.violation(each) for each in found],
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _print(destination, found, labels)
    if found:
        sys.exit(FAILED)


def _print(destination: Destination, found: Sequence[Violation], labels: Sequence[Lineage]) -> None:
    for line in (line for each in found for line in telling.lines(each)):
        click.echo(line)
    if not found:
        present = ", ".join(dict.fromkeys(each.label for each in labels)) or "none"
        click.echo(f"destination {destination.name} violates no policy; labels of what it is sent: {present}")


def _tell_action(action: str, labels: Sequence[str], governance: Governance, output: str) -> None:
    found = denied(action, labels, governance)
    if output == "json":
        told: list[dict[str, Any]] = [
            {"policy": policy.name, "deny": written(policy.deny), "labels": sorted(by)} for policy, by in found
        ]
        all_told = {"marketingAction": action, "labels": list(labels), "violations": told}
        click.echo(orjson.dumps(all_told, option=orjson.OPT_INDENT_2))
    elif found:
        for policy, by in found:
            where = written(policy.deny)
            click.echo(f"policy {policy.name} denies {action} where {where}: {', '.join(sorted(by))}")
    else:
        click.echo(f"no policy denies {action} to data with {', '.join(labels)}")
    if found:
        sys.exit(FAILED)
