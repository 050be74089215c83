"""Draws the figures: CPU per export, and how long an export takes, beside the bare loop, by latency and payload.

A panel for each payload, a group for each latency of the endpoint, a mark for each contestant. The picture has a
background of its own, so it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench import grid
from tests.bench.figures import Figure

WIDTH, PANEL_WIDTH, PANEL_HEIGHT = 920, 400, 190
LEFT, TOP, GAP = 50, 104, 84
"""Of the first panel; the gap is between two rows."""

STYLE = """
  .page { fill: #ffffff; stroke: #d0d7de; } text { fill: #24292f; font: 12px system-ui, 'DejaVu Sans', sans-serif; }
  .title { font-size: 15px; font-weight: 600; } .small { font-size: 10px; } .soft { fill: #57606a; }
  .axis { stroke: #8c959f; } .rule { stroke: #eaeef2; }
  .c0 { fill: #8c959f; stroke: #8c959f; } .c1 { fill: #0969da; stroke: #0969da; }
  .c2 { fill: #80ccff; stroke: #54aeff; } .c3 { fill: #bc4c00; stroke: #bc4c00; }
  .c4 { fill: #ffb77c; stroke: #fb8f44; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #30363d; } text { fill: #e6edf3; } .soft { fill: #9198a1; }
    .axis { stroke: #656c76; } .rule { stroke: #21262d; }
  }
"""

SERIES = (
    grid.BARE,
    *(grid.Who(stage, batch) for stage in ("delivery", "whole way") for batch in grid.BATCHES),
)
NAMES = ("bare loop", "delivery", "delivery, batches", "whole way", "whole way, batches")

Spread = tuple[float, float, float]
"""The median, p99 and p99.9 of a contestant."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a contestant under a load: CPU per export and its ratio, or how long exports took."""

    cost: tuple[float, float] | None = None
    spread: Spread | None = None


def plot(figures: Sequence[Figure]) -> str:
    """Return the picture as SVG."""
    height = TOP + 2 * PANEL_HEIGHT + GAP + 34
    rows = [_costs(figures), _spreads(figures)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>CPU per export, and time from produced to delivered, beside a bare aiokafka and aiohttp loop</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        *_legend(),
    ]
    for number, row in enumerate(rows):
        top = TOP + number * (PANEL_HEIGHT + GAP)
        for column, payload in enumerate(grid.PAYLOADS):
            parts += _panel(row, payload, LEFT + column * (PANEL_WIDTH + 50), top)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that share a title, an axis and the way to draw a mark."""

    title: str
    axis: Axis
    marks: Mapping[tuple[int, int, int], Mark]
    """By payload, latency and the number of the series."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a value stands, as a share of the panel's height."""

    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool

    def share(self, value: float) -> float:
        """Return it, between 0 and 1."""
        if self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            return min(1.0, max(0.0, (math.log(max(value, self.low)) - low) / (high - low)))
        return min(1.0, value / self.high)


def _costs(figures: Sequence[Figure]) -> Row:
    marks: dict[tuple[int, int, int], Mark] = {}
    for number, who, each in _of(figures, grid.CPU_OF):
        payload, latency = each["params"]["payload_bytes"], each["params"]["latency_ms"]
        marks[payload, latency, number] = Mark(cost=(each["value"], each["ratio"]))
        if who.batch == 1:
            marks.setdefault((payload, latency, 0), Mark(cost=(each["yardstick"], 1.0)))
    high = _round_up(max((mark.cost[0] for mark in marks.values() if mark.cost), default=1.0))
    step = high / 4
    axis = Axis(0.0, high, tuple(step * number for number in range(5)), is_log=False)
    return Row("CPU per export, microseconds (above: ratio to the bare loop)", axis, marks)


def _spreads(figures: Sequence[Figure]) -> Row:
    marks: dict[tuple[int, int, int], Mark] = {}
    for number, who, each in _of(figures, grid.LATENCY_OF):
        payload, latency = each["params"]["payload_bytes"], each["params"]["latency_ms"]
        marks[payload, latency, number] = Mark(spread=(each["p50"], each["p99"], each["p99.9"]))
        if who.batch == 1:
            spread = (each["yardstick_p50"], each["yardstick"], each["yardstick_p99.9"])
            marks.setdefault((payload, latency, 0), Mark(spread=spread))
    axis = Axis(1.0, 1000.0, (1.0, 10.0, 100.0, 1000.0), is_log=True)
    return Row("Produced to delivered at 500/s, milliseconds (p50, p99 as dot, p99.9)", axis, marks)


def _of(figures: Sequence[Figure], names: Mapping[str, str]) -> Iterator[tuple[int, grid.Who, Figure]]:
    stages = {name: stage for stage, name in names.items()}
    for each in figures:
        if each["name"] in stages:
            who = grid.Who(stages[each["name"]], each["params"]["batch"])
            if who in SERIES:
                yield SERIES.index(who), who, each


def _legend() -> Iterator[str]:
    yield f'<text class="title" x="{LEFT}" y="30">Streams beside a bare loop of aiokafka and aiohttp</text>'
    x = LEFT
    for number, name in enumerate(NAMES):
        yield f'<rect class="c{number}" x="{x}" y="43" width="11" height="11" rx="2"/>'
        yield f'<text x="{x + 17}" y="53">{name}</text>'
        x += 34 + 7 * len(name)


def _panel(row: Row, payload: int, left: int, top: int) -> Iterator[str]:
    bottom = top + PANEL_HEIGHT
    if left == LEFT:
        yield f'<text x="{left}" y="{top - 26}">{escape(row.title)}</text>'
    yield _centred(f"{payload} bytes", "soft", left + PANEL_WIDTH / 2, top - 8)
    for tick in row.axis.ticks:
        y = bottom - row.axis.share(tick) * PANEL_HEIGHT
        yield f'<line class="rule" x1="{left}" y1="{y:.1f}" x2="{left + PANEL_WIDTH}" y2="{y:.1f}"/>'
        yield f'<text class="small soft" x="{left - 6}" y="{y + 3:.1f}" text-anchor="end">{tick:g}</text>'
    yield f'<line class="axis" x1="{left}" y1="{bottom}" x2="{left + PANEL_WIDTH}" y2="{bottom}"/>'
    group = PANEL_WIDTH / len(grid.COUNTS)
    for place, latency in enumerate(grid.COUNTS):
        middle = left + group * (place + 0.5)
        yield _centred(f"endpoint: {latency} ms", "soft", middle, bottom + 17)
        for number in range(len(SERIES)):
            if mark := row.marks.get((payload, latency, number)):
                x = middle + (number - (len(SERIES) - 1) / 2) * group * 0.19
                yield from _drawn(mark, number, row.axis, x, bottom)


def _drawn(mark: Mark, number: int, axis: Axis, x: float, bottom: int) -> Iterator[str]:
    if mark.cost:
        value, ratio = mark.cost
        height = axis.share(value) * PANEL_HEIGHT
        top = bottom - height
        yield f'<rect class="c{number}" x="{x - 9:.1f}" y="{top:.1f}" width="18" height="{height:.1f}"/>'
        if number:
            yield _centred(f"{ratio:.2f}", "small", x, top - 4)
    if mark.spread:
        median, p99, p999 = (bottom - axis.share(value) * PANEL_HEIGHT for value in mark.spread)
        ends = f"M{x:.1f} {median:.1f}V{p999:.1f}" + "".join(f"M{x - 5:.1f} {y:.1f}h10" for y in (median, p999))
        yield f'<path class="c{number}" d="{ends}" stroke-width="2"/>'
        yield f'<circle class="c{number}" cx="{x:.1f}" cy="{p99:.1f}" r="4"/>'


def _centred(text: str, style: str, x: float, y: float) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'


def _round_up(value: float) -> float:
    """Return the next round number that can be divided by four."""
    step: float = 10 ** math.floor(math.log10(value))
    return next(step * factor for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * factor >= value * 1.05)
