"""Runs rows of the fault matrix: ``python -m tests.faults [ROW ...] [--seeds N]``.

Prints a table, writes ``build/faults.json``, and ends with 1 when a row failed, with 3 where no real Kafka can be run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import traceback
from pathlib import Path

from tests.brokers import kafka
from tests.faults import matrix
from tests.faults.result import Result, broken_down


async def run(rows: list[matrix.Row], seeds: list[int], arguments: argparse.Namespace, results: list[Result]) -> None:
    """Run each row with each seed; a row that breaks down has failed, and the others go on."""
    for row in rows:
        for seed in seeds:
            print(f"{row.name} with seed {seed}: {row.what} ...", file=sys.stderr, flush=True)
            folder = None if arguments.keep is None else arguments.keep / f"{row.name}-{seed}"
            try:
                result = await matrix.run(row, seed, scale=arguments.scale, keep=folder)
            except kafka.UnavailableError:
                raise
            except Exception as error:
                traceback.print_exc()
                result = broken_down(row.name, row.what, seed, error)
            results.append(result)
            matrix.keep(results, arguments.output)
            print(matrix.table([result]), file=sys.stderr, flush=True)
            if not result.passed:
                print(json.dumps(result.violations, indent=2), file=sys.stderr, flush=True)


def main() -> int:
    """Run and print."""
    known = matrix.all_rows()
    spelled = {name.casefold(): name for name in known}
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(known)}; none = all")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds each row is run with")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--scale", type=float, default=1.0, help="how much is done: profiles, records, seconds of S1")
    parser.add_argument("--output", type=Path, default=Path("build/faults.json"))
    parser.add_argument("--keep", type=Path, help="a folder in which logs and ledgers stay")
    arguments = parser.parse_args()
    if unknown := sorted(name for name in set(arguments.rows) if name.casefold() not in spelled):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [known[spelled[name.casefold()]] for name in arguments.rows or known]
    seeds = list(range(arguments.seed, arguments.seed + arguments.seeds))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers come and go here
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on every way out
    results: list[Result] = []
    try:
        asyncio.run(run(chosen, seeds, arguments, results))
    except kafka.UnavailableError as unavailable:
        print(unavailable, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(matrix.table(results))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
