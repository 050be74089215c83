from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.pending import Pending, read_export
from streams.delivery.windows import Window
from streams.exports import ID_HEADER, META_HEADER, TRACE_HEADER
from tests.deliverables import ARecord, export_headers

NAMES = st.sampled_from([ID_HEADER, META_HEADER, TRACE_HEADER, "other"])
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=40) | st.just(export_headers("id")[1][1])), max_size=4)


@given(HEADERS, st.none() | st.binary(), st.none() | st.binary())
def test_any_record_is_an_export_or_none(
    headers: list[tuple[str, bytes]], key: bytes | None, value: bytes | None
) -> None:
    export = read_export(ARecord(headers=headers, key=key, value=value))

    assert export is None or (export.key, export.body) == (key, value)


def test_an_export_is_read_with_its_body_byte_for_byte() -> None:
    headers = [*export_headers("an-id", revision=9), (TRACE_HEADER, b"00-aa-bb-01")]
    export = read_export(ARecord(value=b'{ "a":1 }', headers=headers))

    assert export is not None
    assert (export.id, export.body, export.meta.revision, export.traceparent) == (
        "an-id",
        b'{ "a":1 }',
        9,
        "00-aa-bb-01",
    )


def test_an_id_that_cannot_be_a_header_is_no_export() -> None:
    for id_ in (b"", b"\xff", b"a\r\nx-evil: 1", b"a\x00"):
        assert read_export(ARecord(headers=[(ID_HEADER, id_), export_headers("id")[1]])) is None


def test_a_trace_that_cannot_be_a_header_is_left_out() -> None:
    export = read_export(ARecord(headers=[*export_headers("id"), (TRACE_HEADER, b"a\r\nx-evil: 1")]))

    assert export is not None
    assert export.traceparent is None


def test_what_takes_a_place_may_travel_with_as_many_as_what_it_replaces() -> None:
    place, newer = (Pending(ARecord(offset), Window(), 0.0) for offset in (1, 2))
    place.most, place.company, place.attempts = 1, 7, 3
    former = place.replaced(newer)

    assert (place.record.offset, place.most, place.company, place.attempts) == (2, 1, 1, 0)
    assert (former.record.offset, former.attempts) == (1, 3)
