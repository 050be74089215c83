"""The figures of a run as a table for people, with what was to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.bench.figures import Figure
from tests.bench.targets import verdict

HEAD = ("figure", "of", "value", "yardstick", "ratio", "in the rounds", "at least", "reach for", "reached?")


def shown(figures: Sequence[Figure]) -> str:
    """Return the figures, a line for each."""
    rows = [HEAD, *(cells(each) for each in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def cells(each: Figure) -> tuple[str, ...]:
    """Return what a line says of a figure."""
    yardstick = "" if each["yardstick"] is None else f"{grouped(each['yardstick'])} {each['unit']}"
    ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
    return (each["name"], params(each), value(each), yardstick, ratio, span(each.get("ratios", ())), *verdict(each))


def value(each: Figure) -> str:
    """Return the value of a figure: of a latency the median, p99 and p99.9, of a cost also how many a second."""
    unit = each["unit"]
    if "p50" in each:
        return f"{each['p50']:g} / {each['p99']:g} / {each['p99.9']:g} {unit}"
    speed = f", {grouped(each['exports_per_second'])}/s" if "exports_per_second" in each else ""
    return f"{grouped(each['value'])} {unit}{speed}"


def params(each: Figure) -> str:
    """Return the parameters of a figure in words."""
    return ", ".join(_WORDS.get(key, f"{key} {{}}").format(of) for key, of in each["params"].items())


def span(ratios: Iterable[float]) -> str:
    """Return the least and the most of several."""
    ordered = sorted(ratios)
    return f"{ordered[0]:.2f} to {ordered[-1]:.2f}" if len(ordered) > 1 else ""


def grouped(value: float) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1000 else f"{value:g}"


_WORDS = {
    "latency_ms": "{} ms",
    "payload_bytes": "{} bytes",
    "batch": "batch {}",
    "rate": "{}/s",
    "profiles": "{} profiles",
    "destinations": "{} destinations",
    "segments": "{} segments",
    "attributes": "{} attributes",
    "in_flight": "{} in flight",
    "stage": "{}",
    "store": "{}",
}
