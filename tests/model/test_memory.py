"""The model and the pure activation agree, over random streams, settings and crashes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.model.cases import CASES
from tests.model.memory import NOW_MS, Driven
from tests.model.strategies import Example, examples


@settings(max_examples=250)
@given(examples(NOW_MS))
def test_without_a_crash_each_record_ends_and_each_export_says_as_the_model_has_it(example: Example) -> None:
    Driven(example.setting).run(example)


@settings(max_examples=250)
@given(examples(NOW_MS, crashing=True))
def test_after_crashes_every_obligation_is_covered_and_no_id_has_two_bodies(example: Example) -> None:
    Driven(example.setting).run(example)


@pytest.mark.parametrize("case", CASES)
def test_in_a_life_that_is_written_by_hand_they_agree_too(case: Example) -> None:
    Driven(case.setting).run(case)
