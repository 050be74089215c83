"""The state of one partition: profile bytes by key, with the changelog offset up to which they are complete.

Two stores with one meaning: RocksDB in a directory, and memory. Rows and offset are written at once, so what is found
after a crash is the changelog up to that offset, no more and no less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

OFFSET_KEY = b"__faust\0offset__"
"""Faust's own name for it: its store would find the offset too."""
MARKER_KEY = b"__streams\0marker__"
"""Holds a value as the last release wrote it: a release that does not read it must not touch the directory."""
_ESCAPED = (b"\0", OFFSET_KEY, MARKER_KEY)

Rows = Iterable[tuple[bytes, bytes | None]]
CheckValue = Callable[[bytes], None]


class State(Protocol):
    """What a table needs of a partition's store."""

    @property
    def offset(self) -> int | None:
        """The last changelog offset that is applied."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value."""

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows (None removes) and *offset* at once; *ours* when this release encoded them."""

    def close(self) -> None:
        """Close; nothing may be called afterwards."""


class MemoryState:
    """A dictionary; every start recovers all of it."""

    def __init__(self) -> None:
        self.offset: int | None = None
        self._values: dict[bytes, bytes] = {}
        self.get = self._values.get

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows and offset."""
        values = self._values
        for key, value in rows:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        self.offset = offset

    def close(self) -> None:
        """Forget everything."""
        self._values.clear()


class RocksState:
    """A RocksDB directory, locked while open."""

    def __init__(self, path: Path, options: Options, check_value: CheckValue) -> None:
        """Open or create *path*; raises what *check_value* raises if another release's state is there."""
        self._db: Any = Rdict(str(path), options)
        self._marked = False
        try:
            marker = self._db.get(MARKER_KEY)
            if marker is not None:
                check_value(marker)
        except BaseException:
            self._db.close()
            raise
        offset = self._db.get(OFFSET_KEY)
        self.offset: int | None = None if offset is None else int(offset)

    def get(self, key: bytes) -> bytes | None:
        """Return a value."""
        value: bytes | None = self._db.get(_stored(key))
        return value

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows and offset in one batch; the first rows of ours leave one of their values as the marker."""
        batch = WriteBatch(raw_mode=True)
        put, delete, last = batch.put, batch.delete, None
        for key, value in rows:
            if value is None:
                delete(_stored(key))
            else:
                put(_stored(key), last := value)
        if ours and last is not None and not self._marked:
            put(MARKER_KEY, last)
            self._marked = True
        put(OFFSET_KEY, b"%d" % offset)
        self._db.write(batch)
        self.offset = offset

    def close(self) -> None:
        """Flush and close."""
        self._db.close()


def _stored(key: bytes) -> bytes:
    """Return the name of a profile in the database: a profile id must not be able to hit our own keys."""
    return b"\0" + key if key.startswith(_ESCAPED) else key


def rocks_options(cache: Cache) -> Options:
    """Return options for many small databases in one process: the read cache is shared, write buffers are small."""
    table = BlockBasedOptions()
    table.set_bloom_filter(10.0, False)
    table.set_block_cache(cache)
    table.set_cache_index_and_filter_blocks(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_max_open_files(256)
    options.set_write_buffer_size(16 * 1024 * 1024)
    options.set_max_write_buffer_number(2)
    options.set_target_file_size_base(64 * 1024 * 1024)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_block_based_table_factory(table)
    return options
