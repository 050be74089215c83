"""What the mutations of a run's ledgers are made of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.faults.evidence import Evidence, Export, Fault, Letter, Request
from tests.faults.good_ledgers import COMMIT_SECONDS, EXPORTS, TAKEOVER_SECONDS, with_requests


def pick(data: st.DataObject, count: int) -> int:
    """Draw a number below *count*."""
    return data.draw(st.integers(0, count - 1))


def rows_of_one(evidence: Evidence, data: st.DataObject) -> list[Export]:
    """Return the exports of a profile; each has two at least."""
    profiles = sorted({row.profile for row in evidence.exports})
    profile = profiles[pick(data, len(profiles))]
    return [row for row in evidence.exports if row.profile == profile]


def posted(evidence: Evidence, key: str, body: bytes) -> Evidence:
    """Post once more, after all others and before the commits."""
    last = evidence.requests[-1]
    at = (last.ended or 0.0) + TAKEOVER_SECONDS
    request = Request(last.number + 1, at, at, key, "POST /v1", body, 204, at + 0.001, sent=True)
    return with_requests(evidence, [*evidence.requests, request])


def crashed(evidence: Evidence) -> Evidence:
    """Let a crash come after everything, so that it explains what is repeated."""
    at = evidence.requests[-1].ended or 0.0
    crash = Fault("SIGKILL", at, at, crash=True, commit_seconds=COMMIT_SECONDS)
    return replace(evidence, faults=[*evidence.faults, crash])


def without(evidence: Evidence, key: str) -> Evidence:
    """Return the evidence without the requests of an id."""
    return with_requests(evidence, [request for request in evidence.requests if request.key != key])


def unrepeated(evidence: Evidence) -> Evidence:
    """Take the crashes away, and what they made to be repeated: beside a wrong commit they are wrong, too."""
    first = {request.key: request for request in reversed(evidence.requests)}
    kept = [request for request in evidence.requests if first[request.key] is request]
    return with_requests(replace(evidence, faults=[]), kept)


def given_up(evidence: Evidence, row: Export, *, after_seconds: float) -> Evidence:
    """Let all tries of an export fail, and let it be a dead letter; what fails for ten seconds may be one."""
    failed = [replace(each, status=503) if each.key == row.key else each for each in evidence.requests]
    at = next(each.arrived for each in failed if each.key == row.key) + after_seconds
    letter = Letter(0, 0, at, EXPORTS, (row.partition, row.offset), "exhausted", row.key, row.body, "{}")
    limits = replace(evidence.limits, exhausts_seconds=10.0)
    return replace(with_requests(evidence, failed), letters=[letter], limits=limits)
