"""``streams destinations check``: documents are judged on any machine, without Kafka."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands.helps import epilog
from streams.commands.shared import (
    DEFAULT_CONFIG,
    WRONG_CONFIGURATION,
    config_option,
    configuration_errors,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.documents import Findings, examine
from streams.configuration.names import masked_url
from streams.configuration.problems import Problem, in_order
from streams.configuration.references import References
from streams.destinations import Account, Destination
from streams.registry.records import GOVERNING, LABELS, POLICY, SCHEMA

_GOVERNING = {"policies": POLICY, "labels": LABELS, "schemas": SCHEMA}
HEADS = ("kind", "name", "endpoint", "authorization", "headers", "segments", "attributes")


@click.command(
    epilog=epilog(
        "streams destinations check documents/",
        "streams destinations check crm.yaml --output json",
        done="nothing is wrong, though there may be warnings",
        wrong="something is wrong, or wrong usage",
    )
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@config_option
@output_option
def check(files: Sequence[Path], config: Path | None, output: str) -> None:
    """Check documents without Kafka: tell all that is wrong, and what was understood.

    FILES are files of documents, or folders of them; without any, those that the settings name. Destinations are
    judged by the labels, policies and schemas beside them, not by those in force. A secret that is not found here is a
    warning: it may well be where the worker runs. A table is on standard output, what is wrong on standard error; with
    --output json all of it is on standard output.
    """
    found = _examined(files, config)
    if output == "json":
        click.echo(orjson.dumps(_told(found), option=orjson.OPT_INDENT_2))
    else:
        _print(found)
    if found.problems or found.objections:
        sys.exit(WRONG_CONFIGURATION)


def _problems(found: Findings) -> list[Problem]:
    """Return all that is wrong, what governs the documents included."""
    return in_order((*found.problems, *found.objections), found.files)


def _examined(files: Sequence[Path], config: Path | None) -> Findings:
    """Return what is found in *files*; settings are needed only where no file is named, or a secret is one."""
    if config is None and not DEFAULT_CONFIG.exists():
        if not files:
            raise click.UsageError(f"name files of documents, or settings that do: there is no {DEFAULT_CONFIG} here")
        return examine(files, References(os.environ, None))
    with configuration_errors():
        settings = read_settings(config)
    return examine(files or settings.documents, References(os.environ, settings.secrets.directory))


def _print(found: Findings) -> None:
    problems = _problems(found)
    for problem in problems:
        click.echo(str(problem), err=True)
    for warning in (*found.unresolved, *found.warnings):
        click.echo(f"warning: {warning}", err=True)
    rows = list(_rows(found))
    if rows:
        print_table(HEADS, rows)
    click.echo(f"problems: {len(problems)}, warnings: {len(found.unresolved) + len(found.warnings)}", err=True)


def _rows(found: Findings) -> Iterator[tuple[str, ...]]:
    for name, account in found.accounts.items():
        yield ("account", name, masked_url(account.http_endpoint), _authorization(account), "-", "-", "-")
    for each in found.destinations:
        counts = map(str, map(len, (each.headers, each.segments, each.attributes)))
        endpoint = masked_url(each.account.http_endpoint)
        yield ("destination", each.name, endpoint, _authorization(each.account), *counts)
    yield from ((each.kind, each.name, *["-"] * 5) for each in found.given if each.kind in GOVERNING)


def _told(found: Findings) -> dict[str, Any]:
    return {
        "problems": list(map(_problem, _problems(found))),
        "warnings": list(map(_problem, (*found.unresolved, *found.warnings))),
        "accounts": [{"name": name, **_account(account)} for name, account in found.accounts.items()],
        "destinations": list(map(_destination, found.destinations)),
        **{plural: [each.document for each in found.given if each.kind == kind] for plural, kind in _GOVERNING.items()},
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {
        "where": problem.where,
        "key": problem.key,
        "what": problem.what,
        "remedy": problem.remedy,
        "code": problem.code,
    }


def _account(account: Account) -> dict[str, str]:
    return {"endpoint": masked_url(account.http_endpoint), "authorization": _authorization(account)}


def _authorization(account: Account) -> str:
    return "none" if account.credentials is None else f"oauth2 ({account.credentials.style})"


def _destination(destination: Destination) -> dict[str, Any]:
    return {
        "name": destination.name,
        "description": destination.description,
        **_account(destination.account),
        "headers": [header.name for header in destination.headers],
        "marketingActions": destination.marketing_actions,
        "segments": [{"id": each.id, "namespace": each.namespace, "name": each.name} for each in destination.segments],
        "attributes": [
            {"source": ".".join(each.source), "target": ".".join(each.target), "mandatory": each.mandatory}
            for each in destination.attributes
        ],
    }
