"""Policies: which labels, alone or together, forbid which marketing actions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class All:
    """Holds where each of its operands, of which there is at least one, holds."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds where one of its operands holds."""

    operands: tuple[Expression, ...]


Expression = str | All | Any
"""A label holds where the data has it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is denied to whom: data of which *deny* holds, to destinations with one of the *marketing_actions*."""

    name: str
    deny: Expression
    marketing_actions: tuple[str, ...] | None = None
    """None = any, and to a destination that names none, too."""
    description: str = ""

    def denies(self, action: str | None) -> bool:
        """Whether it is about *action*; None is a destination that names none."""
        return self.marketing_actions is None or action in self.marketing_actions


def matched(expression: Expression, labels: Collection[str]) -> frozenset[str]:
    """Return those of *labels* by which *expression* holds; none where it does not."""
    if isinstance(expression, str):
        return frozenset({expression}) if expression in labels else frozenset()
    found = [matched(operand, labels) for operand in expression.operands]
    if isinstance(expression, All) and not all(found):
        return frozenset()
    return frozenset().union(*found)


def labels_of(expression: Expression) -> frozenset[str]:
    """Return the labels that an expression speaks of."""
    if isinstance(expression, str):
        return frozenset({expression})
    return frozenset().union(*map(labels_of, expression.operands))


def written(expression: Expression) -> str:
    """Return an expression as people read it, such as ``C2 OR (C3 AND I1)``."""
    if isinstance(expression, str):
        return expression
    word = " AND " if isinstance(expression, All) else " OR "
    return word.join(each if isinstance(each, str) else f"({written(each)})" for each in expression.operands)
