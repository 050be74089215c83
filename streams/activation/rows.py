"""How what activation decides is written: an export as a row of its topic, and the record that a row was of."""

from __future__ import annotations

from streams.activation.rendering import Rendered
from streams.activation.rounds import Row
from streams.exports import (
    ID_HEADER,
    META_HEADER,
    REPLAYS_HEADER,
    Position,
    decode_meta,
    encode_meta,
    source_of,
)


def export_row(key: bytes, export: Rendered) -> Row:
    """Return *export* as it stands on its topic."""
    headers = [(ID_HEADER, export.id.encode()), (META_HEADER, encode_meta(export.meta))]
    if export.replays:
        headers.append((REPLAYS_HEADER, str(export.replays).encode()))
    return Row(key, export.body, headers)


def source_of_row(row: Row) -> Position:
    """Return where the record stands that an export of ours was of."""
    source = source_of(decode_meta(dict(row.headers)[META_HEADER]))
    assert source is not None, "we have written it"
    return source
