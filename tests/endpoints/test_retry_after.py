"""What an endpoint asks for is read in all forms, never raises, and never exceeds the cap."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.endpoints.retry_after import Asked, http_date, longest_asked, retry_after_seconds

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()
MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_forms_of_a_date_name_one_moment(text: str) -> None:
    assert http_date(text, now=NOW) == MOMENT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("1" + "0" * 5_000, 3600.0),
        ("1000000000", 3600.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Monday, 23-Nov-26 12:01:00 GMT", 60.0),
        ("Mon Nov 23 12:02:00 2026", 120.0),
        ("Mon, 23 Nov 2026 11:59:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:60 GMT", 3600.0),
    ],
)
def test_what_is_asked_for_is_waited_for(text: str, seconds: float) -> None:
    assert retry_after_seconds(text, now=NOW, cap=3600.0) == seconds


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "-5",
        "+5",
        "nan",
        "inf",
        "1e9",
        "1_000",
        "0x10",
        "\u0661\u0662",
        "5 seconds",
        "Mon, 23 Nov 2026 25:00:00 GMT",
        "Mon, 31 Nov 2026 12:00:00 GMT",
        "Mon, 23 Nov 2026 12:00:00 +0100",
        "Mon, 23 Nov 0000 12:00:00 GMT",
    ],
)
def test_what_is_not_understood_is_as_if_it_were_absent(text: str | None) -> None:
    assert retry_after_seconds(text, now=NOW, cap=3600.0) is None


def test_a_two_digit_year_is_never_more_than_fifty_years_ahead() -> None:
    assert http_date("Monday, 23-Nov-76 12:00:00 GMT", now=NOW) == datetime(2076, 11, 23, 12, tzinfo=UTC).timestamp()
    assert http_date("Monday, 23-Nov-77 12:00:00 GMT", now=NOW) == datetime(1977, 11, 23, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        ([], Asked(None, 0)),
        (["7"], Asked(7.0, 0)),
        (["soon"], Asked(None, 1)),
        (["7", "120", "30"], Asked(120.0, 0)),
        (["-5", "Mon, 23 Nov 2026 12:00:30 GMT", "nan"], Asked(30.0, 2)),
        (["0", "Mon, 23 Nov 2026 11:00:00 GMT"], Asked(0.0, 0)),
        (["120, 60"], Asked(None, 1)),
    ],
)
def test_of_several_headers_the_longest_counts_and_what_says_nothing_is_counted(texts: list[str], asked: Asked) -> None:
    assert longest_asked(texts, now=NOW, cap=3600.0) == asked


_DATES = st.datetimes().flatmap(
    lambda d: st.sampled_from(
        [f"{d:%a, %d %b %Y %T} GMT", f"{d:%A, %d-%b-%y %T} GMT", f"{d:%a %b} {d.day:2} {d:%T %Y}"]
    )
)
_TEXTS = st.one_of(
    st.text(),
    st.from_regex(r"\A[\d.]{1,20}\Z"),
    st.floats().map(str),
    st.integers().map(str),
    _DATES,
)


@given(st.lists(_TEXTS, max_size=4), st.floats(min_value=0.0, max_value=1e9))
def test_whatever_comes_the_wait_is_within_zero_and_the_cap(texts: list[str], cap: float) -> None:
    asked = longest_asked(texts, now=NOW, cap=cap)

    assert asked.seconds is None or 0.0 <= asked.seconds <= cap
    assert (asked.seconds is None) == (asked.ignored == len(texts))


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - made UTC below
def test_every_date_is_read_back(date: datetime) -> None:
    moment = date.replace(microsecond=0, tzinfo=UTC)

    assert http_date(f"{moment:%a, %d %b} {moment.year:04} {moment:%T} GMT", now=NOW) == moment.timestamp()
