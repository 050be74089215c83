"""What can go wrong with the records of a run: lost, committed ahead, repeated, out of order (I1 to I4)."""

from __future__ import annotations

import base64
from dataclasses import replace

from hypothesis import strategies as st

from tests.faults.changes import crashed, given_up, pick, posted, rows_of_one, unrepeated, without
from tests.faults.evidence import Commit, Evidence, Fault, Letter, Request
from tests.faults.good_ledgers import ACTIVATION, COMMIT_SECONDS, DELIVERY, EXPORTS, MEMBERSHIPS, with_requests


def dropped(evidence: Evidence, data: st.DataObject) -> Evidence:
    """One export never arrives."""
    return without(evidence, evidence.exports[pick(data, len(evidence.exports))].key)


def unanswered(evidence: Evidence, data: st.DataObject) -> Evidence:
    """One export arrives, and its sender never hears that it did."""
    key = evidence.exports[pick(data, len(evidence.exports))].key
    return with_requests(evidence, [replace(r, sent=False) if r.key == key else r for r in evidence.requests])


def never_exported(evidence: Evidence, data: st.DataObject) -> Evidence:
    """The last record of a profile has no export."""
    last = rows_of_one(evidence, data)[-1]
    kept = [row for row in evidence.exports if row.key != last.key]
    requests = [request for request in evidence.requests if request.key != last.key]
    return replace(with_requests(evidence, requests), exports=kept)


def parked_unposted(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An export is a dead letter although no endpoint has refused it."""
    row = rows_of_one(evidence, data)[-1]
    letter = Letter(0, 0, row.at + 0.001, EXPORTS, (row.partition, row.offset), "exhausted", row.key, row.body, "{}")
    return replace(without(evidence, row.key), letters=[letter])


def given_up_early(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An export that has failed becomes a dead letter, long before it may."""
    return given_up(evidence, rows_of_one(evidence, data)[-1], after_seconds=2.0)


def parked_unread(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A record that was put in is a dead letter, and nothing is wrong with it."""
    due = [each for each in evidence.obligations if each.is_membership]
    each = due[pick(data, len(due))]
    origin = (each.partition, each.offset)
    return replace(evidence, letters=[Letter(0, 0, each.at, each.topic, origin, "internal-error", None, b"", "{}")])


def told_ahead(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A commit tells of an export above it that it has ended, before it has."""
    row = evidence.exports[pick(data, len(evidence.exports))]
    bits = base64.b64encode((1 << row.offset).to_bytes(row.offset // 8 + 1, "little")).decode()
    ahead = Commit(DELIVERY, EXPORTS, row.partition, 0, f"b1 0 0 r{bits}", row.at, row.at)
    return replace(evidence, commits=[ahead, *evidence.commits])


def went_back(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A commit falls behind one that was there before."""
    last = evidence.commits[pick(data, len(evidence.commits))]
    return replace(evidence, commits=[*evidence.commits, replace(last, offset=last.offset - 1, at=last.at + 0.1)])


def export_committed_ahead(evidence: Evidence, data: st.DataObject) -> Evidence:
    """The exports' commit passes one that has not ended."""
    row = evidence.exports[pick(data, len(evidence.exports))]
    ahead = Commit(DELIVERY, EXPORTS, row.partition, row.offset + 1, "", row.at, row.at)
    return replace(unrepeated(evidence), commits=[ahead, *evidence.commits])


def input_committed_ahead(evidence: Evidence, data: st.DataObject) -> Evidence:
    """The inputs' commit passes a record whose export is not written."""
    due = [each for each in evidence.obligations if each.is_membership]
    each = due[pick(data, len(due))]
    ahead = Commit(ACTIVATION, MEMBERSHIPS, each.partition, each.offset + 1, "", each.at, each.at)
    return replace(evidence, commits=[ahead, *evidence.commits])


def another_body(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An id comes once more, with the body of another."""
    rows = rows_of_one(evidence, data)
    key = rows[pick(data, len(rows) - 1)].key
    return posted(crashed(evidence), key, rows[-1].body)


def repeated_without_a_crash(evidence: Evidence, data: st.DataObject) -> Evidence:
    """The newest export of a profile comes twice after a crash, and the second time nothing says why."""
    row = rows_of_one(evidence, data)[-1]
    return posted(posted(crashed(evidence), row.key, row.body), row.key, row.body)


def repeated_although_committed(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A crash comes when all is committed, whether or not another came before, and something is sent again."""
    row = rows_of_one(evidence, data)[-1]
    before = crashed(evidence) if data.draw(st.booleans()) else evidence
    at = max(commit.at for commit in evidence.commits) + 1.0
    crash = Fault("SIGKILL", at, at, crash=True, commit_seconds=COMMIT_SECONDS)
    last = evidence.requests[-1]
    again = Request(last.number + 1, at + 1.0, at + 1.0, row.key, "POST /v1", row.body, 204, at + 1.1, sent=True)
    return with_requests(replace(before, faults=[*before.faults, crash]), [*evidence.requests, again])


def repeated_too_often(evidence: Evidence, data: st.DataObject) -> Evidence:
    """Within one long fault the newest export of a profile comes twice more."""
    row = rows_of_one(evidence, data)[-1]
    twice = posted(posted(evidence, row.key, row.body), row.key, row.body)
    began, ended = evidence.requests[-1].ended or 0.0, twice.requests[-1].ended
    cut = Fault("cut", began, ended, crash=True, commit_seconds=COMMIT_SECONDS)
    return replace(twice, faults=[*evidence.faults, cut])


def judged_by_no_commit(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A crash is judged by the last commit that was seen before it, and none was seen for a minute."""
    row = rows_of_one(evidence, data)[-1]
    at = (evidence.requests[-1].ended or 0.0) + 60.0
    old = [replace(each, after=at - 61.0, at=at - 60.0, offset=0) for each in evidence.commits]
    crash = Fault("SIGKILL", at, at, crash=True, commit_seconds=None)
    again = Request(len(evidence.requests) + 1, at + 1, at + 1, row.key, "POST /v1", row.body, 204, at + 2, sent=True)
    later = [replace(each, after=at + 2.0, at=at + 3.0) for each in evidence.commits]
    whole = replace(unrepeated(evidence), commits=[*old, *later], faults=[crash])
    return with_requests(whole, [*whole.requests, again])


def swapped(evidence: Evidence, data: st.DataObject) -> Evidence:
    """Two exports of a profile arrive the other way round."""
    rows = rows_of_one(evidence, data)
    first, second = rows[place := pick(data, len(rows) - 1)], rows[place + 1]
    ids = {first.key: second, second.key: first}
    seen = set[str]()
    requests = []
    for request in evidence.requests:
        other = ids.get(request.key) if request.key not in seen else None
        seen.add(request.key)
        requests.append(request if other is None else replace(request, key=other.key, body=other.body))
    return with_requests(evidence, requests)


def stale_last(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An older export of a profile is delivered once more, after everything."""
    rows = rows_of_one(evidence, data)
    row = rows[pick(data, len(rows) - 1)]
    return posted(crashed(evidence), row.key, row.body)


def stale_unheard(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An older export is accepted once more after everything, by a sender that is gone before the answer."""
    late = stale_last(evidence, data)
    return with_requests(late, [*late.requests[:-1], replace(late.requests[-1], sent=False)])


MISHAPS = {
    "I1": (dropped, unanswered, never_exported, parked_unposted, given_up_early, parked_unread),
    "I2": (export_committed_ahead, input_committed_ahead, told_ahead, went_back),
    "I3": (
        *(another_body, repeated_without_a_crash, repeated_although_committed),
        *(repeated_too_often, judged_by_no_commit),
    ),
    "I4": (swapped, stale_last, stale_unheard),
}
