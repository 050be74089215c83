"""Samples made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from streams.sampling.samples import Sampled

NOW_MS = 1_700_000_000_000
TOPIC = "events"


def a_sample(values: Sequence[Any], *, topic: str = TOPIC) -> list[Sampled]:
    """Return a record for each value, JSON but where it is bytes or None, each with a key of its own."""
    return [
        Sampled(
            topic,
            n % 4,
            n // 4,
            NOW_MS,
            f"profile-{n}".encode(),
            value if value is None or isinstance(value, bytes) else json.dumps(value).encode(),
        )
        for n, value in enumerate(values)
    ]
