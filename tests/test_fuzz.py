"""What strangers write is tried for a while on every run; ``python -m tests.fuzz`` tries for longer."""

from __future__ import annotations

import random

import pytest
from hypothesis import strategies as st

from tests.fuzz import TARGETS, Target, fuzz, told

SECONDS = 1.0
EXPECTED = {
    "decoder": {"FragmentChange", "MembershipChange", "invalid-json"},
    "times": {"whole", "refused"},
    "commands": {"Replay", "ReExport", "invalid-command", "invalid-json"},
}
"""What each must have met, else it tried nothing that matters."""


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_strangers_write_does_harm(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(2**32)

    counts = fuzz(TARGETS[name], SECONDS, seed)

    with capsys.disabled():
        print(f"\n{told(name, counts, seed)}")
    assert counts.keys() >= EXPECTED[name]


def test_what_a_target_must_not_do_is_found() -> None:
    def attempt(number: int) -> str:
        assert number < 90
        return "small"

    with pytest.raises(AssertionError):
        fuzz(Target(st.integers(0, 100), attempt), 5, seed=1)
