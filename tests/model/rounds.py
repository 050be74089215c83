"""Rounds of lives in a plant: drawn by Hypothesis, lived by a real worker, judged by the model.

Shrinking is worth nothing over a worker that lives: what disagrees is told as it is, with the seed that draws it again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.model.crashed import Row, recovered
from tests.model.judge import Disagreement, Done, Judge
from tests.model.laws import Kind, Record, Setting
from tests.model.plant import Burst, Life, Plant, now_ms
from tests.model.strategies import NAMES, Words, documents, records, words

T = TypeVar("T")
LATEST_SECONDS = 0.08
"""How long after its records were put the worker is killed, at most: they are taken, written and confirmed by then."""
CALM, CRASHING = 12, 6
"""Lives of a round in which nothing happens to the worker, and in which it is killed."""


@dataclass
class Counts:
    """What was tried."""

    examples: int = 0
    crashed: int = 0
    kills: int = 0
    configurations: int = 0
    records: int = 0
    exports: int = 0
    repeats: int = 0
    disturbed: int = 0
    """Lives that are judged as after a crash, since the worker had lost its partitions for a moment."""
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.examples} examples ({self.crashed} with a crash, {self.kills} kills, {self.disturbed} disturbed), "
            f"{self.configurations} configurations, {self.records} records, {self.exports} exports, "
            f"{self.repeats} of them repeated; {len(self.failures)} disagreements"
        )


def drawn(strategy: st.SearchStrategy[T], count: int, seed: int) -> list[T]:
    """Return *count* values of a strategy; a seed always draws the same."""
    found: list[T] = []

    @hypothesis.seed(seed)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


@st.composite
def _bursts(draw: st.DrawFn, inputs: dict[str, Kind], of: Words, now: int, least: int) -> list[Burst]:
    """Draw a life: often a record by itself, and now and then several of one input at once."""
    life: list[Burst] = []
    for _ in range(draw(st.integers(least, 8))):
        first: Record = draw(records(inputs, of, now))
        more = [
            draw(records({first.topic: inputs[first.topic]}, of, now))
            for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
        ]
        life.append((first, *more))
    return life


async def live(
    plant: Plant, merge: Any, seed: int, counts: Counts, *, calm: int = CALM, crashing: int = CRASHING
) -> None:
    """Live one round."""
    now, dice = now_ms(), random.Random(seed)
    inputs: dict[str, Any] = dict(plant.inputs)
    of = drawn(words(), 8, seed)[-1]
    chosen = [drawn(documents(name, of, now), 8, seed + place)[-1] for place, name in enumerate(NAMES, 1)]
    setting = Setting(inputs, merge, chosen)
    await plant.follow(chosen)
    counts.configurations += len(chosen)
    # The first ones that are drawn are the smallest: they are left out.
    bursts = drawn(_bursts(inputs, of, now, 2), 2 * (calm + crashing), seed)[-(calm + crashing) :]
    keys = [f"{seed}-{place}".encode() for place in range(len(bursts))]
    lives = [Life(key, each) for key, each in zip(keys, bursts, strict=True)]
    quiet, hit = lives[:calm], lives[calm:]
    await _live_quietly(plant, setting, quiet, counts)
    number = dice.randrange(1, 3)
    for life in hit:
        life.crash = min(number, len(life.bursts) - 1)
    await plant.happen(hit, 0, number)
    await plant.crash(hit, number, dice.uniform(0, LATEST_SECONDS))
    await plant.happen(hit, number + 1, 9)
    await plant.settle()
    rows = await plant.rows(hit, NAMES)
    for life in hit:
        _judge(setting, life, rows[life.key], counts, until=life.until_crash())
    counts.crashed += len(hit)
    counts.kills += 1


async def _live_quietly(plant: Plant, setting: Setting, lives: Sequence[Life], counts: Counts) -> None:
    assignments, before = plant.assignments, await plant.ends()
    await plant.happen(lives, 0, 9)
    await plant.settle()
    after, rows = await plant.ends(), await plant.rows(lives, NAMES)
    disturbed = plant.assignments != assignments
    judges = []
    for life in lives:
        until = len(life.records) if disturbed else 0
        judges.append(_judge(setting, life, rows[life.key], counts, until=until))
    counts.disturbed += disturbed * len(lives)
    if not disturbed and not counts.failures:
        _add_up(judges, {key: after[key] - before[key] for key in after}, counts)


def _judge(setting: Setting, life: Life, rows: Sequence[Row], counts: Counts, *, until: int) -> Judge:
    """Judge a life: the first records, *until* then, as after a crash, the others exactly."""
    judge, now = Judge(setting, by_itself=True), now_ms()
    counts.examples += 1
    counts.records += len(life.records)
    counts.exports += len(rows)
    try:
        if until:
            early = [row for row in rows if row.record < until]
            counts.repeats += recovered(judge, life.records[:until], early, now)
        for place, record in enumerate(life.records[until:], until):
            judge.take(record, Done(None, [row.sent for row in rows if row.record == place]), now)
        for document in setting.documents:
            order = [row.record for row in rows if row.sent.destination == document["name"] and row.record >= until]
            if order != sorted(order):
                raise Disagreement(f"{document['name']} was sent the records in the order {order}")
    except Disagreement as disagreement:
        counts.failures.append(_told(setting, life, rows, disagreement))
    return judge


def _add_up(judges: Sequence[Judge], ended: dict[tuple[str, str], float], counts: Counts) -> None:
    """Compare the books of the worker with how the records have ended by the model, where that is known."""
    surely, perhaps = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for record, ends in (each for judge in judges for each in judge.ends):
        for end in ends:
            perhaps[record.topic, end] += 1
            surely[record.topic, end] += len(ends) == 1
    for key, number in ended.items():
        if not surely[key] <= number <= perhaps[key]:
            counts.failures.append(f"{number:g} records ended as {key}; by the model {surely[key]} to {perhaps[key]}")


def _told(setting: Setting, life: Life, rows: Sequence[Row], why: Disagreement) -> str:
    lines = [
        f"{life.key.decode()}: {why}",
        f"inputs {list(setting.inputs)}, merge {setting.merge}",
        *map(repr, setting.documents),
        *(
            f"burst {place}{', killed' if place == life.crash else ''}: {burst}"
            for place, burst in enumerate(life.bursts)
        ),
        *(f"export of record {row.record}: {row.sent}" for row in rows),
    ]
    return "\n  ".join(lines)
