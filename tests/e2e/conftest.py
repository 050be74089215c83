"""The world that the whole-worker tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.brokers.client import Client
from tests.e2e.world import World, a_world


@pytest.fixture
async def world(client: Client, unique: str, tmp_path: Path) -> AsyncIterator[World]:
    """An app of its own on the real Kafka, with four partitions."""
    async with a_world(client, unique, tmp_path) as world:
        yield world
