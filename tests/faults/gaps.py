"""The operator's answer to a gap, given as an operator gives it: by the command line."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.commands import given
from tests.faults.evidence import Export, Obligation
from tests.faults.profiles import State, said_by
from tests.faults.worker import Worker

if TYPE_CHECKING:
    from tests.faults.lab import Lab


class CommandError(Exception):
    """A command ended with something else than 0."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A partition that stands still, as ``streams gaps list`` tells it."""

    topic: str
    partition: int
    cause: str
    committed: int | None
    beginning: int
    gone: int | None


async def announced(worker: Worker) -> list[Announced]:
    """Return what ``streams gaps list`` tells."""
    told = json.loads(await run(worker, "gaps", "list", "--output", "json"))
    fields = Announced.__slots__
    return [Announced(**{name: each.get(name) for name in fields}) for each in told]


async def accept(worker: Worker, gap: Announced, resume: str = "beginning") -> None:
    """Accept one gap, to go on at the beginning of what is left, or at its end."""
    which = ("--topic", gap.topic, "--partition", str(gap.partition))
    await run(worker, "gaps", "accept", *which, "--resume", resume, "--yes")


@dataclass(frozen=True, slots=True)
class Owed:
    """What a run owes, as the judge reads it: exports that must end, obligations, and how much of each profile."""

    exports: list[Export]
    obligations: list[Obligation]
    states: dict[str, State]

    @classmethod
    def by(cls, lab: Lab) -> Owed:
        """Return the ledgers of a lab themselves: what is taken from them is owed no more."""
        return cls(lab.exports.rows, lab.load.obligations, lab.load.confirmed_states)

    def forgive(self, exports: Sequence[Export] = (), inputs: Sequence[Obligation] = ()) -> int:
        """Take away what was announced as gone, and accepted; return how many obligations that were.

        An export takes those along that are in it and in no other export. What is left owed is judged as ever.
        """
        gone = {id(each) for each in exports}
        lost = {id(each) for each in inputs} | {id(each) for each in self._only_in(gone)}
        self.exports[:] = [row for row in self.exports if id(row) not in gone]
        self.obligations[:] = [each for each in self.obligations if id(each) not in lost]
        self.states.clear()
        for each in self.obligations:
            known = self.states.get(each.profile, State(0, 0))
            highest = State(max(known.version, each.state.version), max(known.step, each.state.step))
            self.states[each.profile] = highest
        return len(lost)

    def _only_in(self, gone: set[int]) -> list[Obligation]:
        """Return the obligations that are in one of the exports that are *gone*, and in no other."""
        lost, left = defaultdict[str, list[State]](list), defaultdict[str, list[State]](list)
        for row in self.exports:
            if (said := said_by(row.body)) is not None:
                (lost if id(row) in gone else left)[said.profile].append(said.state)
        return [
            each
            for each in self.obligations
            if any(state.includes(each.state) for state in lost[each.profile])
            and not any(state.includes(each.state) for state in left[each.profile])
        ]


async def run(worker: Worker, *command: str) -> str:
    """Run ``streams`` with the worker's configuration; return its standard output."""
    ended = await given(worker, *command)
    if ended.code != 0:
        raise CommandError(f"streams {' '.join(command)} ended with {ended.code}: {ended.error[-500:]}")
    return ended.out
