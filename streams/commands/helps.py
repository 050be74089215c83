"""What the help of each command ends with: examples that run, and its exit codes."""

from __future__ import annotations

import textwrap

UNREACHED = "Kafka does not answer, or refuses it"
WRONG = "wrong usage or configuration"
WRONG_OR_REFUSED = f"{WRONG}, or the brokers refuse the login"

_WIDTH, _INDENT = 76, 5


def epilog(*examples: str, done: str = "done", failed: str = "", wrong: str = WRONG) -> str:
    """Return *examples*, a line each, and what the codes 0, 1 and 2 tell; without *failed* there is no 1."""
    codes = {0: done, 1: failed, 2: wrong}
    lines = [_line(code, meaning) for code, meaning in codes.items() if meaning]
    return (
        "\b\nExamples:\n" + "".join(f"  {example}\n" for example in examples) + "\n\b\nExit codes:\n" + "\n".join(lines)
    )


def _line(code: int, meaning: str) -> str:
    first, rest = f"  {code}  ", " " * _INDENT
    return textwrap.fill(meaning, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
