"""What ``make model`` has shown last: kept among the evidence, and told in the README."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "tests" / "evidence" / "model.json"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- model -->\n).*?(<!-- /model -->)", re.DOTALL)


def told(kept: Mapping[str, Any]) -> str:
    """Return what a run has shown, as the README says it."""
    numbers = {name: f"{value:,}".replace(",", " ") for name, value in kept.items() if isinstance(value, int)}
    return (
        f"Last run (seed {kept['seed']}, commit `{kept['commit']}`, {kept['date']}): {numbers['examples']} examples, "
        f"{numbers['crashed']} of them with a crash ({numbers['kills']} kills), over {numbers['configurations']} "
        f"documents; {numbers['records']} records, {numbers['exports']} exports, {numbers['repeats']} of them written "
        f"again; {len(kept['disagreements'])} disagreements.\n"
    )


def written(readme: str, kept: Mapping[str, Any]) -> str:
    """Return the README with what a run has shown."""
    return BLOCK.sub(lambda found: found[1] + told(kept) + found[2], readme)


def publish(kept: Mapping[str, Any]) -> None:
    """Keep a run, and tell it."""
    EVIDENCE.write_text(json.dumps(kept, indent=1) + "\n")
    README.write_text(written(README.read_text(), kept))
