"""A partition is read on only where nothing is missing between what is committed and what is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.groups.gaps import NEW_BORN, Birth, Cause, Found, Gap, judge

OFFSETS = st.integers(0, 1_000)
BIRTHS = st.none() | st.builds(Birth, OFFSETS, OFFSETS, OFFSETS)


@st.composite
def founds(draw: st.DrawFn) -> Found:
    """Return what a broker may answer: a beginning not above the end, and anything, or nothing, committed."""
    beginning, end = sorted((draw(OFFSETS), draw(OFFSETS)))
    return Found(draw(st.none() | OFFSETS), beginning, end)


@given(founds(), BIRTHS)
def test_it_goes_on_at_what_is_committed_and_nowhere_else(found: Found, birth: Birth | None) -> None:
    verdict = judge(found, birth)

    sound = found.committed is not None and found.beginning <= found.committed <= found.end
    assert (verdict == found.committed) if sound else not isinstance(verdict, int)


@given(founds())
def test_only_a_group_without_commit_and_without_birth_is_new_born(found: Found) -> None:
    assert (judge(found, None) is NEW_BORN) == (found.committed is None)


@given(founds(), BIRTHS)
def test_a_gap_tells_its_cause_and_what_is_gone_where_that_is_known(found: Found, birth: Birth | None) -> None:
    verdict = judge(found, birth)
    if not isinstance(verdict, Gap):
        return

    assert (verdict.committed, verdict.beginning, verdict.end) == (found.committed, found.beginning, found.end)
    assert (verdict.gone is not None) == (verdict.cause is Cause.RETENTION)
    assert verdict.gone is None or verdict.gone > 0


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (Found(3, 5, 9), Cause.RETENTION),
        (Found(10, 5, 9), Cause.SHORTENED),
        (Found(None, 5, 9), Cause.OFFSETS_LOST),
    ],
)
def test_each_way_to_lose_records_has_its_cause(found: Found, cause: Cause) -> None:
    verdict = judge(found, Birth(0, 0, 0))

    assert isinstance(verdict, Gap)
    assert verdict.cause is cause
