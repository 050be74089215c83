"""Delivery alone, by its own bench (``tests.bench.delivery``), as figures among the others."""

from __future__ import annotations

import asyncio
import uuid

from tests.bench import delivery
from tests.bench.contestants import Job
from tests.bench.figures import Figure
from tests.bench.lab import Lab
from tests.brokers.client import Client

NAMES = tuple(delivery.NAMES.values())

EXPORTS, PROFILES, PAYLOAD = 15_000, 5_000, 512


async def run(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``."""
    job = Job("", lab.bootstrap, f"bench-{uuid.uuid4().hex[:8]}", lab.url, EXPORTS, "asyncio")
    params: dict[str, object] = {"latency_ms": 0, "payload_bytes": PAYLOAD, "batch": 1, "loop": job.loop}
    await delivery.fill(job, profiles=PROFILES, payload=PAYLOAD)
    try:
        rows = delivery.report(await asyncio.to_thread(delivery.rounds, job, lab.rounds), params)
        if lab.profile:
            await asyncio.to_thread(delivery.profiled, job, lab.directory)
    finally:
        await Client(lab.bootstrap).delete_topics(job.topic)
    return [row for row in rows if row["name"] in wanted]
