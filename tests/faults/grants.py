"""What the README says that a worker's user needs to be granted, for an app: its table is read, not copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.brokers.acls import Grant

README = Path(__file__).parents[2] / "README.md"
_ROW = re.compile(r"^\| (topic|group) \| (.+?) \| (.+?) \| .+ \|$", re.MULTILINE)
_INPUTS, _NAME = "each input", "<name>"


def granted(app: str, inputs: Sequence[str], destinations: Sequence[str]) -> list[Grant]:
    """Return each grant; where the README names a destination, one for each."""
    (table,) = re.findall(r"<!-- grants -->\n(.*?)<!-- /grants -->", README.read_text(), re.DOTALL)
    rows = _ROW.findall(table)
    assert rows, "the README has no table of grants"
    return [
        grant
        for resource, written, operations in rows
        for grant in _grants(resource, written, operations, app, inputs, destinations)
    ]


def _grants(
    resource: str, written: str, operations: str, app: str, inputs: Sequence[str], destinations: Sequence[str]
) -> list[Grant]:
    allowed = tuple(re.findall(r"`(\w+)`", operations))
    if written == _INPUTS:
        return [Grant(resource, name, allowed) for name in inputs]
    (pattern,) = re.findall(r"`(.+)`", written)
    name, prefixed = pattern.removesuffix("*").replace("<app>", app), pattern.endswith("*")
    names = [name.replace(_NAME, each) for each in destinations] if _NAME in name else [name]
    return [Grant(resource, each, allowed, prefixed) for each in names]
