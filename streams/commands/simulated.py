"""A simulated record as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

import click

from streams.activation.explanation import Sent
from streams.activation.simulation import Carried, Decoded, Outcome, Said, Taken


def told(taken: Taken) -> Iterator[str]:
    """Yield what became of a record: what it says, then what followed for each destination."""
    place = f"{taken.topic}-{taken.partition}-{taken.offset}"
    yield click.style(f"{taken.where}  {place}  {taken.key or 'no key'}  {taken.end}", bold=True)
    yield from (f"  {line}" for line in _decoded(taken.decoded))
    for outcome in taken.destinations:
        yield from (f"  {line}" for line in _outcome(outcome))


def _decoded(decoded: Decoded) -> Iterator[str]:
    if decoded.detail is not None:
        yield decoded.detail if decoded.reason is None else f"{decoded.reason}: {decoded.detail}"
    yield from map(_said, decoded.memberships)
    if decoded.fragment is not None:
        yield _carried("fragment", decoded.fragment)
    if decoded.identities is not None:
        yield _carried("identities", decoded.identities)


def _said(said: Said) -> str:
    until = f", until {said.valid_until}" if said.valid_until else ""
    what = f"membership {said.namespace}/{said.segment}: {said.status} at {said.last_qualification_time}{until}"
    return f"{what}: {_fate(said.written, said.instead)}"


def _carried(what: str, carried: Carried) -> str:
    size = "taken away" if carried.bytes is None else f"{carried.bytes} bytes"
    return f"{what} of {carried.source}: {size}: {_fate(carried.written, None)}"


def _fate(written: bool, instead: str | None) -> str:
    return "written" if written else f"overtaken by {instead}" if instead else "overtaken"


def _outcome(outcome: Outcome) -> Iterator[str]:
    meaning, todo = plain(outcome.meaning or ""), plain(outcome.todo or "")
    why = f" {outcome.exclusion}: {meaning} {todo}" if outcome.exclusion else ""
    if not outcome.exports:
        yield f"{outcome.destination}: {outcome.end}{why}"
    for each in outcome.exports:
        yield from export_lines(outcome.destination, each)


def plain(text: str) -> str:
    """Return a text of the README's as a terminal shows it."""
    return text.replace("`", "'")


def export_lines(destination: str, export: Sent) -> Iterator[str]:
    """Yield an export for people."""
    of = f" of {', '.join(export.segments)}" if export.segments else ""
    yield f"{destination}: would be sent, trigger {export.trigger}{of}, {export.bytes} bytes"
    yield f"  {bytes(export.body).decode()}"
