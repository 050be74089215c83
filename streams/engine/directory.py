"""The states of all partitions: where each lies, how it is opened, and how one that is not believed is set aside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import time

from rocksdict import Cache

from streams.engine.folder import Complaint
from streams.engine.rocks import RocksState, rocks_options
from streams.engine.settings import EngineSettings
from streams.engine.states import MemoryState, State
from streams.engine.trust import Doubt, Origin

CACHE_BYTES = 64 * 1024 * 1024
"""RocksDB's read cache, for all partitions together."""

KEPT = 2
"""How many directories of a partition are kept that were set aside: the newest."""


class Memory:
    """States that nothing outlives."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings

    def open(self, partition: int) -> State:
        """Return an empty state."""
        return MemoryState(self._settings.marks, time())

    def set_aside(self, partition: int, why: Doubt) -> Path | None:
        """Nothing is there to be kept."""
        return None


class Directory:
    """States in RocksDB directories, named by the partition's number."""

    def __init__(self, settings: EngineSettings, changelog: str, *, now: Callable[[], float] = time) -> None:
        self._path = Path(settings.directory) / "profiles"
        self._settings, self._changelog, self._now = settings, changelog, now
        self._options = rocks_options(Cache(CACHE_BYTES))
        self._complaint = Complaint()

    def open(self, partition: int) -> State:
        """Open or create a partition's state; raises what RocksState raises."""
        settings = self._settings
        path = self._path / str(partition)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return RocksState(
                path,
                self._options,
                settings.checked,
                origin=Origin(settings.id, self._changelog, partition, settings.cluster_id),
                marks=settings.marks,
                now=self._now,
                complaint=self._complaint,
            )
        except OSError as error:
            raise self._complaint.unusable(path, error.strerror or type(error).__name__) from error

    def set_aside(self, partition: int, why: Doubt) -> Path | None:
        """Rename a partition's directory, which must be closed; return its new place. Older ones are removed."""
        path = self._path / str(partition)
        at = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        try:
            place = path.rename(path.with_name(f"{partition}.set-aside-{at}-{why}"))
        except OSError as error:
            raise self._complaint.unusable(path, error.strerror or type(error).__name__) from error
        for old in sorted(self._path.glob(f"{partition}.set-aside-*"))[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return place
