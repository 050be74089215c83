"""Many profiles that nothing is owed to: in no segment, they only fill the state."""

from __future__ import annotations

import json

from tests.faults import bulk
from tests.faults.lab import Lab
from tests.faults.profiles import fragment, time_of
from tests.waiting import until

FIRST = 5_000_000
"""Their numbers begin above those of the profiles that the load brings."""


async def crowd(lab: Lab, profiles: int, *, padding: int, memberships: int = 0) -> None:
    """Put in a fragment of each, and as many memberships of segments that nobody maps."""
    people = [f"{lab.marks.person}-{number:07d}" for number in range(FIRST, FIRST + profiles)]
    fragments = ((each.encode(), fragment(each, 1, padding)) for each in people)
    await bulk.write(lab.bootstrap, lab.topic("profiles"), lab.partitions, fragments)
    if memberships:
        record = _memberships(memberships)
        members = ((each.encode(), record) for each in people)
        await bulk.write(lab.bootstrap, lab.topic("memberships"), lab.partitions, members)


async def read_all(lab: Lab, within_seconds: float) -> None:
    """Wait until activation has committed all that the inputs hold by now."""
    ends = {name: await lab.client.end_offsets(lab.topic(name)) for name in ("memberships", "profiles")}

    def read() -> bool:
        return all(
            lab.commits.committed(lab.activation_group, lab.topic(name)).get(partition, 0) >= end
            for name, of in ends.items()
            for partition, end in of.items()
        )

    await until(read, within_seconds, "the inputs are read")


def half_empty(lab: Lab) -> list[int]:
    """Return the requests whose bodies lack the attributes that were put in before the first membership."""
    said = [(request.number, json.loads(request.body)) for request in lab.endpoint.requests]
    return [number for number, body in said if "person" not in body]


def _memberships(count: int) -> bytes:
    entry = {"lastQualificationTime": time_of(1), "status": "realized"}
    return json.dumps({"segmentMembership": {"ups": {f"elsewhere-{n}": entry for n in range(count)}}}).encode()
