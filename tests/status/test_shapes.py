from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.status.shapes import Gap, Recovery, Stage, decode, encode, has_gone, is_live, key_of, worker_of
from tests.status.reports import NOW, a_destination, a_worker

FULL = a_worker(
    stages={
        "activation": Stage(
            ready=False,
            missing="recovering",
            assigned=2,
            partitions=(0, 1),
            recovery=Recovery(partitions=2, done=1, remaining=7, loaded=3, seconds=0.5, rate=6.0),
            first_start={0: 12},
            gaps=(Gap(stage="activation", topic="profiles", partition=1, cause="retention", gone=4),),
        )
    },
    set_aside={"stale": 1},
)


@pytest.mark.parametrize("report", [FULL, a_worker(), a_destination(ends={"delivered": 3}, oldest=5)])
def test_a_report_comes_back_as_it_was(report: object) -> None:
    assert decode(key_of(report), encode(report)) == report  # type: ignore[arg-type]  # each is a report


def test_keys_say_whose_report_it_is() -> None:
    assert key_of(a_worker("w-1")) == b"worker/w-1"
    assert key_of(a_destination("w-1", "crm")) == b"destination/w-1/crm"
    assert [worker_of(key) for key in (b"worker/w-1", b"destination/w-1/crm", b"other/x", b"")] == [
        "w-1",
        "w-1",
        None,
        None,
    ]


def test_fields_of_another_release_are_skipped_and_missing_ones_have_defaults() -> None:
    newer = json.loads(encode(a_worker())) | {"mood": "good"}
    del newer["stages"]
    del newer["set_aside"]

    assert decode(b"worker/a-1-x", json.dumps(newer).encode()) == a_worker(stages={})


@given(key=st.one_of(st.binary(), st.sampled_from([b"worker/x", b"destination/x/y"])), value=st.binary())
def test_whatever_stands_there_is_a_report_or_nothing(key: bytes, value: bytes) -> None:
    assert decode(key, value) is None or key.startswith((b"worker/", b"destination/"))


@pytest.mark.parametrize(
    ("session", "silent", "live"), [(15.0, 15.0, True), (15.0, 15.1, False), (6.0, 14.9, True), (45.0, 44.0, True)]
)
def test_a_worker_is_stale_after_three_intervals_and_its_session(session: float, silent: float, live: bool) -> None:
    worker = a_worker(session_timeout_seconds=session, written_at=NOW - int(silent * 1000))

    assert is_live(worker, NOW) is live


def test_a_worker_is_gone_when_another_serves_at_its_address_or_after_a_day() -> None:
    silent = a_worker(written_at=NOW - 25 * 60 * 60 * 1000)
    killed = a_worker(written_at=NOW - 60_000)

    assert has_gone(silent, NOW, host="elsewhere", health="http://127.0.0.1:1")
    assert has_gone(killed, NOW, host="a", health="http://127.0.0.1:8080")
    assert not has_gone(killed, NOW, host="b", health="http://127.0.0.1:8080")
    assert not has_gone(killed, NOW, host="a", health="http://127.0.0.1:8081")
    assert not has_gone(a_worker(health=""), NOW, host="a", health="")
