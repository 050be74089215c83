"""One whole request, as the endpoint received it, for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from rich.text import Text

from streams.demo.reception import Request

WIDTH, INDENT = 100, 3

SHOWN_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "header1", "header2", "headerN")
"""The headers that are worth a line; the others are those of any HTTP client."""

SHOWN_TOKEN = 10
"""How much of a token is shown: enough to see that there is one."""

_INNERMOST = re.compile(r"([\[{])\s*([^\[\]{}]*?)\s*([\]}])")


def whole(request: Request) -> Iterator[Text]:
    """Return the lines of a request: its target, its headers with the token masked, its body."""
    received = request.received
    yield Text(f"   {received.method} {received.url}", "cyan")
    for name in SHOWN_HEADERS:
        if value := received.header(name):
            shown = f"{value[:SHOWN_TOKEN]}..." if name == "Authorization" else value
            yield Text.assemble((f"   {name}: ", "dim"), shown)
    for line in pretty(received.body).splitlines():
        yield Text(f"   {line}")


def pretty(body: bytes) -> str:
    """Return JSON for people: indented, the innermost objects and lists on one line each, every digit kept."""
    indented = msgspec.json.format(body, indent=2).decode()
    return _INNERMOST.sub(_on_one_line, indented)


def _on_one_line(found: re.Match[str]) -> str:
    line = found[1] + re.sub(r"\n *", " ", found[2]) + found[3]
    before = found.start() - found.string.rfind("\n", 0, found.start())
    return line if before + len(line) <= WIDTH - INDENT else found[0]
