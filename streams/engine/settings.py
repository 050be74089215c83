"""What the engine must be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """Times are in seconds. *id* is the consumer group; the changelog is ``<id>-profiles-changelog``."""

    id: str
    bootstrap_servers: Sequence[str]
    """Each ``host:port``."""
    partitions: int
    """Of every input and of the changelog; all must agree."""
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

    @property
    def checked(self) -> Callable[[bytes], None]:
        """Return *check_value*, or what accepts everything."""
        return self.check_value or _accept


def _accept(value: bytes) -> None:
    """Accept any value."""
