"""Ledgers that were kept are judged as they were when the run ended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.faults import bitmaps
from tests.faults.evidence import Evidence, Letter, Request, Vital
from tests.faults.good_ledgers import Writer
from tests.faults.kept import most_alive, read_ledgers, write_ledgers
from tests.faults.rejudge import rejudge

LETTER = Letter(0, 0, 1_000.0, "app-memberships", (0, 9), "malformed", None, b"{not json", "{}")


def a_run(folder: Path) -> Evidence:
    """Write the ledgers of a run with a crash into a folder, the endpoint's too, and return them."""
    writer = Writer(partitions=2)
    for number in (0, 1):
        writer.put(number, is_fragment=True)
        writer.put(number, is_fragment=False)
    writer.redeliver(1, 1)
    evidence = replace(writer.evidence(), texts={}, canaries=(), letters=[LETTER])
    (folder / "endpoint").mkdir(parents=True)
    lines = [line for request in evidence.requests for line in _lines(request)]
    (folder / "endpoint" / "requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_ledgers(evidence, folder)
    return evidence


def _lines(request: Request) -> list[dict[str, object]]:
    arrived: dict[str, object] = {
        "n": request.number,
        "at": request.arrived,
        "clock": request.clock,
        "key": request.key,
    }
    arrived |= {"head": request.head, "body": request.body.decode(), "status": request.status}
    arrived |= {"way": request.way, "link": request.link}
    ended: dict[str, object] = {
        "n": request.number,
        "end": request.ended,
        "sent": request.sent,
        "retry_after": 0.0,
        "form": "",
    }
    return [arrived, ended]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = a_run(tmp_path)

    assert read_ledgers(tmp_path) == written


def test_a_run_that_was_kept_is_judged_again(tmp_path: Path) -> None:
    folder = tmp_path / "K1-7"
    a_run(folder)

    result = rejudge(folder)

    assert (result.row, result.seed, result.passed) == ("K1", 7, True)
    assert (result.records, result.duplicates, result.lost) == (4, 1, 0)


def test_a_bitmap_is_read_as_it_is_and_deflated_and_other_texts_are_none() -> None:
    assert bitmaps.ended("b1 17 0 rBQE=", 100) == {100, 102, 108}
    assert bitmaps.ended("b1 17 0 deJxjZQQAAA0ABw==", 100) == {100, 102, 108}
    assert bitmaps.ended("", 100) == bitmaps.ended("a note of somebody else", 100) == frozenset()


def test_of_workers_that_take_turns_one_is_alive() -> None:
    turns = [Vital(name, at, 0, 0, 0) for name, at in (("a", 1.0), ("b", 2.0), ("a", 3.0))]

    assert most_alive(turns) == 1
    assert most_alive([*turns, Vital("b", 3.001, 0, 0, 0)]) == 2
