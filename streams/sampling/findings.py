"""What a sample of one input says: of its values and keys, of what would not be read, and where its keys are. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from streams.activation.decoding import decoder
from streams.activation.events import FragmentChange, Input, Kind, Malformed, MembershipChange
from streams.activation.partitioners import placed
from streams.ends import Reason
from streams.sampling import proposals
from streams.sampling.forms import Form, KeyForm, form_of, key_form_of, schema_of
from streams.sampling.placement import Explained, Placement, placement
from streams.sampling.proposals import ROLES, Proposal

SHOWN_SEGMENTS, SHOWN_FIELDS = 20, 20
_PATHS_ARE_WRONG = frozenset(
    {
        *(Reason.MISSING_MEMBERSHIP, Reason.INVALID_MEMBERSHIP, Reason.UNKNOWN_STATUS, Reason.MISSING_STATUS),
        *(Reason.INVALID_TIME, Reason.NOT_AN_OBJECT, Reason.INVALID_IDENTITY_MAP),
    }
)
"""What may be the declaration's fault and not the record's."""


class Record(Protocol):
    """A record of a sample."""

    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def timestamp_ms(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def place(self) -> str:
        """``topic-partition-offset``."""


class Refused(msgspec.Struct, frozen=True):
    """How many records of the sample would become dead letters for a *reason*, and one that does."""

    reason: str
    count: int
    example: str
    detail: str


class Segment(msgspec.Struct, frozen=True):
    """In how many memberships of the sample a segment is named."""

    namespace: str
    id: str
    count: int


class Finding(msgspec.Struct, frozen=True):
    """What a sample of an input says; nothing of it is a profile's data.

    *role* is None where the topic is declared nowhere: then it is read as *proposal* says. *problems* would make dead
    letters of records, or join them with nothing; *notes* are worth knowing.
    """

    topic: str
    role: str | None
    partitions: int
    records: int
    values: dict[str, int]
    keys: dict[str, int]
    schemas: list[int]
    decoded: int
    refused: list[Refused]
    placement: Placement
    segments: list[Segment]
    segments_seen: int
    statuses: dict[str, int]
    proposal: str | None
    proposal_decodes: int | None
    problems: list[str]
    notes: list[str]


def finding(
    topic: str,
    declared: Input | None,
    partitions: int,
    records: Sequence[Record],
    *,
    partitioner: str,
    now_ms: int,
) -> Finding:
    """Return what *records* say of *topic*, which is read as it is *declared*, or as fits best."""
    guessed = _guess(topic, records, now_ms) if declared is None else None
    source = guessed.source if guessed else declared or Input(Kind.FRAGMENT, topic)
    decode = placed(decoder(source), partitioner, partitions)
    changes = [(record, decode(record, now_ms)) for record in records]
    refused = _refused([(record, change) for record, change in changes if isinstance(change, Malformed)])
    found = placement({(each.key, each.partition) for each in records if each.key}, partitions, partitioner)
    memberships = [each for _, change in changes if isinstance(change, MembershipChange) for each in change.memberships]
    segments = Counter((each.namespace, each.segment_id) for each in memberships)
    values, keys = Counter(form_of(each.value) for each in records), Counter(key_form_of(each.key) for each in records)
    lacks_ids = (
        bool(records)
        and source.kind is Kind.FRAGMENT
        and not any(isinstance(change, FragmentChange) and change.identities for _, change in changes)
    )
    proposal = guessed or _better(topic, source, records, refused, now_ms, lacks_ids=lacks_ids)
    return Finding(
        topic=topic,
        role=None if declared is None else ROLES[declared.kind],
        partitions=partitions,
        records=len(records),
        values={form.value: count for form, count in values.most_common()},
        keys={form.value: count for form, count in keys.most_common()},
        schemas=sorted({schema for each in records if (schema := schema_of(each.value)) is not None})[:SHOWN_SEGMENTS],
        decoded=len(records) - sum(each.count for each in refused),
        refused=refused,
        placement=found,
        segments=[Segment(*name, count) for name, count in segments.most_common(SHOWN_SEGMENTS)],
        segments_seen=len(segments),
        statuses=dict(Counter(each.status.value for each in memberships)),
        proposal=proposal.yaml if proposal else None,
        proposal_decodes=proposal.decoded if proposal else None,
        problems=list(_problems(values, refused, found)),
        notes=[*_notes(records, keys, found, lacks_ids=lacks_ids), *(_fields(records) if declared is None else ())],
    )


def _guess(topic: str, records: Sequence[Record], now_ms: int) -> Proposal | None:
    """Return what a topic that nobody has declared seems to be."""
    xdm = [Input(kind, topic) for kind in (Kind.QUALIFICATION, Kind.EXIT, Kind.MEMBERSHIP)]
    best = max(xdm, key=lambda source: proposals.decoded(source, records, now_ms))
    if count := proposals.decoded(best, records, now_ms):
        return Proposal(f"inputs:\n  {ROLES[best.kind]}: {topic}", best, count)
    flat = proposals.memberships(topic, Kind.MEMBERSHIP, records, now_ms)
    if flat is not None and not flat.decoded:  # it has no status, so its topic must say what it is
        flat = proposals.memberships(topic, Kind.QUALIFICATION, records, now_ms)
    return flat if flat is not None and flat.decoded else proposals.profiles(topic, records, now_ms)


def _better(
    topic: str, source: Input, records: Sequence[Record], refused: Sequence[Refused], now_ms: int, *, lacks_ids: bool
) -> Proposal | None:
    """Return what would read more of the records than what is declared, or identities where none are."""
    if lacks_ids and source.paths is None:
        proposal = proposals.profiles(topic, records, now_ms)
        return proposal if proposal is not None and "$" in proposal.yaml else None
    if not {each.reason for each in refused} & {reason.value for reason in _PATHS_ARE_WRONG}:
        return None
    other = (
        proposals.profiles(topic, records, now_ms)
        if source.kind is Kind.FRAGMENT
        else proposals.memberships(topic, source.kind, records, now_ms)
    )
    return other if other is not None and other.decoded > proposals.decoded(source, records, now_ms) else None


def _refused(found: Sequence[tuple[Record, Malformed]]) -> list[Refused]:
    counts = Counter(malformed.reason for _, malformed in found)
    examples = {malformed.reason: (record.place, malformed.detail) for record, malformed in reversed(found)}
    return [Refused(reason.value, count, *examples[reason]) for reason, count in counts.most_common()]


def _problems(values: Counter[Form], refused: Sequence[Refused], found: Placement) -> Iterator[str]:
    for each in refused:
        yield f"{each.count} would be dead letters {each.reason}, such as {each.example}: {each.detail}"
    for form in (Form.AVRO, Form.GZIP, Form.ZSTD, Form.JAVA, Form.ENCODED):
        if form in values:
            yield f"its values are {form.value}: only JSON is read, so convert the topic to it"
    if found.agrees is False:
        yield (
            f"the setting is partitioner: {found.setting}, and "
            + (
                "neither murmur2 nor crc32 explains where its keys are"
                if found.explained == Explained.NEITHER
                else f"its keys are where {found.explained} puts them"
            )
        )


def _fields(records: Sequence[Record]) -> Iterator[str]:
    """Say by what paths a topic can be declared, where the guess is not what is meant."""
    if fields := proposals.fields_of(records)[:SHOWN_FIELDS]:
        yield f"its records have {', '.join(fields)}"


def _notes(records: Sequence[Record], keys: Counter[KeyForm], found: Placement, *, lacks_ids: bool) -> Iterator[str]:
    if not records:
        yield "it is empty: nothing can be said of it yet"
        return
    if KeyForm.QUOTED in keys or KeyForm.PREFIXED in keys:
        yield "its keys hold what a serializer put around them: all inputs must write the same key the same way"
    if found.setting == "any" and found.explained in {Explained.MURMUR2, Explained.CRC32}:
        yield f"name its partitioner, so that a record which is elsewhere is told: partitioner: {found.explained}"
    if found.setting == "any" and found.explained == Explained.NEITHER:
        yield "neither murmur2 nor crc32 explains where its keys are: another partitioner, or the topic has been grown"
    if lacks_ids:
        yield "no identities are found: exports will carry none from it"
