"""Runs the benchmarks that are named, or all: ``python -m tests.bench [NAME ...] [--where PARAM=VALUE]``.

Prints a table and writes ``build/bench.json``; each result is told on standard error as it comes. With PROFILE=1 in the
environment each is also profiled. The broker is KAFKA_BOOTSTRAP_SERVERS, or one that is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import ceiling, crowds, enough, grid, isolation, rails, recovery
from tests.bench.figures import Figure, keep, stamped
from tests.bench.lab import Lab
from tests.bench.machine import busy
from tests.bench.processes import told
from tests.bench.table import shown
from tests.bench.telling import Wanted
from tests.brokers import kafka

Benchmark = Callable[[Lab, Wanted], Awaitable[list[Figure]]]

BENCHMARKS: tuple[tuple[tuple[str, ...], Benchmark], ...] = (
    (grid.NAMES, grid.run),
    (ceiling.NAMES, ceiling.run),
    (crowds.NAMES, crowds.run),
    (isolation.NAMES, isolation.run),
    (recovery.NAMES, recovery.run),
    (rails.NAMES, rails.run),
    (enough.NAMES, enough.run),
)
NAMES = tuple(name for names, _ in BENCHMARKS for name in names)


async def measure(bootstrap: str, directory: Path, arguments: argparse.Namespace) -> tuple[list[Figure], list[str]]:
    """Run the benchmarks that measure anything that is wanted; return what they found, and the names of what failed."""
    wanted = Wanted(frozenset(arguments.names or NAMES), dict(each.split("=", 1) for each in arguments.where))
    figures, failed = list[Figure](), list[str]()
    async with told("tests.bench.endpoint") as endpoint:
        lab = Lab(bootstrap, endpoint, directory, arguments.rounds, bool(os.environ.get("PROFILE")))
        for names, run in BENCHMARKS:
            if wanted.names & set(names):
                try:
                    figures += stamped(await run(lab, wanted))
                except Exception:  # the others take a quarter of an hour
                    traceback.print_exc()
                    failed += sorted(wanted.names & set(names))
                keep(figures, arguments.output)
    return figures, failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--where", action="append", default=[], metavar="PARAM=VALUE", help="such as latency_ms=0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(NAMES)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if wrong := [each for each in arguments.where if "=" not in each]:
        parser.error(f"--where takes PARAM=VALUE, not {', '.join(wrong)}")
    return arguments


def main() -> int:
    """Measure and print."""
    arguments, began = _arguments(), time.monotonic()
    if warning := busy():
        print(warning, file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on every way out
    try:
        with tempfile.TemporaryDirectory(prefix="streams-bench-") as directory, kafka.running() as broker:
            figures, failed = asyncio.run(measure(broker.bootstrap, Path(directory), arguments))
    except kafka.UnavailableError as unavailable:
        print(unavailable, file=sys.stderr)
        return 3
    print(shown(figures))
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; {arguments.output} has all of it")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
