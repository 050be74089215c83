"""Runs the benchmarks that are named, or all: ``python -m tests.bench [NAME ...]``.

Prints a table and writes ``build/bench.json``. With PROFILE=1 in the environment each is also profiled. The broker is
KAFKA_BOOTSTRAP_SERVERS, or one that is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import activation, bulk_delivery, delivery, low_rate, recovery
from tests.bench.figures import Figure, keep, table
from tests.bench.lab import Lab
from tests.brokers import kafka

Benchmark = Callable[[Lab, frozenset[str]], Awaitable[list[Figure]]]

BENCHMARKS: tuple[tuple[tuple[str, ...], Benchmark], ...] = (
    (bulk_delivery.NAMES, bulk_delivery.run),
    (activation.NAMES, activation.run),
    (low_rate.NAMES, low_rate.run),
    (recovery.NAMES, recovery.run),
)
NAMES = tuple(name for names, _ in BENCHMARKS for name in names)


async def measure(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Run the benchmarks that measure anything *wanted*."""
    figures: list[Figure] = []
    for names, run in BENCHMARKS:
        if chosen := wanted & set(names):
            print(f"{', '.join(name for name in names if name in chosen)}:", file=sys.stderr)
            figures += await run(lab, chosen)
    return figures


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    args = parser.parse_args()
    if unknown := sorted(set(args.names) - set(NAMES)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on every way out
    try:
        with (
            tempfile.TemporaryDirectory(prefix="streams-bench-") as directory,
            kafka.running() as broker,
            delivery.an_endpoint(0) as url,
        ):
            lab = Lab(broker.bootstrap, url, Path(directory), args.rounds, bool(os.environ.get("PROFILE")))
            figures = asyncio.run(measure(lab, frozenset(args.names or NAMES)))
    except kafka.UnavailableError as unavailable:
        print(unavailable, file=sys.stderr)
        return 3
    keep(figures, args.output)
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
