"""Reports of workers and destinations, as the tests of status need them."""

from __future__ import annotations

from typing import Any

from streams.status.shapes import Destination, Stage, Worker

NOW = 1_800_000_000_000


def a_worker(id_: str = "a-1-x", **more: Any) -> Worker:
    told: dict[str, Any] = {
        "version": "0.1.0",
        "host": "a",
        "pid": 1,
        "started_at": NOW - 60_000,
        "written_at": NOW - 1_000,
        "interval_seconds": 5.0,
        "session_timeout_seconds": 15.0,
        "ready": True,
        "stages": {"activation": Stage(ready=True, assigned=2, partitions=(0, 1))},
        "health": "http://127.0.0.1:8080",
    }
    return Worker(id=id_, **{**told, **more})


def a_destination(worker: str = "a-1-x", name: str = "crm", **more: Any) -> Destination:
    told: dict[str, Any] = {
        "incarnation": f"{name}.1",
        "version": 1,
        "written_at": NOW - 1_000,
        "state": "activated",
        "since": NOW - 30_000,
        "partitions": (0, 1),
    }
    return Destination(worker=worker, name=name, **{**told, **more})
