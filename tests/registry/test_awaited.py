"""Who has not followed is named, with why."""

from __future__ import annotations

from typing import Any

from streams.registry.awaited import Laggard, governing, laggards, live
from streams.status.shapes import Destination, Worker


def a_worker(id_: str = "w1", **others: Any) -> Worker:
    stated = {"version": "0", "host": "h", "pid": 1, "started_at": 0, "written_at": 100_000, "interval_seconds": 5.0}
    return Worker(id=id_, **{**stated, "session_timeout_seconds": 45.0, **others})


def test_who_follows_the_version_or_a_later_one_is_not_named() -> None:
    workers = [a_worker(followed={"crm.1": 7}), a_worker("w2", followed={"crm.1": 8, "ads.1": 1})]

    assert laggards(workers, {"crm.1": 7}) == []


def test_who_is_behind_is_named_with_what_it_follows_or_why_it_refuses() -> None:
    workers = [
        a_worker("new"),
        a_worker("behind", followed={"crm.1": 6, "crm.2": 9}),
        a_worker("refusing", followed={"crm.1": 6}, refused={"crm": "STREAMS_SECRET_CRM is not set"}),
    ]

    assert laggards(workers, {"crm.1": 7}) == [
        Laggard("new", "destination", "crm", "does not follow it yet"),
        Laggard("behind", "destination", "crm", "still follows version 6"),
        Laggard("refusing", "destination", "crm", "STREAMS_SECRET_CRM is not set"),
    ]


def test_what_is_gone_must_not_be_followed_any_more() -> None:
    assert laggards([a_worker(followed={"crm.1": 7}), a_worker(followed={"crm.2": 9})], {"crm.1": None}) == [
        Laggard("w1", "destination", "crm", "still follows version 7")
    ]


def test_a_worker_that_delivers_others_only_is_not_concerned() -> None:
    worker = a_worker(only=("ads",))

    assert laggards([worker], {"crm.1": 7}) == []
    assert [each.name for each in laggards([worker], {"crm.1": 7, "ads.1": 1})] == ["ads"]


def test_what_governs_destinations_concerns_every_worker_and_is_named_by_its_kind() -> None:
    workers = [
        a_worker("well", followed={"policy/no-c2": 3}),
        a_worker("behind", followed={"policy/no-c2": 2}, only=("ads",)),
        a_worker("refusing", refused={"policy/no-c2": "another release wrote it", "no-c2": "of a destination"}),
    ]

    assert laggards(workers, {governing("policy", "no-c2"): 3}) == [
        Laggard("behind", "policy", "no-c2", "still follows version 2"),
        Laggard("refusing", "policy", "no-c2", "another release wrote it"),
    ]


def test_who_has_not_reported_for_its_session_is_not_waited_for() -> None:
    silent = a_worker("silent", written_at=0)
    report = Destination(worker="w1", name="crm", incarnation="crm.1", version=1, written_at=0)

    assert live([a_worker(), silent, report], 100_000) == [a_worker()]
