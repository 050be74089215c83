"""What became of a destination's records is the sum of what its live workers count, and says since when."""

from __future__ import annotations

import time

from streams.ends import Exclusion, RecordEnd
from streams.status.counts import considered, counted, told_by
from streams.status.overview import Look, overview
from streams.status.shapes import Considered, Stage, Worker
from streams.status.table import tables
from streams.telemetry.telemetry import Telemetry
from tests.records import a_destination as a_document
from tests.status.reports import NOW, a_destination, a_worker


def activating(id_: str, started_at: int, **counts: Considered) -> Worker:
    stage = Stage(ready=True, considered={f"{name}.1": each for name, each in counts.items()})
    return a_worker(id_, started_at=started_at, stages={"activation": stage})


FIRST = activating("first", NOW - 60_000, crm=Considered(activated=3, not_triggered=1, excluded={"consent": 2}))
SECOND = activating("second", NOW - 30_000, crm=Considered(activated=1, excluded={"consent": 1, "policy": 4}))
DELIVERING = a_worker("third", started_at=NOW - 90_000, stages={"delivery": Stage(ready=True)})
TOLD = [
    a_destination("third", ends={"delivered": 3, "dead-lettered": 1, "superseded": 7}, pending=2),
    a_destination("third", "other", ends={"delivered": 50}),
]


def test_counts_are_summed_over_the_workers() -> None:
    counts = counted("crm.1", [FIRST, SECOND, DELIVERING], TOLD)

    assert counts.received == counts.activated + sum(counts.excluded.values()) + counts.not_triggered == 12
    assert (counts.activated, counts.not_triggered, counts.excluded) == (4, 1, {"consent": 3, "policy": 4})
    assert (counts.delivered, counts.failed, counts.pending, counts.since) == (3, 1, 2, NOW - 90_000)


def test_who_counts_nothing_of_it_says_nothing_of_since_when() -> None:
    assert counted("crm.1", [FIRST], []).since == NOW - 60_000
    assert counted("crm.2", [FIRST, DELIVERING], TOLD).since is None
    assert [each.name for each in told_by([DELIVERING], TOLD)] == ["crm", "other"]
    assert told_by([a_worker("gone")], TOLD) == []


def test_an_overview_shows_them_and_a_stale_workers_count_no_more() -> None:
    looks = {"crm.1": Look(topic="t", group="g", found={})}
    stale = activating("old", NOW - 99_000, crm=Considered(activated=100))
    gone = a_worker("old", written_at=NOW - 90_000, stages=stale.stages)
    seen = overview("shop", [FIRST, SECOND, DELIVERING, gone, *TOLD], [], looks, NOW)

    assert seen.destinations[0].counts == counted("crm.1", [FIRST, SECOND, DELIVERING], TOLD)
    (row,) = next(table.rows for table in tables(seen) if "became" in table.title)
    assert row == ("crm", "12", "4", "consent=3 policy=4", "1", "3", "1", "2", "1 min 30 s ago")


def test_what_a_worker_counts_is_what_its_metrics_say() -> None:
    telemetry = Telemetry(time.time)
    told = telemetry.activation(a_document())
    for end, exclusion in (
        (RecordEnd.ACTIVATED, None),
        (RecordEnd.EXCLUDED, Exclusion.CONSENT),
        (RecordEnd.EXCLUDED, Exclusion.CONSENT),
        (RecordEnd.NOT_TRIGGERED, None),
    ):
        told.considered(end, exclusion)

    counts = considered(telemetry.considered()["crm"])

    assert counts == Considered(activated=1, not_triggered=1, excluded={"consent": 2})
    assert considered({}) == Considered()
