"""Reads a version of a document as the registry holds it: it becomes a destination, as one of a file does.

What is wrong is named by the document, such as ``destination crm version 7``: who runs a worker has no file of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from streams.configuration.conversion import Conversion
from streams.configuration.located import Node
from streams.configuration.problems import ConfigurationError, Problem
from streams.configuration.reading import account_in, destination_in, refuse_stray_references
from streams.configuration.references import References
from streams.configuration.scalars import Scalar
from streams.destinations import Account, Destination, Segment
from streams.registry.records import Mappings, Version

_NO_SECRETS = References({}, None)


def stored(version: Version, references: References) -> Destination:
    """Return the destination that *version* describes, with its secrets; raises ConfigurationError with all problems.

    ``since: now`` is when the incarnation was created.
    """
    destination, conversion = _read(version, references)
    return _sound(destination, [*conversion.problems, *conversion.unresolved])


def stored_without_secrets(version: Version) -> Destination:
    """Return the destination with empty secrets, for who does not send; raises ConfigurationError with all problems."""
    destination, conversion = _read(version, _NO_SECRETS)
    return _sound(destination, conversion.problems)


def _sound(destination: Destination | None, problems: list[Problem]) -> Destination:
    if destination is None or problems:
        raise ConfigurationError(problems)
    return destination


def _read(version: Version, references: References) -> tuple[Destination | None, Conversion]:
    conversion = Conversion(references, [])
    document = document_node(version.document, version.version)
    refuse_stray_references(document, conversion.problems)
    accounts = {}
    if (named := version.account) is not None:
        accounts[named.name] = _account(document_node(named.document, named.version), conversion)
    destination = destination_in(document, accounts, conversion)
    return (None if destination is None else _as_of(version, destination)), conversion


def _account(document: Node, conversion: Conversion) -> Account | None:
    refuse_stray_references(document, conversion.problems)
    return account_in(document, conversion)


def _as_of(version: Version, destination: Destination) -> Destination:
    return replace(
        destination,
        number=version.number,
        version=version.version,
        since=version.created_at if destination.since == "now" else destination.since,
        min_version=version.min_version,
        pause=version.pause,
        refusals_accepted_at=version.refusals_accepted_at,
        is_draining=version.life == "draining",
        segments=tuple(_as_mapped(segment, version.mapped) for segment in destination.segments),
    )


def _as_mapped(segment: Segment, mapped: Mappings) -> Segment:
    times = mapped.get(segment.namespace, {}).get(segment.id)
    if times is None:
        return segment
    return replace(segment, mapping_created_at=times.created_at, mapping_updated_at=times.updated_at)


def document_node(document: Mapping[str, Any], version: int) -> Node:
    """Return a stored document, whose every part is called by its name and version."""
    return located(document, f"{document.get('kind')} {document.get('name')} version {version}")


def located(value: object, where: str) -> Node:
    """Return a plain value, as JSON has it, whose every part stands at *where*."""
    if isinstance(value, dict):
        return Node(where, {key: located(item, where) for key, item in value.items()})
    if isinstance(value, list):
        return Node(where, [located(item, where) for item in value])
    return Node(where, cast("Scalar", value))
