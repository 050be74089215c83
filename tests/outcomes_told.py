"""What an attempt means, as the README shows it: computed from the function itself."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from streams.destinations import Delivery, Retry
from streams.endpoints.meanings import Answered, Failed, Meanings
from streams.endpoints.reasons import AttemptReason
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

_WORDS = {
    Delivered: "delivered",
    Retryable: "retry",
    Refused: "refused: dead letter",
    DestinationFault: "fault: the destination pauses",
}


def outcomes_table() -> str:
    """Return the README's table: each answer, then each failure to get one."""
    durable, adobe = Meanings(Delivery()), Meanings(Delivery(retry=Retry(policy="adobe")))
    rows = [
        f"| {_spans(statuses)} | {cells[0]} | {cells[1]} |\n"
        for cells, statuses in _grouped(
            (_word(durable.of(Answered(s))), _word(adobe.of(Answered(s)))) for s in STATUSES
        )
    ]
    for word, reasons in _failures(durable):
        rows.append(f"| no answer: {', '.join(f'`{reason}`' for reason in reasons)} | {word} | {word} |\n")
    return "".join(["| Answer | `retry: durable` | `retry: adobe` |\n", "| --- | --- | --- |\n", *rows])


STATUSES = range(200, 600)


def _word(outcome: Outcome) -> str:
    return _WORDS[type(outcome)]


def _grouped(cells: Iterable[tuple[str, str]]) -> list[tuple[tuple[str, str], list[int]]]:
    """Return the statuses of each class that mean the same, the largest group, written as the class, last."""
    found: dict[tuple[int, tuple[str, str]], list[int]] = {}
    for status, meaning in zip(STATUSES, cells, strict=True):
        found.setdefault((status // 100, meaning), []).append(status)
    ordered = sorted(found.items(), key=lambda each: (each[0][0], len(each[1])))
    return [(meaning, statuses) for (_, meaning), statuses in ordered]


def _spans(statuses: list[int]) -> str:
    first = statuses[0] // 100
    if len(statuses) == 100:
        return f"{first}xx"
    if len(statuses) > 50:
        return f"other {first}xx"
    spans: list[str] = []
    for _, run in groupby(enumerate(statuses), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        spans += [f"{numbers[0]} to {numbers[-1]}"] if len(numbers) > 2 else map(str, numbers)
    return ", ".join(spans)


def _failures(meanings: Meanings) -> list[tuple[str, list[str]]]:
    answers = {
        outcome.reason for s in range(100, 700) if not isinstance(outcome := meanings.of(Answered(s)), Delivered)
    }
    found: dict[str, list[str]] = {}
    for reason in AttemptReason:
        if reason not in answers | {AttemptReason.REJECTED_AGAIN, AttemptReason.OVERRIDDEN}:
            found.setdefault(_word(meanings.of(Failed(reason))), []).append(reason)
    return list(found.items())
