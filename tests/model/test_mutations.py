"""Each law that is broken on purpose is seen: the model and the product disagree."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.model.cases import CASES
from tests.model.judge import Disagreement
from tests.model.memory import NOW_MS, Driven
from tests.model.mutations import MUTATIONS
from tests.model.strategies import Example, examples

MOST = 600
"""Random examples that are tried until it is seen, after those that are written by hand."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_law_that_is_broken_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[name](monkeypatch.setattr)

    @hypothesis.seed(7)
    @settings(max_examples=MOST, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(examples(NOW_MS, crashing=True))
    def live(example: Example) -> None:
        Driven(example.setting).run(example)

    def live_all() -> None:
        for case in CASES:
            Driven(case.setting).run(case)
        live()

    with pytest.raises(Disagreement):
        live_all()
