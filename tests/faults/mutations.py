"""What can go wrong in a run, done to the ledgers of one in which all went well."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from tests.faults.changes import pick, posted, rows_of_one, unrepeated
from tests.faults.evidence import Evidence, Export, Fresh, Vital
from tests.faults.good_ledgers import MARKS, with_requests
from tests.faults.mishaps import MISHAPS
from tests.faults.profiles import State, expected


def _rewritten(evidence: Evidence, row: Export, body: bytes) -> Evidence:
    exports = [replace(each, body=body) if each.key == row.key else each for each in evidence.exports]
    requests = [replace(each, body=body) if each.key == row.key else each for each in evidence.requests]
    return replace(with_requests(evidence, requests), exports=exports)


def unmapped(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A body holds what nobody has mapped."""
    row = rows_of_one(evidence, data)[0]
    body = json.loads(row.body) | {"unmapped": {"diary": "stays at home"}}
    return _rewritten(evidence, row, json.dumps(body).encode())


def empty_handed(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A body says a segment and holds no attributes, with a status that does not belong to its time."""
    row = rows_of_one(evidence, data)[0]
    body = json.loads(row.body)
    body["segmentMembership"]["ups"]["segment-anchor"]["status"] = "exited"
    return _rewritten(evidence, row, json.dumps(body).encode())


def invented(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A body says what nobody has put in."""
    rows = rows_of_one(evidence, data)
    most = max(each.state.step for each in evidence.obligations if each.profile == rows[0].profile)
    known = max(each.state.version for each in evidence.obligations if each.profile == rows[0].profile)
    body = json.dumps(expected(rows[0].profile, State(known, most + 1))).encode()
    return _rewritten(evidence, rows[-1], body)


def not_exported(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A request comes under an id that no export has."""
    row = rows_of_one(evidence, data)[-1]
    return posted(evidence, "id-of-nobody", row.body)


def told_in_a_log(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A log tells a profile's id, or a secret."""
    canary = MARKS.all[pick(data, 2)]
    return replace(evidence, texts={**evidence.texts, "the log of b": f'{{"event":"oops","what":"{canary}-1"}}'})


def reached(evidence: Evidence, _: st.DataObject) -> Evidence:
    """A forbidden listener is connected to."""
    return replace(evidence, forbidden_accepts=1)


def grown(evidence: Evidence, data: st.DataObject) -> Evidence:
    """A worker grows beyond a limit."""
    sizes = [(2**31, 40, 12), (10**8, 10_000, 12), (10**8, 40, 500)]
    rss, sockets, threads = sizes[pick(data, 3)]
    return replace(evidence, vitals=[*evidence.vitals, Vital("a", 2_000.0, rss, sockets, threads)])


def never_again(evidence: Evidence, data: st.DataObject) -> Evidence:
    """What is put in after the fault does not arrive, or too late."""
    late = [Fresh(2_000.0, None), Fresh(2_000.0, 2_100.0)]
    return replace(evidence, fresh=[*evidence.fresh, late[pick(data, 2)]])


def unfinished(evidence: Evidence, _: st.DataObject) -> Evidence:
    """The commits never reach the ends."""
    return replace(evidence, is_finished=False)


def side_by_side(evidence: Evidence, data: st.DataObject) -> Evidence:
    """Two requests of one profile are open at once."""
    rows = rows_of_one(evidence, data)
    first, second = next(iter(pairwise(rows)))
    arrivals = {request.key: request.arrived for request in reversed(evidence.requests)}
    late = arrivals[second.key] + 0.001
    requests = [
        replace(r, ended=late) if r.key == first.key and r.arrived == arrivals[first.key] else r
        for r in evidence.requests
    ]
    return with_requests(evidence, requests)


def impatient(evidence: Evidence, data: st.DataObject) -> Evidence:
    """An export that was told to wait comes again at once."""
    row = rows_of_one(evidence, data)[-1]
    place = next(place for place, request in enumerate(evidence.requests) if request.key == row.key)
    first = evidence.requests[place]
    told = replace(first, status=503, retry_after=5.0, arrived=first.arrived - 0.004, ended=first.arrived - 0.002)
    return with_requests(evidence, [*evidence.requests[:place], told, *evidence.requests[place:]])


def hasty(evidence: Evidence, _: st.DataObject) -> Evidence:
    """One export waits as its answer has asked; another one is tried meanwhile."""
    evidence = unrepeated(evidence)
    *before, first, second = evidence.requests
    told = replace(first, status=429, retry_after=5.0, ended=first.arrived + 0.001)
    tried = replace(second, status=503, arrived=first.arrived + 2.0, ended=first.arrived + 2.001)
    late = [replace(each, arrived=each.arrived + 6.0, ended=each.arrived + 6.005) for each in (first, second)]
    return with_requests(evidence, [*before, told, tried, *late])


def rushed(evidence: Evidence, _: st.DataObject) -> Evidence:
    """More requests come than a rate allows."""
    return replace(evidence, limits=replace(evidence.limits, requests_per_second=0.001))


def crowded(evidence: Evidence, _: st.DataObject) -> Evidence:
    """More requests are open than a destination takes."""
    return replace(evidence, limits=replace(evidence.limits, in_flight=0))


MUTATIONS = {
    **MISHAPS,
    "I5": (unmapped, empty_handed, invented, not_exported),
    "I6": (told_in_a_log,),
    "I7": (reached,),
    "I8": (grown,),
    "I9": (never_again, unfinished),
    "I10": (side_by_side, impatient, hasty, rushed, crowded),
}
