"""The README tells the run that is kept, and that one is as long as it must be."""

from __future__ import annotations

import json

from tests.model.evidence import BLOCK, EVIDENCE, README, written


def test_the_readme_tells_the_run_that_is_kept() -> None:
    text = README.read_text()

    assert BLOCK.search(text), "the README has no place for the run"
    assert text == written(text, json.loads(EVIDENCE.read_text())), 'make model ARGS="--publish"'


def test_the_run_that_is_kept_was_long_and_found_nothing() -> None:
    kept = json.loads(EVIDENCE.read_text())

    assert kept["examples"] >= 300
    assert kept["kills"] >= 30
    assert (kept["mutation"], kept["disagreements"]) == (None, [])
