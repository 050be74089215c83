"""Fixtures of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers.client import Client
from tests.commands.desk import Desk, a_desk


@pytest.fixture
async def desk(client: Client, unique: str, tmp_path: Path) -> Desk:
    """Return the desk of an app of the test's own."""
    return await a_desk(client, unique, tmp_path)
