"""What a row of the matrix found out in one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

UNKNOWN = "\N{EN DASH}"
"""In the place of a number that a row did not come to, since it broke down."""


@dataclass(slots=True)
class Result:
    """One run of one row; *violations* has the first texts of each invariant that was broken."""

    row: str
    seed: int
    what: str
    records: int | None
    """Obligations: input records that the broker had confirmed; None, as other numbers, where the row broke down."""
    in_flight: int | None
    """Open requests when the fault came; with several faults, the most."""
    lost: int | None
    duplicates: int | None
    duplicates_bound: int | None
    """How many repetitions the crashes explain: in flight, finished or written since the last commit before each."""
    order_violations: int | None
    recovery_seconds: float | None
    """The longest time that a partition waited for a delivery because of a fault."""
    passed: bool
    seconds: float = 0.0
    scale: float = 1.0
    """How much of the row was done; what is published has done all of it."""
    commit: str = ""
    """What was judged; with a ``+`` where files differed from it."""
    date: str = ""
    violations: dict[str, list[str]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    """What else the row measured."""

    def fail(self, why: str) -> None:
        """Note that the row's own condition did not hold."""
        self.violations.setdefault("row", []).append(why)
        self.passed = False

    def join(self, other: Result) -> None:
        """Take in what was found out of another destination of the same run; *other* bears its name."""
        self.violations |= {f"{other.row}: {name}": texts for name, texts in other.violations.items()}
        self.passed = self.passed and other.passed
        for name in ("lost", "duplicates", "duplicates_bound", "order_violations"):
            setattr(self, name, (getattr(self, name) or 0) + (getattr(other, name) or 0))
        recoveries = [each.recovery_seconds for each in (self, other) if each.recovery_seconds is not None]
        self.recovery_seconds = max(recoveries, default=None)
        self.figures[other.row] = other.figures

    def as_json(self) -> dict[str, Any]:
        """Return it as ``build/faults.json`` has it."""
        return asdict(self)


def shown(number: int | None) -> str:
    """Return a number as people read it."""
    return UNKNOWN if number is None else str(number)


def broken_down(row: str, what: str, seed: int, error: Exception) -> Result:
    """Return what is known of a run that ended before it was judged: nothing but why."""
    result = Result(row, seed, what, None, None, None, None, None, None, None, passed=False)
    result.fail(f"{type(error).__name__}: {str(error)[:500]}")
    return result
