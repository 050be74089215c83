"""The model and a real worker on a real Kafka agree, over random streams, documents and kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers.client import Client
from tests.model.plant import a_plant
from tests.model.rounds import Counts, live
from tests.model.strategies import INPUTS

pytestmark = pytest.mark.kafka

SEED, ROUNDS = 1, 3


async def test_a_real_worker_agrees_with_the_model_over_random_streams_documents_and_kills(
    client: Client, unique: str, tmp_path: Path
) -> None:
    counts = Counts()
    async with a_plant(client, unique, tmp_path, INPUTS[1], "newest") as plant:
        for number in range(ROUNDS):
            await live(plant, "newest", 1_000 * SEED + number, counts)
    print(f"\nthe model on Kafka, seed {SEED}: {counts}")

    assert counts.failures == []
    assert counts.kills == ROUNDS
