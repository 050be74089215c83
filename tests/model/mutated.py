"""A worker in which one law is broken: ``python -m tests.model.mutated NAME --config F``."""

from __future__ import annotations

import sys

from streams.cli import main
from tests.model.mutations import MUTATIONS

if __name__ == "__main__":
    MUTATIONS[sys.argv[1]](setattr)
    main(["worker", *sys.argv[2:]], prog_name="streams")
