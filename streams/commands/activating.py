"""``streams destinations activate``: segments, attributes and identities are added to a destination that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from streams.commands.applying import BEHIND, Applied, apply_plan, show
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.options import author, timeout_option, wait_option
from streams.commands.shared import config_option, configuration_errors, on_cluster, output_option, read_settings
from streams.configuration.documents import examine_one
from streams.configuration.problems import ConfigurationError
from streams.configuration.settings import Settings
from streams.configuration.stored import located
from streams.registry.additions import Additions, added
from streams.registry.applying import standing_of
from streams.registry.opening import opened
from streams.registry.plans import plan
from streams.registry.records import DESTINATION
from streams.registry.registry import RegistryError


@click.command(
    short_help="Add segments and attributes to a destination.",
    epilog=epilog(
        "streams destinations activate crm --segment 59bd2fkd --attribute person.email",
        "streams destinations activate crm --segment own:readers --attribute personEmail.address=contact.email",
        "streams destinations activate crm --mandatory crmId --marketing-action 'Email Targeting'",
        "streams destinations activate ads --hashed person.email --key person.email --hashed-identity email",
        done="it is in force, and every live worker follows",
        failed=f"{BEHIND}; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name; the document would be wrong",
    ),
)
@click.argument("name")
@click.option("--segment", "segments", multiple=True, metavar="[NS:]ID", help="A segment's id; repeatable.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="SOURCE[=TARGET]", help="An attribute's path; repeatable."
)
@click.option(
    "--mandatory",
    multiple=True,
    metavar="SOURCE[=TARGET]",
    help="An attribute without which an entry waits; repeatable.",
)
@click.option(
    "--hashed", multiple=True, metavar="SOURCE[=TARGET]", help="An attribute that is sent as its SHA-256; repeatable."
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="SOURCE[=TARGET]",
    help="An attribute that is a deduplication key: a withdrawal carries it; repeatable.",
)
@click.option(
    "--identity", "identities", multiple=True, metavar="NS[=TARGET]", help="A namespace of identities; repeatable."
)
@click.option(
    "--hashed-identity",
    "hashed_identities",
    multiple=True,
    metavar="NS[=TARGET]",
    help="One whose ids are sent as their SHA-256; repeatable.",
)
@click.option(
    "--required-identity",
    "required_identities",
    multiple=True,
    metavar="NS",
    help="A namespace for an identity of which an entry waits; repeatable.",
)
@click.option("--marketing-action", "actions", multiple=True, help="What the data is sent for; repeatable.")
@config_option
@timeout_option
@wait_option
@output_option
def activate(
    name: str,
    segments: Sequence[str],
    attributes: Sequence[str],
    mandatory: Sequence[str],
    hashed: Sequence[str],
    keys: Sequence[str],
    identities: Sequence[str],
    hashed_identities: Sequence[str],
    required_identities: Sequence[str],
    actions: Sequence[str],
    config: Path | None,
    timeout: float,
    wait: bool,
    output: str,
) -> None:
    """Add segments, attributes, identities and marketing actions: the second step after a destination without segments.

    What is there already stays as it is. An id that holds a colon is written with its namespace: ups:a:b. What names
    the same attribute several times, such as --mandatory and --key, asks all of it of the one. Where no identities are
    selected yet, which sends all of them, --identity and --hashed-identity begin the selection.
    """
    additions = Additions(
        segments=tuple(map(_segment, segments)),
        attributes=(
            *_mapped("source", attributes),
            *_mapped("source", mandatory, mandatory=True),
            *_mapped("source", hashed, hash="sha256"),
            *_mapped("source", keys, deduplicationKey=True),
        ),
        identities=(*_mapped("namespace", identities), *_mapped("namespace", hashed_identities, hash="sha256")),
        required_identities=tuple(required_identities),
        marketing_actions=tuple(actions),
    )
    if additions == Additions():
        raise click.UsageError("say what to add, such as --segment, --attribute or --identity: --help lists all")
    with configuration_errors():
        settings = read_settings(config)
    show(on_cluster(_activated(settings, name, additions, timeout if wait else None)), output)


def _segment(text: str) -> dict[str, Any]:
    namespace, colon, id_ = text.partition(":")
    return {"id": id_, "namespace": namespace} if colon else {"id": text}


def _mapped(key: str, texts: Sequence[str], **asked: object) -> Iterator[dict[str, Any]]:
    for text in texts:
        source, equals, target = text.partition("=")
        yield {key: source, **({"target": target} if equals else {}), **asked}


async def _activated(settings: Settings, name: str, additions: Additions, timeout_seconds: float | None) -> Applied:
    async with opened(settings) as registry:
        base = in_force(registry, DESTINATION, name)
        document = located(added(base.document, additions), f"destination {name}")
        standing = standing_of(registry)
        found = examine_one(document, standing.accounts, standing.governing)
        for warning in found.warnings:
            click.echo(f"warning: {warning}", err=True)
        if found.problems:
            raise ConfigurationError(found.problems)
        decided = plan(found.given, standing, author())
        if decided.refusals:
            raise RegistryError("\n".join(decided.refusals))
        return await apply_plan(settings, registry, decided, timeout_seconds)
