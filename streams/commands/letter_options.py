"""The options by which dead letters are chosen: why, where to, when, and whose."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from streams.activation.timestamps import parse_time
from streams.commands.options import now
from streams.ends import Reason
from streams.letters.letter import Place, Stage
from streams.letters.wanted import Wanted

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_duration = re.compile(r"(\d{1,9})([smhd])", re.ASCII).fullmatch
_place = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII).fullmatch


class _Moment(click.ParamType):
    """A time with a zone, or how long ago it is; in milliseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the moment that *value* means."""
        if isinstance(value, int):
            return value
        if ago := _duration(value):
            return max(0, now() - int(ago[1]) * _UNITS_MS[ago[2]])
        try:
            return -(-parse_time(value) // 1_000)
        except ValueError:
            self.fail("expected a time with a zone, such as 2026-05-25T21:24:39Z, or how long ago: 30m, 2h, 7d")


class _Position(click.ParamType):
    """Where a letter stands: ``partition:offset``."""

    name = "position"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Return the place that *value* names."""
        if isinstance(value, Place):
            return value
        found = _place(value)
        if not found:
            self.fail("expected PARTITION:OFFSET, as 'streams dead-letters list' tells it, such as 3:120")
        return Place(int(found[1]), int(found[2]))


MOMENT, POSITION = _Moment(), _Position()
_OPTIONS = (
    click.option(
        "--reason",
        "reasons",
        multiple=True,
        type=click.Choice([each.value for each in Reason]),
        metavar="REASON",
        help="Those that are dead letters for this reason only; repeatable.",
    ),
    click.option("--destination", metavar="NAME", help="What was not delivered to this destination only."),
    click.option(
        "--stage",
        type=click.Choice([each.value for each in Stage]),
        help="activation: what could not be read; delivery: what could not be delivered.",
    ),
    click.option("--since", type=MOMENT, metavar="TIME", help="Written at this time or later; or how long ago, as 2h."),
    click.option("--until", type=MOMENT, metavar="TIME", help="Written before this time."),
    click.option("--profile", metavar="ID", help="Of the profile with this id only, the key of its records."),
)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options by which letters are chosen; it makes them a `Wanted` by ``wanted``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted(
    *,
    reasons: tuple[str, ...],
    destination: str | None,
    stage: str | None,
    since: int | None,
    until: int | None,
    profile: str | None,
) -> Wanted:
    """Return which letters the options ask for."""
    return Wanted(
        reasons=frozenset(reasons),
        destination=destination,
        stage=None if stage is None else Stage(stage),
        since=since,
        until=until,
        profile=None if profile is None else profile.encode(),
    )


def moment_of(ms: int) -> str:
    """Return a time in milliseconds since 1970 as RFC 3339."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # a producer may write any number
        return str(ms)
