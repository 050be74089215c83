"""Destinations tried one after the other, each step shown: for people as it ends, for scripts at the end."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from typing import Any

import click
import orjson

from streams.codes import coded
from streams.configuration.names import masked_url
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.configuration.stored import stored
from streams.destinations import Destination
from streams.endpoints.addresses import Network
from streams.endpoints.egress import Egress
from streams.endpoints.samples import sample_of
from streams.endpoints.steps import SampleRequest, Step, Target
from streams.endpoints.trial import Clocks, Trial
from streams.registry.records import Version


class Lines:
    """Shows steps for people, as they end."""

    def __init__(self, *, err: bool = False) -> None:
        self._err, self._target = err, ("", "")

    def step(self, destination: Destination, step: Step) -> None:
        """Show one."""
        if (target := (destination.name, step.target.value)) != self._target:
            self._target = target
            self._echo(f"{destination.name}, {_place(destination, step.target)}")
        seconds, what = f"{step.seconds * 1000:.0f} ms", coded(step.what, step.code) if step.code else step.what
        self._echo(f"  {step.name:<10} {step.result:<7} {seconds:>8}   {what}")
        if step.remedy:
            self._echo(f"{'':<31}-> {step.remedy}")
        if step.request is not None:
            for line in _lines(step.request):
                self._echo(f"    {line}")

    def end(self) -> None:
        """Show that there is no more."""

    def _echo(self, text: str) -> None:
        click.echo(text, err=self._err)


class Json:
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


def resolved(settings: Settings, versions: Sequence[Version]) -> list[Destination]:
    """Return the destinations that *versions* describe, with the secrets that are found here; or ConfigurationError."""
    references = References(os.environ, settings.secrets.directory)
    return [stored(version, references) for version in versions]


async def try_all(
    destinations: Sequence[Destination], allow: Sequence[Network], *, deliver: bool, show: Lines | Json
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
    told |= {"code": step.code, "remedy": step.remedy, "seconds": round(step.seconds, 4)}
    if (request := step.request) is not None:
        told["request"] = {
            "method": "POST",
            "url": masked_url(request.url),
            "headers": dict(request.headers),
            "body": orjson.loads(request.body),
        }
    return told
