"""CPU per export of delivery alone, against a bare aiokafka + aiohttp loop with lanes, in the same run.

``python -m tests.bench.delivery`` prints a table; ``--output FILE`` adds the figures to a JSON list, ``--profile
DIRECTORY`` writes cProfile's figures of each contestant and prints the first of them (profiled runs are not timed).
The broker is KAFKA_BOOTSTRAP_SERVERS, or one that is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pstats
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from tests.bench.contestants import CONTESTANTS, Job, Result
from tests.brokers import kafka
from tests.brokers.client import Client
from tests.deliverables import export_headers

RUN_SECONDS = 120
NAMES = {"loop": "delivery_loop_cpu_per_export", "delivery": "delivery_cpu_per_export"}


@contextmanager
def an_endpoint(latency_ms: float) -> Iterator[str]:
    """Lend the URL of the cheap endpoint, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.endpoint", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/profiles"
        finally:
            process.terminate()


async def fill(job: Job, *, profiles: int, payload: int) -> None:
    """Write the exports that every contestant delivers."""
    await Client(job.bootstrap).create_topic(job.topic, 4)
    body = json.dumps({"pad": "x" * max(0, payload - 11)}).encode()
    async with AIOKafkaProducer(bootstrap_servers=job.bootstrap, linger_ms=20) as producer:
        for number in range(job.exports):
            key = b"profile-%d" % (number % profiles)
            id_ = str(uuid.UUID(int=number))
            await producer.send(job.topic, body, key, headers=export_headers(id_, number))


def run(job: Job) -> Result:
    """Run a contestant in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.contestants"]
    done = subprocess.run(
        command, input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True, timeout=RUN_SECONDS
    )
    return msgspec.json.decode(done.stdout, type=Result)


async def forget(job: Job) -> None:
    """Let the next contestant find the topic as if nobody had read it."""
    client = Client(job.bootstrap)
    beginning = {TopicPartition(job.topic, number): 0 for number in await client.partitions(job.topic)}
    async with client.consumer(group_id=job.group) as consumer:
        consumer.assign(list(beginning))
        await consumer.commit(beginning)


def rounds(job: Job, count: int) -> dict[str, list[Result]]:
    """Run all contestants in turn, *count* times: a machine that is slow for a while is slow for each of them."""
    results: dict[str, list[Result]] = {name: [] for name in CONTESTANTS}
    for number in range(count):
        for name in CONTESTANTS:
            asyncio.run(forget(job))
            result = run(msgspec.structs.replace(job, contestant=name))
            results[name].append(result)
            print(f"  {number + 1}. {name:9} {result.cpu_us_per_export:6.0f} us", file=sys.stderr)
    return results


def report(results: dict[str, list[Result]], params: dict[str, object]) -> list[dict[str, object]]:
    """Return a row per contestant that has a yardstick: the median of its CPU, and of the ratios round by round."""
    rows: list[dict[str, object]] = []
    for contestant, name in NAMES.items():
        pairs = list(zip(results[contestant], results["bare"], strict=True))
        rows.append(
            {
                "name": name,
                "params": params,
                "value": round(statistics.median(ours.cpu_us_per_export for ours, _ in pairs), 1),
                "unit": "us",
                "yardstick": round(statistics.median(bare.cpu_us_per_export for _, bare in pairs), 1),
                "ratio": round(statistics.median(o.cpu_us_per_export / b.cpu_us_per_export for o, b in pairs), 3),
                "exports_per_second": round(statistics.median(ours.exports_per_second for ours, _ in pairs)),
            }
        )
    return rows


def profiled(job: Job, directory: Path) -> None:
    """Print where each contestant's time goes."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in CONTESTANTS:
        file = directory / f"{name}.prof"
        asyncio.run(forget(job))
        run(msgspec.structs.replace(job, contestant=name, profile=str(file)))
        print(f"\n== {name}")
        pstats.Stats(str(file)).sort_stats("tottime").print_stats(30)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exports", type=int, default=20_000)
    parser.add_argument("--profiles", type=int, default=5_000)
    parser.add_argument("--payload-bytes", type=int, default=512)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--profile", type=Path)
    args = parser.parse_args()
    app = f"bench{os.getpid()}-{uuid.uuid4().hex[:6]}"
    with kafka.running() as broker, an_endpoint(args.latency_ms) as url:
        job = Job("", broker.bootstrap, app, url, args.exports, args.loop)
        asyncio.run(fill(job, profiles=args.profiles, payload=args.payload_bytes))
        params = {"latency_ms": args.latency_ms, "payload_bytes": args.payload_bytes, "batch": 1, "loop": args.loop}
        try:
            rows = report(rounds(job, args.rounds), params)
            if args.profile:
                profiled(job, args.profile)
        finally:
            asyncio.run(Client(broker.bootstrap).delete_topics(job.topic))
    for row in rows:
        print("{name}: {value} us, yardstick {yardstick} us, ratio {ratio}, {exports_per_second}/s".format(**row))
    if args.output:
        earlier = json.loads(args.output.read_text()) if args.output.exists() else []
        args.output.write_text(json.dumps([*earlier, *rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
