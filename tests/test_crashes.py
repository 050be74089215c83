from __future__ import annotations

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.crashes import FRAMES, place, told
from streams.engine.trust import UnusableError


def raised(error: Exception, depth: int = 0) -> Exception:
    """Return *error* as it comes out of *depth* calls."""
    try:
        _raise(error, depth)
    except type(error) as caught:
        return caught
    raise AssertionError("it was not raised")


def _raise(error: Exception, depth: int) -> None:
    if depth:
        _raise(error, depth - 1)
    raise error


def test_a_crash_is_told_by_its_kind_and_its_places() -> None:
    fields = told(raised(ZeroDivisionError("the canary of a record"), depth=3))

    assert fields["error"] == "ZeroDivisionError"
    assert str(fields["at"]).startswith("test_crashes.py:")
    assert [str(each).partition(" ")[2] for each in fields["traceback"]] == ["raised", *["_raise"] * 4]  # type: ignore[attr-defined]
    assert "canary" not in repr(fields)


@pytest.mark.parametrize("error", [KafkaConnectionError("who"), PermissionError("who"), UnusableError("who")])
def test_the_text_of_an_error_that_holds_no_record_is_told(error: Exception) -> None:
    assert "who" in str(told(error)["why"])


def test_a_long_traceback_is_bounded_at_its_outer_end() -> None:
    error = raised(RuntimeError(), depth=100)

    assert len(told(error)["traceback"]) == FRAMES  # type: ignore[arg-type]
    assert place(error) == str(told(error)["traceback"][-1]).partition(" ")[0]  # type: ignore[index]
