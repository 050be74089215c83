"""The part of PromQL that our rules are written in, parsed: enough to know that an expression is one, and what it asks.

expression = operand { operator operand }
operand    = number | "(" expression ")" | selector | function "(" expression ")" | aggregation
aggregation= name [ "by" "(" labels ")" ] "(" expression ")"
selector   = metric [ "{" matchers "}" ] [ "[" duration "]" ]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

AGGREGATIONS = frozenset({"sum", "max", "min", "avg", "count"})
RANGED = frozenset({"rate", "increase"})
FUNCTIONS = RANGED | {"absent", "abs"}
OPERATORS = frozenset({"+", "-", "*", "/", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"})

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>"[^"\n]*")|(?P<range>\[\d+[smhd]\])"""
    r"|(?P<sign>!=|!~|=~|==|>=|<=|[-+*/(){},=<>]))"
)


class PromqlError(ValueError):
    """The text is no expression."""


@dataclass
class Selector:
    """One metric that is asked for: the values that its labels must match, and the labels that it is grouped by."""

    metric: str
    matchers: dict[str, str] = field(default_factory=dict)
    grouped: frozenset[str] = frozenset()

    @property
    def labels(self) -> set[str]:
        """All labels that are named."""
        return set(self.matchers) | self.grouped


def selectors(expression: str) -> list[Selector]:
    """Return what *expression* asks for, in its order; raises PromqlError for what is no expression."""
    parser = _Parser(_tokens(expression))
    parser.expression(frozenset(), ranged=False)
    parser.expect("end", "")
    return parser.found


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise PromqlError(f"{text[at:]!r} is not understood")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return [*tokens, ("end", "")]


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self.found = tokens, list[Selector]()

    def _take(self) -> tuple[str, str]:
        return self._tokens.pop(0)

    def _is(self, text: str) -> bool:
        if self._tokens[0][1] != text or self._tokens[0][0] == "text":
            return False
        self._take()
        return True

    def expect(self, kind: str, text: str | None = None) -> str:
        found = self._take()
        if found[0] != kind or text not in (None, found[1]):
            raise PromqlError(f"{found[1]!r} stands where {text or kind} is expected")
        return found[1]

    def expression(self, grouped: frozenset[str], *, ranged: bool) -> None:
        self._operand(grouped, ranged=ranged)
        while self._tokens[0][1] in OPERATORS:
            self._take()
            self._operand(grouped, ranged=ranged)

    def _operand(self, grouped: frozenset[str], *, ranged: bool) -> None:
        if self._tokens[0][0] == "number":
            self._take()
        elif self._is("("):
            self.expression(grouped, ranged=ranged)
            self.expect("sign", ")")
        else:
            self._named(self.expect("name"), grouped, ranged=ranged)

    def _named(self, name: str, grouped: frozenset[str], *, ranged: bool) -> None:
        if name in AGGREGATIONS:
            labels = self._labels() if self._is("by") else frozenset[str]()
            self._arguments(grouped | labels, ranged=False)
        elif self._tokens[0] == ("sign", "("):
            if name not in FUNCTIONS:
                raise PromqlError(f"there is no function {name!r}")
            self._arguments(grouped, ranged=name in RANGED)
        else:
            self._selector(name, grouped, ranged=ranged)

    def _arguments(self, grouped: frozenset[str], *, ranged: bool) -> None:
        self.expect("sign", "(")
        self.expression(grouped, ranged=ranged)
        self.expect("sign", ")")

    def _labels(self) -> frozenset[str]:
        self.expect("sign", "(")
        labels = {self.expect("name")}
        while self._is(","):
            labels.add(self.expect("name"))
        self.expect("sign", ")")
        return frozenset(labels)

    def _selector(self, metric: str, grouped: frozenset[str], *, ranged: bool) -> None:
        selector = Selector(metric, grouped=grouped)
        if self._is("{"):
            while not self._is("}"):
                label = self.expect("name")
                if self.expect("sign") not in {"=", "!=", "=~", "!~"}:
                    raise PromqlError(f"{label} is compared in no way there is")
                selector.matchers[label] = self.expect("text").strip('"')
                self._is(",")
        if (self._tokens[0][0] == "range") is not ranged:
            raise PromqlError(f"{metric} {'needs' if ranged else 'takes'} {'a' if ranged else 'no'} range here")
        if ranged:
            self._take()
        self.found.append(selector)
