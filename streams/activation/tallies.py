"""Counts what is known of many profiles: their segments by status, and the paths of their attributes. Pure.

No value of a profile is kept, and no name that may be one: of an object with very many different members only that it
has some is told (``orders.*``), and nothing that does not look like a name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappush, heappushpop
from typing import Any
from zlib import crc32

import msgspec

from streams.activation.attributes import RESERVED
from streams.activation.profiles import Profile, decode_profile

SAMPLED = 1_000
"""The profiles of a partition whose attributes are looked at."""
MOST_SEGMENTS, MOST_PATHS = 10_000, 2_000
"""So many are told apart in a partition; those that come later are counted together."""
MOST_MEMBERS = 100
"""An object with more different members in the sample is a mapping, whose names are data."""
_MAX_DEPTH = 8

_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}").fullmatch
_object = msgspec.json.Decoder(dict[str, Any]).decode

Path = tuple[str, ...]


class SegmentSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A segment, and how many profiles are known in each status."""

    namespace: str
    segment: str
    statuses: dict[str, int]


class AttributeSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A path, how many of the sampled profiles have a value there, and which sources say one."""

    path: str
    profiles: int
    sources: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was counted in one partition, or in several together."""

    profiles: int
    segments: tuple[SegmentSeen, ...]
    other_memberships: int
    """Those of segments beyond the first so many."""
    sampled: int
    """The profiles whose attributes and identities were looked at."""
    attributes: tuple[AttributeSeen, ...]
    identities: dict[str, int]
    """By namespace, how many of the sampled profiles have an identity."""


Sample = tuple[int, int, Mapping[Path, frozenset[str]], frozenset[str]]
"""What a profile is drawn by, a number that tells it from another, the sources by path, its identities' namespaces."""


class Tally:
    """Counts the profiles of one partition; which of them are sampled depends on their keys alone."""

    def __init__(self, sampled: int = SAMPLED) -> None:
        self._most = sampled
        self._profiles = self._others = 0
        self._segments: dict[tuple[str, str], Counter[str]] = {}
        self._sample: list[Sample] = []

    def see(self, key: bytes, state: bytes) -> None:
        """Count a profile by its encoded state."""
        profile = decode_profile(state)
        if profile.is_blank:
            return
        self._profiles += 1
        for namespace, slots in profile.memberships.items():
            for segment, slot in slots.items():
                self._count((namespace, segment), slot.status.value)
        drawn = -crc32(key)
        if len(self._sample) < self._most:
            heappush(self._sample, (drawn, self._profiles, *_looked_at(profile)))
        elif drawn > self._sample[0][0]:
            heappushpop(self._sample, (drawn, self._profiles, *_looked_at(profile)))

    def _count(self, segment: tuple[str, str], status: str) -> None:
        counts = self._segments.get(segment)
        if counts is None:
            if len(self._segments) >= MOST_SEGMENTS:
                self._others += 1
                return
            counts = self._segments[segment] = Counter()
        counts[status] += 1

    def seen(self) -> Seen:
        """Return what was counted so far."""
        return Seen(
            profiles=self._profiles,
            segments=tuple(
                SegmentSeen(namespace=namespace, segment=segment, statuses=dict(counts))
                for (namespace, segment), counts in self._segments.items()
            ),
            other_memberships=self._others,
            sampled=len(self._sample),
            attributes=tuple(_attributes([paths for _, _, paths, _ in self._sample])),
            identities=dict(Counter(name for _, _, _, names in self._sample for name in names)),
        )


def together(all_of: Iterable[Seen]) -> Seen:
    """Return the sum of what was counted in several partitions, in the order of the names."""
    parts = list(all_of)
    segments: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    profiles, sources = Counter[str](), defaultdict[str, set[str]](set)
    for part in parts:
        for each in part.segments:
            segments[each.namespace, each.segment].update(each.statuses)
        for attribute in part.attributes:
            profiles[attribute.path] += attribute.profiles
            sources[attribute.path].update(attribute.sources)
    return Seen(
        profiles=sum(part.profiles for part in parts),
        segments=tuple(
            SegmentSeen(namespace=namespace, segment=segment, statuses=dict(counts))
            for (namespace, segment), counts in sorted(segments.items())
        ),
        other_memberships=sum(part.other_memberships for part in parts),
        sampled=sum(part.sampled for part in parts),
        attributes=tuple(
            AttributeSeen(path=path, profiles=profiles[path], sources=tuple(sorted(sources[path])))
            for path in sorted(profiles)
        ),
        identities=dict(sorted(sum((Counter(part.identities) for part in parts), Counter[str]()).items())),
    )


def _looked_at(profile: Profile) -> tuple[Mapping[Path, frozenset[str]], frozenset[str]]:
    """Return the sources that say something at each path, and the namespaces of the identities."""
    paths: defaultdict[Path, set[str]] = defaultdict(set)
    for source, slot in profile.fragments.items():
        for path in () if slot.text is None else _paths(_object(slot.text), ()):
            paths[path].add(source)
    names = {name for slot in profile.identities.values() if slot.text is not None for name in _object(slot.text)}
    return {path: frozenset(sources) for path, sources in paths.items()}, frozenset(filter(_is_name, names))


def _paths(members: Mapping[str, Any], above: Path) -> Iterator[Path]:
    """Yield the paths of leaves, arrays among them; null is no value."""
    for name, value in members.items():
        if value is None or not _is_name(name) or (not above and name in RESERVED):
            continue
        path = (*above, name)
        if isinstance(value, dict) and value and len(path) < _MAX_DEPTH:
            yield from _paths(value, path)
        else:
            yield path


def _attributes(sample: list[Mapping[Path, frozenset[str]]]) -> Iterator[AttributeSeen]:
    """Yield the paths with the most profiles; the members of what is a mapping together."""
    crowded = _crowded({path for paths in sample for path in paths})
    profiles, sources = Counter[Path](), defaultdict[Path, set[str]](set)
    for paths in sample:
        told: defaultdict[Path, set[str]] = defaultdict(set)
        for path, found in paths.items():
            told[_shortened(path, crowded)].update(found)
        profiles.update(told.keys())
        for path, them in told.items():
            sources[path].update(them)
    for path, count in profiles.most_common(MOST_PATHS):
        yield AttributeSeen(path=".".join(path), profiles=count, sources=tuple(sorted(sources[path])))


def _crowded(paths: Iterable[Path]) -> set[Path]:
    """Return the objects that have too many different members."""
    members: defaultdict[Path, set[str]] = defaultdict(set)
    for path in paths:
        for depth in range(1, len(path)):
            members[path[:depth]].add(path[depth])
    return {above for above, names in members.items() if len(names) > MOST_MEMBERS}


def _shortened(path: Path, crowded: set[Path]) -> Path:
    for depth in range(1, len(path)):
        if path[:depth] in crowded:
            return (*path[:depth], "*")
    return path
