"""What the answers of a destination mean, as a document writes it where that differs from what they mean by default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from streams.codes import Mistake
from streams.configuration.fields import Model
from streams.configuration.located import Node
from streams.configuration.problems import shown
from streams.configuration.validation import Flaw, refuse

_CLASS = re.compile(r"[2-5]xx", re.IGNORECASE)


def _answer(value: object) -> int:
    """Return a status, or the first digit of a class of them."""
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return value
    if isinstance(value, str) and _CLASS.fullmatch(value):
        return int(value[0])
    refuse([Flaw(f"came {shown(value)}", "expected a status from 200 to 599, or a class such as 5xx")])
    raise AssertionError("refused above")


Answer = Annotated[
    int,
    BeforeValidator(_answer),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 200, "maximum": 599}, {"pattern": "^[2-5][xX][xX]$"}]}),
]


class OutcomesDraft(Model):
    """What answers mean that by default mean something else."""

    delivered: tuple[Answer, ...] = Field(default=(), description="Statuses that end an export as delivered.")
    retry: tuple[Answer, ...] = Field(default=(), description="Statuses after which it is tried again.")
    refused: tuple[Answer, ...] = Field(default=(), description="Statuses that make it a dead letter.")
    fault: tuple[Answer, ...] = Field(default=(), description="Statuses that pause the destination.")

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a status, or a class, that is to mean two things."""
        seen: dict[str, str] = {}
        for name in cls.model_fields:
            listed = entries[name].value if name in entries else None
            for index, item in enumerate(listed if isinstance(listed, list) else ()):
                answer = str(item.value).lower()
                if answer in seen:
                    what = f"{answer} is here and in {seen[answer]}"
                    yield Flaw(what, "leave it in one of them", (name, index), Mistake.CONTRADICTION)
                seen.setdefault(answer, name)
