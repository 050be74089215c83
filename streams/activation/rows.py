"""How what activation decides is written: an export as a row of its topic, and the record that a row was of."""

from __future__ import annotations

from streams.activation.rendering import Rendered
from streams.activation.rounds import Row
from streams.exports import ID_HEADER, META_HEADER, Position, decode_meta, encode_meta


def export_row(key: bytes, export: Rendered) -> Row:
    """Return *export* as it stands on its topic."""
    return Row(key, export.body, [(ID_HEADER, export.id.encode()), (META_HEADER, encode_meta(export.meta))])


def source_of(row: Row) -> Position:
    """Return where the record stands that an export was of."""
    meta = decode_meta(dict(row.headers)[META_HEADER])
    log, partition, offset = meta.source.rsplit("-", 2)
    return Position(log, int(partition), int(offset), meta.recorded or 0)
