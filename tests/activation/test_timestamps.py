from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.timestamps import parse_time, render_time


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("2020-05-25T21:24:39Z", b"2020-05-25T21:24:39Z"),
        ("2019-04-15T02:41:50+0000", b"2019-04-15T02:41:50Z"),
        ("2019-04-15T02:41:50.000+0000", b"2019-04-15T02:41:50Z"),
        ("2019-04-15T02:41:50.120+02:00", b"2019-04-15T00:41:50.120Z"),
        ("2019-04-15T02:41:50.123456789-0530", b"2019-04-15T08:11:50.123456Z"),
        ("1969-12-31T23:59:59.999999Z", b"1969-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", b"0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_leaves_in_utc_with_z(text: str, rendered: bytes) -> None:
    assert render_time(parse_time(text)) == rendered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-05-25",
        "2020-05-25T21:24:39",
        "2020-05-25T21:24Z",
        "2020-05-25 21:24:39Z",
        "2020-05-25t21:24:39z",
        "20200525T212439Z",
        "2020-W22-1T21:24:39Z",
        "2020-02-30T21:24:39Z",
        "2020-05-25T24:00:01Z",
        "2020-05-25T21:24:39+25:00",
        "2020-05-25T21:24:39.Z",
        "2020-05-25T21:24:39Z\n",
        "٢٠٢٠-05-25T21:24:39Z",
        "0001-01-01T00:00:00+14:00",
        "1590441879000",
    ],
)
def test_what_is_no_time_with_a_zone_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(expected a date, .* such as 2020-05-25T21:24:39Z|no such .*|before .*)$"):
        parse_time(text)


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001 - the zone comes apart
    st.integers(-24 * 60 + 1, 24 * 60 - 1),
)
def test_a_time_is_the_same_moment_after_rendering(wall: datetime, minutes: int) -> None:
    moment = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    rendered = render_time(parse_time(moment.isoformat())).decode()

    assert datetime.fromisoformat(rendered) == moment
    assert rendered.endswith("Z")
