"""Judges a run again whose ledgers were kept, all but what was said: ``python -m tests.faults.rejudge FOLDER ...``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.kept import read_ledgers
from tests.faults.result import Result
from tests.faults.verdict import verdict


def rejudge(folder: Path) -> Result:
    """Judge the ledgers in a folder that ``--keep`` has left."""
    row, _, seed = folder.name.rpartition("-")
    return verdict(row, "judged again", int(seed), read_ledgers(folder), 0.0)


def main() -> int:
    """Print each result; end with 1 if one has not passed."""
    results = [rejudge(Path(name)) for name in sys.argv[1:]]
    for result in results:
        print(json.dumps(result.as_json(), indent=2))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
