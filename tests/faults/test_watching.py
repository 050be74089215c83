"""What is watched of a worker from outside: its connections, the peak of its memory, the states that it tells."""

from __future__ import annotations

import mmap
import os
import socket
from pathlib import Path

import pytest

from tests.faults.growth import Growth
from tests.faults.sockets import connections
from tests.faults.told import Told, states
from tests.faults.worker import Worker

MUCH = 32 * 1024 * 1024
LOG = """
{"timestamp":"2026-11-29T12:00:01.5Z","event":"destination.state","destination":"crm","state":"faulted","reason":"storm"}
{"timestamp":"2026-11-29T12:00:02Z","event":"destination.state","destination":"ads","state":"faulted","reason":"gone"}
{"timestamp":"2026-11-29T12:00:03Z","event":"destination.state","destination":"crm","state":"activated","reason":null}
{"timestamp":"2026-11-29T12:00:04Z","event":"other","text":"destination.state"}
not JSON, but "destination.state"
{"timestamp":"2026-11-29T12:00:05Z","event":"destination.st"""


def test_connections_to_a_port_are_counted_until_they_are_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connections(os.getpid(), port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert connections(os.getpid(), port) == 1
        assert connections(os.getpid(), port) == 0


def test_the_peak_of_memory_is_what_it_was_and_is_forgotten_on_demand() -> None:
    growth = Growth(os.getpid())
    before = growth.peak_bytes
    with mmap.mmap(-1, MUCH, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:  # not what the allocator had kept
        for page in range(0, MUCH, mmap.PAGESIZE):
            fresh[page] = 1
    assert growth.peak_bytes - before > MUCH * 0.9

    growth.forget()
    assert growth.peak_bytes - before < MUCH * 0.9


@pytest.mark.parametrize(
    ("since", "told"), [(0.0, [(1.5, "faulted", "storm"), (3.0, "activated", None)]), (2.0, [(3.0, "activated", None)])]
)
def test_of_a_log_the_states_of_one_destination_are_read(
    tmp_path: Path, since: float, told: list[tuple[float, str, str | None]]
) -> None:
    worker = Worker("a", tmp_path, {}, [], secrets={})
    (tmp_path / "worker.log").write_text(LOG)
    noon = 1_795_953_600.0

    assert states([worker], "crm", noon + since) == [Told(noon + at, state, reason) for at, state, reason in told]
