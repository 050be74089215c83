"""A report as tables for people: each input with what was found of it, how they overlap, and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from streams.sampling.findings import Finding
from streams.sampling.overlaps import Overlap
from streams.sampling.placement import Placement

UNDECLARED = "not declared"
OVERLAPS = (
    "memberships",
    "profiles",
    "keys",
    "keys of profiles",
    "shared",
    "share of memberships",
    "share of profiles",
)


class Table(NamedTuple):
    """A titled table; *text* follows it as it is."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    text: str = ""


def table_of(found: Finding, *, shows_proposal: bool) -> Table:
    """Return what was found of one input."""
    text = ""
    if found.proposal is not None:
        reads = f"would read {found.proposal_decodes} of {found.records} records"
        text = f"this {reads}:\n\n{found.proposal}\n" if shows_proposal else f"what is proposed below {reads}\n"
    return Table(f"{found.topic} ({found.role or UNDECLARED})", ("what", "found"), list(_rows(found)), text)


def overlaps_table(overlaps: list[Overlap]) -> Table:
    """Return how the keys of the samples overlap; of large topics two samples share few, though all is well."""
    rows: list[tuple[str, ...]] = [
        (
            *(each.memberships, each.profiles, str(each.membership_keys), str(each.profile_keys), str(each.shared)),
            *(_percent(each.share_of_memberships), _percent(each.share_of_profiles)),
        )
        for each in overlaps
    ]
    return Table("keys in both samples", OVERLAPS, rows)


def _rows(found: Finding) -> Iterator[tuple[str, str]]:
    yield "records", f"{found.records} looked at, of {found.partitions} partitions"
    yield from _counted("values", found.values)
    if found.schemas:
        yield "schema ids", ", ".join(map(str, found.schemas))
    yield from _counted("keys", found.keys)
    if found.records:
        yield "decode", f"{found.decoded} ({_percent(found.decoded / found.records)})"
        yield "partitioner", _placed(found.placement)
    if found.segments:
        more = found.segments_seen - len(found.segments)
        listed = ", ".join(f"{each.namespace}/{each.id} ({each.count})" for each in found.segments)
        yield "segments", f"{listed}, and {more} more" if more else listed
    yield from _counted("statuses", found.statuses)
    for problem in found.problems:
        yield "PROBLEM", problem
    for note in found.notes:
        yield "note", note


def _counted(name: str, counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if counts:
        yield name, "; ".join(f"{count} {what}" for what, count in counts.items())


def _placed(found: Placement) -> str:
    shares = f"murmur2 explains {_percent(found.murmur2)} of {found.keys} keys, crc32 {_percent(found.crc32)}"
    verdict = found.explained if found.explained != "cannot tell" else "cannot tell: too few keys, or one partition"
    return f"{verdict} ({shares}; setting: {found.setting})"


def _percent(share: float) -> str:
    return f"{share:.1%}"
