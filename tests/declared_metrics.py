"""The metrics as they are declared: for the README's table, and for whatever names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from streams.telemetry.metrics import NAMES, Metrics
from streams.telemetry.observed import Gaps, Refusing, SetAside


class Declared(NamedTuple):
    """A metric: what it is, its labels and what it means."""

    kind: str
    labels: tuple[str, ...]
    text: str


def declared() -> dict[str, Declared]:
    """Return each metric by its name, as it is scraped."""
    found = {_name(family): Declared(family.type, labels, family.documentation) for family, labels in _families()}
    return {name: found[name] for name in NAMES}


def metrics_table() -> str:
    """Return the README's table."""
    rows = [
        f"| `{name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.text} |\n"
        for name, each in declared().items()
    ]
    return "".join(["| Metric | Kind | Labels | Meaning |\n", "| --- | --- | --- | --- |\n", *rows])


def _families() -> Iterator[tuple[Metric, tuple[str, ...]]]:
    for each in vars(Metrics()).values():
        if isinstance(each, Counter | Gauge | Histogram):
            yield next(iter(each.collect())), tuple(each._labelnames)
        elif isinstance(each, Gaps | Refusing | SetAside):
            yield next(iter(each.collect())), each.LABELS


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name
