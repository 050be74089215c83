"""What each code means and what to do about it: the lines of the README's "What to do when".

A message carries the code of its line, in brackets at its end or as a field of a log line. The closed lists that the
codes come from are elsewhere; a test holds both together. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Remedy(NamedTuple):
    """One line: what has happened, and what mends it."""

    meaning: str
    todo: str


Remedies = Mapping[str, Remedy]
"""By code."""


def table(remedies: Remedies) -> str:
    """Return the lines as a Markdown table."""
    rows = [f"| `{code}` | {each.meaning} | {each.todo} |" for code, each in remedies.items()]
    return "\n".join(["| Code | What it means | What to do |", "| --- | --- | --- |", *rows]) + "\n"
