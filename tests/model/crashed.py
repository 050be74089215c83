"""Judges a life during which the worker was killed: nobody knows how far it had come when it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.model import contents
from tests.model.judge import Disagreement, Judge, Sent
from tests.model.laws import Outcome, Person, Record


class Row(NamedTuple):
    """An export as it stands on its topic: of which of the profile's records it is, and what it says."""

    record: int
    sent: Sent


def recovered(judge: Judge, records: Sequence[Record], rows: Sequence[Row], now: int) -> int:
    """Take *records*, all those up to the end of the crash, and the *rows* that are of them; return how many repeat.

    Each row must be what its record sends, or what may be said in a state that the profile has had from then on. The
    last of each destination must be the last that is sent by the laws, or say what is so now.
    """
    states = [judge.suppose(record, now) for record in records]
    for row in rows:
        if not any(_allows(judge, state, row, now) for state in states[row.record :]):
            raise Disagreement(f"nothing allows {row.sent}\n of {records[row.record]}\n {states[row.record :]}")
    judge.note(row.sent for row in rows)
    for document in judge.setting.documents:
        _covers(judge, document["name"], states, now)
    _hear(judge, rows)
    return len(rows) - len({(row.record, row.sent.destination) for row in rows})


def _allows(judge: Judge, state: list[tuple[Person, Outcome]], row: Row, now: int) -> bool:
    sent = row.sent
    return any(
        contents.same(outcome.sent.get(sent.destination, ("", None))[1], sent.body)
        or judge.may_say(person, sent, now)
        for person, outcome in state
    )  # fmt: skip


def _covers(judge: Judge, name: str, states: Sequence[list[tuple[Person, Outcome]]], now: int) -> None:
    """Raise unless the last export says what it must."""
    dues = list(_dues(name, states))
    if not dues or any(contents.same(judge.last.get(name), due) for due in dues):
        return
    judge.due = {**judge.due, name: dues[0]}
    judge.covered(now, name)


def _dues(name: str, states: Sequence[list[tuple[Person, Outcome]]]) -> Iterator[Any]:
    """Yield what may have been sent last; null is for nothing.

    In one of the worlds a record sends something, in another it does not: then what was sent before counts, too.
    """
    for state in reversed(states):
        sent = [outcome.sent[name][1] for _, outcome in state if name in outcome.sent]
        yield from sent
        if len(sent) == len(state):
            return
    yield None


def _hear(judge: Judge, rows: Sequence[Row]) -> None:
    """Note what each destination was told last, as the state has it."""
    for sent in {row.sent.destination: row.sent for row in rows}.values():
        for world in judge.worlds:
            judge.hear(world, sent)
