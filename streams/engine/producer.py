# mypy: allow-subclassing-any
"""Faust's producer, idempotent: what is written twice by a retry is stored once, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka as driver


class Producer(driver.Producer):
    """Stock asks for idempotence only with transactions."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}
