"""A short part of the matrix, for every run of the tests: a kill, a stop, and workers that come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.brokers.kafka import Kafka
from tests.faults import matrix
from tests.faults.lab import Lab
from tests.faults.rows import k1, k2

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SEED = 4
BETWEEN = 150
"""Deliveries between two changes."""


@pytest.fixture
async def lab(kafka: Kafka, tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab on the session's broker, at a tenth of the size."""
    lab = Lab(lambda: kafka, tmp_path, SEED, scale=0.1)
    try:
        yield lab
    finally:
        await lab.close()


async def test_a_kill_loses_nothing_and_repeats_only_what_was_under_way(lab: Lab) -> None:
    result = await k1.run(lab, SEED)

    assert result.violations == {}
    assert result.lost == 0


async def test_a_stop_under_load_repeats_nothing(lab: Lab) -> None:
    result = await k2.run(lab, SEED)

    assert result.violations == {}
    assert result.duplicates == 0


async def test_workers_that_come_and_go_keep_order_and_lose_nothing(lab: Lab) -> None:
    await lab.open()
    first, second = lab.worker("a"), lab.worker("b")
    await first.start()
    await lab.endpoint.behave(latency=(0.01, 0.2))
    await lab.load.bring(100)
    lab.load.start(rate=100)
    await lab.flowing(delivered=BETWEEN)
    await second.start()
    await lab.flowing(delivered=BETWEEN)
    with lab.fault("SIGTERM a"):
        assert await first.terminate() == 0
    await lab.flowing(delivered=BETWEEN)
    with lab.fault("SIGKILL b", crash=True):
        second.kill()
    await first.start()
    result = await lab.judge("K5", "workers 1 -> 2 -> 1 under load", SEED)

    assert result.violations == {}
    assert result.lost == 0


def test_each_row_of_the_matrix_has_a_name_of_its_own_and_says_what_is_done() -> None:
    rows = matrix.all_rows()

    assert {"K1", "K2", "K3", "S1"} <= rows.keys()
    assert all(name == row.name and row.what for name, row in rows.items())
