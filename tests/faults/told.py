"""What workers told in their logs: in which state a destination was, since when, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from tests.faults.worker import Worker

EVENT = "destination.state"


class Told(NamedTuple):
    """A state that a worker told."""

    at: float
    state: str
    reason: str | None


def states(workers: Iterable[Worker], destination: str, since: float = 0.0) -> list[Told]:
    """Return the states that were told of a destination since a moment, as they came."""
    return sorted(told for worker in workers for told in _read(worker.log, destination) if told.at >= since)


def _read(log: str, destination: str) -> Iterator[Told]:
    for line in log.splitlines():
        if f'"{EVENT}"' in line and (entry := _parsed(line)).get("destination") == destination:
            yield Told(datetime.fromisoformat(entry["timestamp"]).timestamp(), entry["state"], entry["reason"])


def _parsed(line: str) -> dict[str, str]:
    try:
        parsed = json.loads(line)
    except ValueError:  # a line that is just being written
        return {}
    return parsed if isinstance(parsed, dict) and parsed.get("event") == EVENT else {}
