"""The benchmarks measure what they say: each membership of a turn has its export, of about the size that is named."""

from __future__ import annotations

import random

from streams.activation.activate import Activation
from streams.activation.events import Input, Kind, Malformed
from streams.activation.profiles import Profile
from streams.destinations import Account, Attribute, Destination, Segment
from streams.ends import RecordEnd
from streams.exports import Position
from tests.bench.figures import against
from tests.bench.profiling import summary
from tests.bench.records import ATTRIBUTES, FRAGMENT_BYTES, SEGMENTS, fragment, memberships
from tests.records import decoded

NOW_MS = 1_800_000_000_000
INPUTS = {"qualifications": Input(Kind.QUALIFICATION, "q"), "exits": Input(Kind.EXIT, "e")}


def an_activation() -> Activation:
    attributes = tuple(Attribute(tuple(path.split(".")), tuple(path.split("."))) for path in ATTRIBUTES)
    segments = tuple(Segment(segment) for segment in SEGMENTS)
    destination = Destination("bench", Account("http://127.0.0.1/"), segments=segments, attributes=attributes)
    return Activation([destination], ["profiles", "q", "e"], merge="newest")


def test_every_record_of_a_turn_has_its_export_in_whatever_order_they_come() -> None:
    activation, profile, offset, sizes = an_activation(), Profile(), 0, []
    change = decoded(Input(Kind.FRAGMENT, "profiles"), fragment(0), now_ms=NOW_MS)
    assert not isinstance(change, Malformed)
    assert activation.apply(profile, change, Position("p", 0, 0, 0), NOW_MS).end is RecordEnd.NOT_TRIGGERED
    for turn in range(6):
        records = [record for segment in range(3) for record in memberships((0,), turn, segment=segment)]
        random.Random(turn).shuffle(records)
        for name, (key, value) in records:
            change = decoded(INPUTS[name], value, key, now_ms=NOW_MS)
            assert not isinstance(change, Malformed)
            offset += 1
            step = activation.apply(profile, change, Position(name, 0, offset, NOW_MS), NOW_MS)
            sizes += [len(export.body) for export in step.exports]
    assert len(sizes) == offset == 18
    assert 480 < sizes[-1] < 544


def test_a_fragment_has_the_size_that_is_named() -> None:
    assert {len(fragment(number)) for number in (0, 7, 14_999)} == {FRAGMENT_BYTES}


def test_a_figure_is_the_median_of_the_ratios_round_by_round() -> None:
    slow_then_fast = [(200.0, 100.0), (20.0, 10.0), (90.0, 30.0)]
    assert against("cpu", {}, slow_then_fast, "us")["ratio"] == 2.0


def test_a_recursive_function_counts_once_within_a_stack() -> None:
    assert summary("a;b;a 3\na;c 1").splitlines()[1] == "  75.0 %  100.0 %  a"
