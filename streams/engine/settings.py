"""What the engine must be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streams.brokers import Brokers


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """Times are in seconds. *id* is the consumer group; the changelog is ``<id>-profiles-changelog``."""

    id: str
    brokers: Brokers
    partitions: int
    """Of every input and of the changelog; all must agree."""
    first: frozenset[str] = frozenset()
    """The inputs that are handled to the end they had at their birth, before anything of the others is read."""
    store: Literal["rocksdb", "memory"] = "rocksdb"
    directory: Path = Path("data")
    """One process at a time may hold it; another waits."""
    session_timeout: float = 15.0
    heartbeat_interval: float = 2.0
    commit_interval: float = 1.0
    drain: float = 3.0
    """What the callbacks of a release are given, and the commit after them."""
    producer_timeout: float = 120.0
    max_poll_records: int = 500
    max_poll_interval: float = 300.0
    """How long the main loop may hang before the group goes on without us; a slow sink or a recovery does not count."""
    linger: float = 0.004
    """What a record waits at most so that records arriving one by one are fetched together: each fetch costs about as
    much as handling fifty records."""
    buffer: int = 4096
    """Records that wait for one agent."""
    check_value: Callable[[bytes], None] | None = None
    """Called for each state that is loaded; raises for one that this release does not read, which ends the worker."""
    marks: Callable[[bytes], bool] | None = None
    """Which values' keys ``Table.marked`` returns; called for each value that is loaded or written."""
    cluster_id: str | None = None
    """A state directory of another cluster is set aside."""
    delete_retention_seconds: float = 24 * 60 * 60.0
    """The changelog's ``delete.retention.ms``: a state that was not in use for half of it is set aside."""

    @property
    def checked(self) -> Callable[[bytes], None]:
        """Return *check_value*, or what accepts everything."""
        return self.check_value or _accept


def _accept(value: bytes) -> None:
    """Accept any value."""
