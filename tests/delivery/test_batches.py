from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.batches import Batching, Joined, half
from streams.destinations import Batch
from streams.exports import Export, Meta

FORMATS = st.sampled_from(["array", "ndjson"])
VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=4)


def an_export(body: bytes, id_: str = "", *, key: bytes = b"p", trace: str | None = None) -> Export:
    meta = Meta(1, 1, "t", "s-0-0")
    return Export("t", 0, 0, 0, key, body, id_ or str(uuid.uuid5(uuid.NAMESPACE_OID, str(body))), meta, trace)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def joined(format_: str, members: Sequence[Export]) -> Joined:
    return Batching(Batch(format=format_)).joined(members)  # type: ignore[arg-type]


def read(format_: str, body: bytes) -> list[object]:
    """Read a batch as an endpoint does."""
    if format_ == "array":
        values: list[object] = json.loads(body)
        return values
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body[:-1].split(b"\n")]


@given(FORMATS, st.lists(VALUES, min_size=1, max_size=8))
def test_an_endpoint_reads_the_members_in_their_order(format_: str, values: list[object]) -> None:
    batch = joined(format_, [an_export(compact(value)) for value in values])

    assert read(format_, batch.body) == values


@given(FORMATS, st.lists(VALUES, min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_body_on_several_lines_is_still_one_member(format_: str, values: list[object], end: bytes) -> None:
    bodies = [json.dumps(value, indent=2).encode().replace(b"\n", end) + end for value in values]

    assert read(format_, joined(format_, [an_export(body) for body in bodies]).body) == values


@given(FORMATS, st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=5), st.data())
def test_a_key_stands_for_these_members_in_this_order(format_: str, ids: list[str], data: st.DataObject) -> None:
    others = data.draw(st.permutations(ids) | st.lists(st.sampled_from(ids), min_size=1, max_size=6))
    one, other = (joined(format_, [an_export(id_.encode(), id_) for id_ in each]) for each in (ids, others))

    assert (one.id == other.id) is (list(ids) == list(others)) is (one == other)
    assert uuid.UUID(one.id).version == 5


def test_a_key_never_stands_for_the_bytes_of_something_else() -> None:
    export = an_export(b"{}", "id-1")
    alone = {joined(format_, [export]).id for format_ in ("array", "ndjson")}

    assert len(alone | {export.id}) == 3


def test_no_text_of_a_batch_holds_a_body() -> None:
    assert "anna@example.com" not in repr(joined("array", [an_export(b'"anna@example.com"')]))


def test_the_trace_of_one_export_goes_on_and_that_of_many_does_not() -> None:
    one, other = an_export(b"1", trace="00-a-b-01"), an_export(b"2", trace="00-c-d-01")

    assert joined("array", [one]).traceparent == "00-a-b-01"
    assert joined("array", [one, other]).traceparent is None


@given(FORMATS, st.integers(1, 5), st.integers(1, 60), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_a_batch_never_holds_more_than_it_may_but_for_one_that_is_too_large_by_itself(
    format_: str, max_exports: int, max_bytes: int, sizes: list[int]
) -> None:
    batching = Batching(Batch(max_exports, max_bytes, 0.0, format_))  # type: ignore[arg-type]
    members: list[bytes] = []
    for size in sizes:
        if batching.fits(len(members), sum(map(len, members)), size):
            members.append(b"1" * size)
            continue
        grown = batching.joined([an_export(body) for body in [*members, b"1" * size]])
        assert len(members) == max_exports or len(grown.body) > max_bytes, "there was room"
        break

    size = len(batching.joined([an_export(body) for body in members]).body)
    assert len(members) <= max_exports
    assert size <= max_bytes or len(members) == 1
    assert (batching.filled(len(members), sum(map(len, members))) > 0) is (
        len(members) == max_exports or size >= max_bytes
    )


def test_the_limit_of_a_body_is_one_of_a_batch_too() -> None:
    batching = Batching(Batch(max_bytes=1_000), max_body=20)

    assert batching.fits(1, 8, 8)
    assert not batching.fits(1, 9, 9)


@given(st.integers(2, 1_000))
def test_halving_comes_to_one_after_as_many_steps_as_a_batch_can_be_halved(count: int) -> None:
    steps, levels = 0, (count - 1).bit_length()
    while count > 1:
        assert 0 <= half(count) - (count - half(count)) <= 1
        count = half(count)
        steps += 1

    assert steps == levels
