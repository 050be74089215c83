"""What can go wrong where an attribute is withdrawn from a destination."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import strategies as st

from tests.faults.changes import pick
from tests.faults.evidence import Evidence, Export
from tests.faults.good_ledgers import with_requests
from tests.faults.profiles import expected, said_by


def _given_up(evidence: Evidence) -> Export:
    """Return the export that was given up when the attribute was withdrawn."""
    posted = {request.key for request in evidence.requests}
    return next(row for row in evidence.exports if row.key not in posted)


def posted_all_the_same(evidence: Evidence, _: st.DataObject) -> Evidence:
    """The export that tells what was withdrawn is posted before the one that replaces it."""
    row = _given_up(evidence)
    replacing = next(each for each in evidence.exports if each.offset > row.offset and each.profile == row.profile)
    place = next(place for place, request in enumerate(evidence.requests) if request.key == replacing.key)
    before = evidence.requests[place]
    late = replace(before, key=row.key, body=row.body, arrived=before.arrived - 0.002, ended=before.arrived - 0.001)
    return with_requests(evidence, [*evidence.requests[:place], late, *evidence.requests[place:]])


def rendered_all_the_same(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An export that is written after the withdrawal tells what was withdrawn."""
    late = [row for row in evidence.exports if row.at > evidence.withdrawals[0].ended]
    row = late[pick(data, len(late))]
    said = said_by(row.body)
    assert said is not None
    body = json.dumps(expected(said.profile, said.state)).encode()
    exports = [replace(each, body=body) if each.key == row.key else each for each in evidence.exports]
    requests = [replace(each, body=body) if each.key == row.key else each for each in evidence.requests]
    return replace(with_requests(evidence, requests), exports=exports)


def withheld(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An attribute is missing before anybody withdraws it."""
    early = [request for request in evidence.requests if request.arrived < evidence.withdrawals[0].began]
    request = early[pick(data, len(early))]
    parsed = json.loads(request.body)
    del parsed["person"]["name"]
    body = json.dumps(parsed).encode()
    exports = [replace(each, body=body) if each.key == request.key else each for each in evidence.exports]
    requests = [replace(each, body=body) if each.key == request.key else each for each in evidence.requests]
    return replace(with_requests(evidence, requests), exports=exports)


def never_exported_anew(evidence: Evidence, _: st.DataObject) -> Evidence:
    """An export is given up, and nothing of its profile is exported afterwards."""
    row = _given_up(evidence)
    gone = {each.key for each in evidence.exports if each.profile == row.profile and each.offset > row.offset}
    exports = [each for each in evidence.exports if each.key not in gone]
    requests = [each for each in evidence.requests if each.key not in gone]
    return replace(with_requests(evidence, requests), exports=exports)


def never_asked_for(evidence: Evidence, _: st.DataObject) -> Evidence:
    """An export is given up, and nobody asks for the profile; what replaces it is not delivered."""
    row = _given_up(evidence)
    gone = {each.key for each in evidence.exports if each.profile == row.profile and each.offset > row.offset}
    return replace(with_requests(evidence, [r for r in evidence.requests if r.key not in gone]), asked=[])


def given_up_too_early(evidence: Evidence, _: st.DataObject) -> Evidence:
    """A commit passes an export that tells too much before it is asked for its profile to be exported anew."""
    row = _given_up(evidence)
    (asked,) = evidence.asked
    first = next(each for each in evidence.commits if each.topic == evidence.exports_topic)
    early = replace(first, partition=row.partition, offset=row.offset + 1, after=row.at, at=asked.at - 0.001)
    return replace(evidence, commits=[early, *evidence.commits])


NARROWINGS = {
    "I1": (never_exported_anew, never_asked_for),
    "I2": (given_up_too_early,),
    "I5": (withheld,),
    "I11": (posted_all_the_same, rendered_all_the_same),
}
