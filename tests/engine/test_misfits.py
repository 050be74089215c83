"""Partitions of the inputs that do not belong together are never read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from faust.types import TP

from streams.brokers import Brokers
from streams.engine.app import App
from streams.engine.settings import EngineSettings


@pytest.mark.parametrize(
    ("assigned", "fits"),
    [
        ({}, True),
        ({"a": [0, 2], "b": [0, 2]}, True),
        ({"a": [0, 2], "b": [0, 2], "changelog": [0, 2, 3]}, True),
        ({"a": [0, 2], "b": [0, 1]}, False),  # of another number, so handed out apart
        ({"a": [0, 2], "b": []}, False),  # gone
        ({"a": [0, 4], "b": [0, 4]}, False),  # all of them have grown
    ],
)
def test_the_same_partitions_of_each_input_fit_and_none_beyond_those_of_the_start(
    assigned: Mapping[str, list[int]], fits: bool
) -> None:
    app = App(EngineSettings(id="unit", brokers=Brokers(("one:1",)), partitions=4))
    app.inputs.update("ab")

    assert app.fits({TP(topic, number) for topic, numbers in assigned.items() for number in numbers}) is fits
    assert (app.halted, app.misfit.is_set()) == (not fits, not fits)
