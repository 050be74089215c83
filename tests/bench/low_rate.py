"""What a record costs, and how long it takes to its 2xx, when 500 arrive every second one by one.

From the moment before ``send`` to the moment of the line that the worker writes when the export has ended, both by the
clock of this machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import quantiles

from aiokafka import AIOKafkaProducer

from tests.bench.figures import Figure, figure
from tests.bench.lab import Lab, Plant, a_plant
from tests.bench.profiling import profiled
from tests.bench.records import Pair

LATENCY, CPU = "latency_p99", "low_rate_cpu"
NAMES = (LATENCY, CPU)

RATE = 500
SECONDS = 12
SETTLING_SECONDS = 2
"""Left out at the beginning: connections are made, code is warm."""
PROFILES = RATE * SECONDS

Sent = dict[str, float]
"""When each record was sent, by its position."""


async def run(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``."""
    async with a_plant(lab, settings={"log": {"delivered": True}}) as plant:
        await plant.put_profiles(PROFILES)
        records = plant.next_turn(PROFILES)[:PROFILES]
        before, began = await plant.mark(), time.monotonic()
        sent = await _send(plant, records)
        after, took = await plant.mark(), time.monotonic() - began
        await plant.reaches("delivered", PROFILES)
        latencies = _latencies(sent, plant.worker.log.splitlines())
        if lab.profile:
            async with profiled(plant.worker.pid, CPU, lab.directory):
                await _send(plant, plant.next_turn(PROFILES)[:PROFILES])
    cuts = quantiles(latencies, n=100)
    params = {"rate": RATE, "latency_ms": 0, "payload_bytes": 512}
    figures = [
        figure(LATENCY, params, round(cuts[98] * 1000, 1), "ms", p50=round(cuts[49] * 1000, 1)),
        figure(CPU, params, round((after.cpu_seconds - before.cpu_seconds) / took, 3), "cores"),
    ]
    return [each for each in figures if each["name"] in wanted]


async def _send(plant: Plant, records: Sequence[tuple[str, Pair]]) -> Sent:
    """Send records one by one, at their times; return when each one was sent."""
    sent: Sent = {}
    async with AIOKafkaProducer(bootstrap_servers=plant.lab.bootstrap, linger_ms=0) as producer:
        began, waiting = time.monotonic(), []
        for number, (topic, (key, value)) in enumerate(records):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            at = time.time()
            waiting.append((at, await producer.send(topic, value, key)))
        for at, answer in waiting:
            placed = await answer
            sent[f"{placed.topic}-{placed.partition}-{placed.offset}"] = at
    return sent


def _latencies(sent: Sent, lines: Iterable[str]) -> list[float]:
    """Return the seconds from sending to the 2xx, of what was sent after the beginning."""
    settled = min(sent.values()) + SETTLING_SECONDS
    ended = {
        line["source"]: datetime.fromisoformat(line["timestamp"]).timestamp()
        for line in (json.loads(text[text.index("{") :]) for text in lines if '"export.ended"' in text)
    }
    return [ended[source] - at for source, at in sent.items() if at >= settled]
