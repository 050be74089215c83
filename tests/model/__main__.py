"""Holds real workers on a real Kafka against the model: ``python -m tests.model [--seed N] [--rounds N]``.

Several plants at once, each with inputs and a merge rule of its own. Prints the counts, keeps them in
``build/model.json``, with ``--publish`` in ``tests/evidence/model.json``, and ends with 1 where anything disagrees,
with 3 where no real Kafka can be run. ``--mutation NAME`` breaks a law in the workers first: that is to be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.brokers import kafka
from tests.brokers.client import Client
from tests.faults.matrix import judged
from tests.model.evidence import publish
from tests.model.mutations import MUTATIONS
from tests.model.plant import a_plant
from tests.model.rounds import Counts, live
from tests.model.strategies import INPUTS

PLANTS = ((INPUTS[0], "newest"), (INPUTS[1], "precedence"), (INPUTS[1], "newest"))


async def run(bootstrap: str, directory: Path, arguments: argparse.Namespace, counts: Counts) -> None:
    """Run all plants until the rounds are done."""

    async def plant(number: int) -> None:
        inputs, merge = PLANTS[number]
        async with a_plant(
            Client(bootstrap), f"model-{number}", directory / str(number), inputs, merge, arguments.mutation
        ) as lived:
            for place in range(arguments.rounds):
                await live(lived, merge, 100_000 * arguments.seed + 1_000 * number + 10 * place, counts)
                print(f"plant {number}, round {place + 1}: {counts}", file=sys.stderr, flush=True)

    await asyncio.gather(*(plant(number) for number in range(len(PLANTS))))


def kept(counts: Counts, arguments: argparse.Namespace, seconds: float) -> dict[str, object]:
    """Return what is kept of a run."""
    numbers = {name: value for name, value in vars(counts).items() if name != "failures"}
    of = {"seed": arguments.seed, "mutation": arguments.mutation, "commit": judged()}
    when = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "seconds": round(seconds, 1)}
    return {**of, **when, **numbers, "disagreements": counts.failures}


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10, help="of each plant: 18 lives and a kill")
    parser.add_argument("--mutation", choices=sorted(MUTATIONS))
    parser.add_argument("--output", type=Path, default=Path("build/model.json"))
    parser.add_argument(
        "--publish", action="store_true", help="keep the counts among the evidence, and tell them in the README"
    )
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # workers come and go here
    counts, began = Counts(), time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="streams-model-") as directory, kafka.running() as broker:
            asyncio.run(run(broker.bootstrap, Path(directory), arguments, counts))
    except kafka.UnavailableError as unavailable:
        print(unavailable, file=sys.stderr)
        return 3
    found = kept(counts, arguments, time.monotonic() - began)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.publish:
        publish(found)
    print("\n".join(counts.failures[:5]))
    print(f"seed {arguments.seed}: {counts}; {time.monotonic() - began:.0f} s")
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
