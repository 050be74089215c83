"""An explanation as lines for people: the decision first, then what it goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from streams.activation.explanation import Explanation, Known, Mapped, Rule
from streams.commands.simulated import export_lines, plain

MOST = 20
"""Memberships that are not mapped are listed up to so many."""


def told(found: Explanation) -> Iterator[str]:
    """Yield the explanation."""
    yield f"profile {found.profile}, partition {found.partition}, revision {found.revision}, at {found.at}"
    yield f"destination {found.destination}, version {found.version}"
    yield from _titled("IF IT WERE SENT NOW", _decision(found))
    yield from _titled("LAST SENT", _last(found))
    yield from _titled("MEMBERSHIPS", _memberships(found.memberships))
    yield from _titled("ATTRIBUTES", _table(map(_attribute, found.attributes)))
    yield from _titled("SOURCES", _sources(found))
    if found.forgotten is not None:
        kept, record = found.forgotten.memberships, found.forgotten.record
        yield from _titled("FORGOTTEN", [f"by {record.place} at {record.timestamp}; {kept} memberships are kept"])


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield click.style(title, bold=True)
    yield from (f"  {line}" for line in lines)


def _decision(found: Explanation) -> Iterator[str]:
    if not found.rules and found.end == "not-triggered":
        yield "not-triggered: the profile was never in a mapped segment"
    else:
        yield found.end if found.exclusion is None else f"{found.end}: {found.exclusion}"
    for rule in found.rules:
        yield from _rule(rule)
    for export in found.exports:
        yield from export_lines(found.destination, export)


def _rule(rule: Rule) -> Iterator[str]:
    details = ", ".join(f"{name} {_shown(value)}" for name, value in rule.details.items())
    yield f"rule {rule.exclusion}: {'forbids it' if rule.forbids else 'allows it'}" + (
        f" ({details})" if details else ""
    )
    if rule.forbids:
        yield f"  {plain(rule.meaning)} {plain(rule.todo)}"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(map(_shown, value)) or "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items()) or "nothing"
    return "nothing" if value is None else str(value)


def _last(found: Explanation) -> Iterator[str]:
    told = found.told
    if told is None:
        yield "nothing, as far as is known"
    else:
        said = '"in"' if told.inside else '"out"'
        trigger = "" if told.trigger is None else f", trigger {told.trigger}"
        yield f"about {told.at}{trigger}, revision {told.revision}; it said {said}"
    if found.owed is not None:
        yield f"an export is owed since {found.owed.place} at {found.owed.timestamp}: its topic refused it, it follows"


def _memberships(known: Sequence[Known]) -> Iterator[str]:
    if not known:
        yield "none"
    mapped = [each for each in known if each.mapped]
    others = [each for each in known if not each.mapped]
    yield from _table(_membership(each) for each in (*mapped, *others[:MOST]))
    if len(others) > MOST:
        yield f"and {len(others) - MOST} more that are not mapped"


def _membership(known: Known) -> tuple[str, ...]:
    time = known.last_qualification_time + ("" if known.valid_until is None else f" until {known.valid_until}")
    mapped = "mapped" if known.mapped else "not mapped"
    would = "" if known.exclusion is None else f"now excluded: {known.exclusion}"
    return f"{known.namespace}/{known.segment}", mapped, known.status, time, f"by {known.record.place}", would


def _attribute(mapped: Mapped) -> tuple[str, ...]:
    where = mapped.source if mapped.source == mapped.target else f"{mapped.source} -> {mapped.target}"
    marks = [
        *(["mandatory"] if mapped.mandatory else []),
        *(["deduplication key"] if mapped.deduplication_key else []),
        *([mapped.hash] if mapped.hash else []),
    ]
    value = bytes(mapped.value).decode()
    origin = f"from {' and '.join(mapped.sources)}" if mapped.sources else ""
    return where, ", ".join(marks), "absent" if value == "null" else value, origin


def _sources(found: Explanation) -> Iterator[str]:
    for fragment in found.fragments:
        size = "taken away by a null" if fragment.bytes is None else f"a fragment of {fragment.bytes} bytes"
        yield f"{fragment.source}: {size}, by {fragment.record.place} at {fragment.record.timestamp}"
    for identified in found.identities:
        counts = ", ".join(f"{count} {namespace}" for namespace, count in identified.namespaces.items()) or "none"
        record = identified.record
        yield f"{identified.source}: identities: {counts}, by {record.place} at {record.timestamp}"
    identities = bytes(found.identity_map).decode()
    if identities != "null":
        yield f"identities together: {identities}"
    if not found.fragments and not found.identities:
        yield "none"


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
