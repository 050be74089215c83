"""The README shows what was measured: its tables and its picture are made of the figures that are kept."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from tests.bench import grid
from tests.bench.figures import Figure, against, figure
from tests.bench.plot import SERIES, plot
from tests.bench.publish import BEFORE, BLOCK, EVIDENCE, PICTURE, README, merged, shown, written

STAMP = {"commit": "0123456789", "date": "2026-11-29", "machine": "2 cores"}


def whole_grid() -> list[Figure]:
    """Every figure of the grid that the picture shows, each with a value of its own."""
    figures = []
    for place, load in enumerate(grid.LOADS):
        for number, who in enumerate(SERIES[1:], 1):
            value = 10.0 * place + number
            params = grid.params(load, who)
            cost = against(grid.CPU_OF[who.stage], params, [(value, 100.0)], "us", exports_per_second=1234 + place)
            spread = {"p50": value, "p99": value * 2, "p99.9": value * 3, "yardstick_p50": 1.5, "yardstick_p99.9": 17}
            wait = against(grid.LATENCY_OF[who.stage], params, [(value * 2, 8.0)], "ms", **spread)
            figures += [cost | STAMP | {"yardstick_exports_per_second": 5555}, wait | STAMP]
    return figures


def test_the_readme_and_the_picture_show_the_figures_that_are_kept() -> None:
    text = README.read_text()
    figures, before = json.loads(EVIDENCE.read_text()), json.loads(BEFORE.read_text())

    assert BLOCK.search(text), "the README has no place for the figures"
    assert text == written(text, figures, before), "python -m tests.bench.publish"
    assert PICTURE.read_text() == plot(figures), "python -m tests.bench.publish"


def test_a_later_figure_replaces_the_one_of_its_name_and_parameters() -> None:
    every = [
        figure("low_rate_cpu", {"rate": 500, "batch": 1}, 1.0, "cores"),
        figure("low_rate_cpu", {"batch": 1, "rate": 500}, 2.0, "cores"),
        figure("low_rate_cpu", {"batch": 1, "rate": 9}, 3.0, "cores"),
    ]

    assert [each["value"] for each in merged(every)] == [2.0, 3.0]


def test_the_tables_have_a_line_for_each_load_and_a_cell_for_each_contestant() -> None:
    lines = shown(whole_grid()).splitlines()

    loads = [line for line in lines if re.match(r"\| \d+ ms, \d+ bytes \|", line)]
    assert len(loads) == 2 * len(grid.LOADS)
    assert {line.count("|") for line in loads} == {2 + len(SERIES)}
    assert "| 51 us (**0.51**), 1 239/s |" in loads[len(grid.LOADS) - 1]
    assert "| 51 / 102 / 153 |" in loads[-1]


def test_the_picture_is_svg_with_a_mark_for_each_contestant_under_each_load() -> None:
    root = ElementTree.fromstring(plot(whole_grid()))

    kinds = [element.tag.rpartition("}")[2] for element in root.iter() if element.get("class", "").startswith("c")]
    assert kinds.count("circle") == kinds.count("path") == len(grid.LOADS) * len(SERIES)
    assert kinds.count("rect") == len(grid.LOADS) * len(SERIES) + len(SERIES), "and one of each in the legend"


def test_what_was_not_measured_is_left_out() -> None:
    some = [each for each in whole_grid() if each["params"]["latency_ms"] == 5 and each["params"]["batch"] == 1]

    assert "| 5 ms, 512 bytes |" in shown(some)
    assert "| 0 ms, 512 bytes |" not in shown(some)
    ElementTree.fromstring(plot(some))


def test_the_table_tells_what_a_figure_was_before() -> None:
    before = figure("low_rate_cpu", {"rate": 500, "batch": 1}, 0.5, "cores", ratio=2.5)
    now = figure("low_rate_cpu", {"batch": 1, "rate": 500}, 0.2, "cores", ratio=1.0) | STAMP

    assert "| 0.5 cores (2.50) | 0.2 cores |" in shown([now], [before])
