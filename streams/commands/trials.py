"""``streams destinations test``: destinations are tried step by step before they are trusted."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands.helps import epilog
from streams.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    WRONG_CONFIGURATION,
    config_option,
    configuration_errors,
    output_option,
    read_settings,
)
from streams.configuration.documents import examine
from streams.configuration.names import masked_url
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.destinations import Destination
from streams.endpoints.addresses import Network
from streams.endpoints.egress import Egress
from streams.endpoints.samples import sample_of
from streams.endpoints.steps import SampleRequest, Step, Target
from streams.endpoints.trial import Clocks, Trial


@click.command(
    epilog=epilog(
        "streams destinations test documents/crm.yaml",
        "streams destinations test documents/ --no-deliver --output json",
        done="every step passed",
        failed="a step failed",
        wrong="wrong usage, settings or documents",
    )
)
@click.argument("what", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@config_option
@click.option(
    "--deliver/--no-deliver", default=True, show_default=True, help="Whether a sample is posted to the endpoint."
)
@output_option
def test(what: Sequence[Path], config: Path | None, deliver: bool, output: str) -> None:
    """Try destinations before they are trusted, each step by itself, shown as it ends.

    The steps: the endpoint's name, the egress policy, a connection, TLS; the same for the token server, then a token;
    then one sample delivery. It is made of the destination's segments and attributes, with values that say
    "streams-sample", and is shown before it is sent.

    FILES are files of documents, or folders of them; without any, those that the settings name. It tries them from
    here: run it where the worker runs, with its settings (egress.allow, secrets).
    """
    destinations, allow = _chosen(what, config)
    passed = asyncio.run(try_all(destinations, allow, deliver=deliver, show=_Json() if output == "json" else Lines()))
    if not passed:
        sys.exit(FAILED)


def _chosen(what: Sequence[Path], config: Path | None) -> tuple[Sequence[Destination], Sequence[Network]]:
    """Return the destinations to try, and what the settings let through; ends with 2 where something is wrong."""
    settings = _settings(config)
    if not (paths := what or (settings.documents if settings else ())):
        raise click.UsageError(f"name files of documents, or settings that do: there is no {DEFAULT_CONFIG} here")
    found = examine(paths, References(os.environ, settings.secrets.directory if settings else None))
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    if found.errors:
        for problem in found.errors:
            click.echo(str(problem), err=True)
        sys.exit(WRONG_CONFIGURATION)
    if not found.destinations:
        raise click.UsageError("there is no destination in these documents")
    return found.destinations, settings.egress.allow if settings else ()


def _settings(config: Path | None) -> Settings | None:
    if config is None and not DEFAULT_CONFIG.exists():
        return None
    with configuration_errors():
        return read_settings(config)


class Lines:
    """Shows steps for people, as they end."""

    def __init__(self, *, err: bool = False) -> None:
        self._err, self._target = err, ("", "")

    def step(self, destination: Destination, step: Step) -> None:
        """Show one."""
        if (target := (destination.name, step.target.value)) != self._target:
            self._target = target
            self._echo(f"{destination.name}, {_place(destination, step.target)}")
        seconds = f"{step.seconds * 1000:.0f} ms"
        self._echo(f"  {step.name:<10} {step.result:<7} {seconds:>8}   {step.what}")
        if step.remedy:
            self._echo(f"{'':<31}-> {step.remedy}")
        if step.request is not None:
            for line in _lines(step.request):
                self._echo(f"    {line}")

    def end(self) -> None:
        """Show that there is no more."""

    def _echo(self, text: str) -> None:
        click.echo(text, err=self._err)


class _Json:
    """Keeps steps, and shows them at the end for scripts."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Any]] = {}

    def step(self, destination: Destination, step: Step) -> None:
        """Keep one."""
        told = self._told.setdefault(destination.name, {"name": destination.name, "passed": True, "steps": []})
        told["steps"].append(_told(step))
        told["passed"] = told["passed"] and not step.failed

    def end(self) -> None:
        """Show them all."""
        click.echo(orjson.dumps(list(self._told.values()), option=orjson.OPT_INDENT_2))


async def try_all(
    destinations: Sequence[Destination], allow: Sequence[Network], *, deliver: bool, show: Lines | _Json
) -> bool:
    """Try one destination after the other, and show each step; return whether none failed."""
    egress, clocks = Egress(allow), Clocks(now=time.time, monotonic=time.monotonic)
    passed = True
    for destination in destinations:
        sample = sample_of(destination, id_=str(uuid.uuid4()), now_ms=int(time.time() * 1000)) if deliver else None
        async for step in Trial(destination, egress, sample, clocks).steps():
            show.step(destination, step)
            passed = passed and not step.failed
    show.end()
    return passed


def _place(destination: Destination, target: Target) -> str:
    credentials = destination.account.credentials
    if target is Target.TOKEN_SERVER and credentials is not None:
        return f"token server {masked_url(credentials.token_url)}"
    return f"endpoint {masked_url(destination.account.http_endpoint)}"


def _lines(request: SampleRequest) -> list[str]:
    headers = [f"{name}: {value}" for name, value in request.headers]
    body = orjson.dumps(orjson.loads(request.body), option=orjson.OPT_INDENT_2).decode()
    return [f"POST {masked_url(request.url)}", *headers, "", *body.splitlines(), ""]


def _told(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {"target": step.target, "step": step.name, "result": step.result, "what": step.what}
    told |= {"remedy": step.remedy, "seconds": round(step.seconds, 4)}
    if (request := step.request) is not None:
        told["request"] = {
            "method": "POST",
            "url": masked_url(request.url),
            "headers": dict(request.headers),
            "body": orjson.loads(request.body),
        }
    return told
