"""Which messages the sources can make: every text for people in them, and every place that makes a problem.

Found in the syntax tree, so that a message cannot be forgotten: a text with a blank in it is one for people, unless it
stands where none is told (docstrings, descriptions of fields, patterns).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

SILENT_CALLS = frozenset({"compile", "_text_like", "AssertionError"})
SILENT_KEYWORDS = frozenset({"description"})
MAKERS = frozenset({"Problem", "Flaw"})


def texts(tree: ast.AST) -> Iterator[re.Pattern[str]]:
    """Yield what each text for people looks like when it is told; what is filled in may be anything on one line."""
    if isinstance(tree, ast.JoinedStr):
        parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in tree.values]
        if any("\\ " in part for part in parts):
            yield re.compile("".join(parts))
        yield from (text for part in tree.values for text in texts(part) if isinstance(part, ast.FormattedValue))
    elif isinstance(tree, ast.Constant):
        if isinstance(tree.value, str) and " " in tree.value.strip():
            yield re.compile(re.escape(tree.value.strip()))
    elif not _is_silent(tree):
        yield from (text for child in ast.iter_child_nodes(tree) for text in texts(child))


def _is_silent(tree: ast.AST) -> bool:
    if isinstance(tree, ast.Expr):
        return isinstance(tree.value, ast.Constant)
    if isinstance(tree, ast.keyword):
        return tree.arg in SILENT_KEYWORDS
    return isinstance(tree, ast.Call) and _name(tree.func) in SILENT_CALLS


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def makers(tree: ast.AST) -> Iterator[range]:
    """Yield the lines of each place where a problem is made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in MAKERS:
            yield range(node.lineno, (node.end_lineno or node.lineno) + 1)


def lines_run(act: Callable[[], T], files: frozenset[str]) -> tuple[T, set[tuple[str, int]]]:
    """Return what *act* returns, and which lines of *files* it ran."""
    seen: set[tuple[str, int]] = set()

    def on_call(frame: FrameType, _: str, __: Any) -> Any:
        return on_line if frame.f_code.co_filename in files else None

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return on_line

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        return act(), seen
    finally:
        sys.settrace(before)


def parsed(path: Path) -> ast.Module:
    """Return a source as its tree."""
    return ast.parse(path.read_text())
