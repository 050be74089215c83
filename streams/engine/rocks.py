"""A partition's state in a RocksDB directory, which says whose it is and when it was last complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from rocksdict import BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.engine.folder import Complaint, damaged, last_written
from streams.engine.states import CheckValue, Marks, Rows
from streams.engine.trust import DistrustedError, Doubt, Origin, UnusableError, judged

OFFSET_KEY = b"__faust\0offset__"
"""Faust's own name for it: its store would find the offset too."""
_OWN = b"__streams\0"
MARKER_KEY = _OWN + b"marker__"
"""Holds a value as the last release wrote it: a release that does not read it must not touch the directory."""
ORIGIN_KEY = _OWN + b"origin__"
USED_KEY = _OWN + b"used__"
MARK = _OWN + b"mark__"
"""What stands before the key of each value that is marked."""
WALKED_AT_ONCE = 1_000
"""Rows that a walk reads at once."""
_ESCAPED = (b"\0", OFFSET_KEY, _OWN)


class RocksState:
    """A RocksDB directory, locked while open."""

    def __init__(
        self,
        path: Path,
        options: Options,
        check_value: CheckValue,
        *,
        origin: Origin | None = None,
        marks: Marks | None = None,
        now: Callable[[], float] = float,
        complaint: Complaint | None = None,
    ) -> None:
        """Open or create *path*.

        Raises DistrustedError where it must not be believed, LockedError while another process holds it, UnusableError
        where it cannot be read or written, and what *check_value* raises if another release's state is there.
        """
        self._path, self._marks, self._has_marker = path, marks, False
        self._unusable, self._complaint = False, complaint or Complaint()
        before = last_written(path)
        self._db: Any = self._opened(options)
        try:
            self._examine(check_value, origin, before is not None)
            offset = self._read(OFFSET_KEY)
            self.offset: int | None = None if offset is None else int(offset)
            self.used = self._used(before, now)
            self.marked = self._marked_keys()
            if origin is not None and self._read(ORIGIN_KEY) is None:
                self._adopt(origin)
        except BaseException:
            self._db.close()
            raise

    def _opened(self, options: Options) -> Any:
        try:
            return Rdict(str(self._path), options)
        except Exception as error:
            raise self._failure(error, in_use=False) from error

    def _examine(self, check_value: CheckValue, origin: Origin | None, had_rows: bool) -> None:
        marker = self._read(MARKER_KEY)
        if marker is not None:
            check_value(marker)
        record = self._read(ORIGIN_KEY)
        if had_rows and record is None and self._read(OFFSET_KEY) is None:
            raise DistrustedError(Doubt.CORRUPT, "it is damaged: its files hold rows that RocksDB does not know")
        if origin is not None:
            origin.check(record)

    def _used(self, before: float | None, now: Callable[[], float]) -> float:
        """Return what was written, or, for a directory of an earlier release, when it was last written to."""
        record = self._read(USED_KEY)
        if record is not None:
            return float(record)
        return now() if before is None else before

    def _marked_keys(self) -> set[bytes]:
        """Return the index; a directory of an earlier release has none, so its values are looked at, once."""
        if self._marks is None:
            return set()
        if self.offset is None or self._read(ORIGIN_KEY) is not None:
            return {key[len(MARK) :] for key in self._stored_keys(MARK) if key.startswith(MARK)}
        return {key for key in self.all_keys() if self._marks(self.get(key) or b"")}

    def _adopt(self, origin: Origin) -> None:
        batch = WriteBatch(raw_mode=True)
        for key in self.marked:
            batch.put(MARK + key, b"")
        batch.put(USED_KEY, b"%.3f" % self.used)
        batch.put(ORIGIN_KEY, origin.encode())
        self._write(batch)

    def get(self, key: bytes) -> bytes | None:
        """Return a value; DistrustedError where it cannot be read, and the directory is not opened again."""
        return self._read(_stored(key))

    def all_keys(self) -> Iterable[bytes]:
        """Return all keys, in their order in the database."""
        for key in self._stored_keys():
            if not key.startswith((OFFSET_KEY, _OWN)):
                yield key[1:] if key.startswith(b"\0") else key

    def _stored_keys(self, first: bytes | None = None) -> Iterable[bytes]:
        """Yield what stands in the database from *first* on; with marks, as long as they last."""
        try:
            for key in self._db.keys(from_key=first):
                if first is not None and not key.startswith(first):
                    return
                yield key
        except Exception as error:
            raise self._failure(error) from error

    def walk(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key and value, a chunk at a time: between two chunks nothing of the database is held."""
        first: bytes | None = None
        while chunk := self._chunk(first):
            for key, value in chunk:
                if not key.startswith((OFFSET_KEY, _OWN)):
                    yield key[1:] if key.startswith(b"\0") else key, value
            first = chunk[-1][0] + b"\0"  # the next key that there can be

    def _chunk(self, first: bytes | None) -> list[tuple[bytes, bytes]]:
        try:
            return list(islice(self._db.items(from_key=first), WALKED_AT_ONCE))
        except Exception as error:
            raise self._failure(error) from error

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows and offset in one batch; the first rows of ours leave one of their values as the marker."""
        batch = WriteBatch(raw_mode=True)
        put, delete, last = batch.put, batch.delete, None
        for key, value in rows:
            if value is None:
                delete(_stored(key))
            else:
                put(_stored(key), last := value)
            if self._marks is not None:
                self._mark(batch, key, value is not None and self._marks(value))
        if ours and last is not None and not self._has_marker:
            put(MARKER_KEY, last)
            self._has_marker = True
        put(OFFSET_KEY, b"%d" % offset)
        self._write(batch)
        self.offset = offset

    def _mark(self, batch: WriteBatch, key: bytes, marked: bool) -> None:
        if marked == (key in self.marked):
            return
        if marked:
            self.marked.add(key)
            batch.put(MARK + key, b"")
        else:
            self.marked.discard(key)
            batch.delete(MARK + key)

    def touch(self, now: float) -> None:
        """Note that the state lacked nothing at *now*; nothing is noted once a write has failed."""
        if self._unusable:
            return
        batch = WriteBatch(raw_mode=True)
        batch.put(USED_KEY, b"%.3f" % now)
        self._write(batch)
        self.used = now

    def close(self) -> None:
        """Flush and close; what cannot be flushed stands in RocksDB's log or, after a failed write, has been told."""
        try:
            self._db.close()
        except Exception as error:
            structlog.get_logger().warning("state.unflushed", directory=str(self._path), why=str(error).splitlines()[0])

    def _read(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._failure(error) from error
        return value

    def _write(self, batch: WriteBatch) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception, *, in_use: bool = True) -> Exception:
        """Return what an error means; damage is also left as a mark in the directory, for who opens it next."""
        meant = judged(error)
        if isinstance(meant, UnusableError):
            self._unusable = True
            return self._complaint.unusable(self._path, str(meant))
        if isinstance(meant, DistrustedError) and in_use:
            damaged(self._path, str(meant))
        return meant


def _stored(key: bytes) -> bytes:
    """Return the name of a profile in the database: a profile id must not be able to hit our own keys."""
    return b"\0" + key if key.startswith(_ESCAPED) else key


def rocks_options(cache: Cache) -> Options:
    """Return options for many small databases in one process: the read cache is shared, write buffers are small."""
    table = BlockBasedOptions()
    table.set_bloom_filter(10.0, False)
    table.set_block_cache(cache)
    table.set_cache_index_and_filter_blocks(True)
    # In pieces: one index of a large file is larger than a shard of the cache, and would be read again for every value.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_pin_top_level_index_and_filter(True)
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
