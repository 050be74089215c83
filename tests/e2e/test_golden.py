"""The published example arrives as exactly that JSON, with those headers, at exactly that URL, from real Kafka."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.demo.endpoint import Answer, Received
from tests.e2e.world import SECRET, SEGMENT, World, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

QUERY = "?a=1&b=2&tag=x&tag=y&path=%2Fa%20b&empty=&plus=1+1"
KEY = b"yourstruly"

IDENTITIES = {
    "ecid": [{"id": "14575006536349286404619648085736425115"}, {"id": "66478888669296734530114754794777368480"}],
    "email_lc_sha256": [
        {"id": "655332b5fa2aea4498bf7a290cff017cb4"},
        {"id": "66baf76ef9de8b42df8903f00e0e3dc0b7"},
    ],
}
EXITED, EXISTING = "7841ba61-23c1-4bb3-a495-00d3g5fe1e93", "59bd2fkd-3c48-4b18-bf56-4f5c5e6967ae"
EXAMPLE = {
    "person": {"email": "yourstruly@adobe.con"},
    "segmentMembership": {
        "ups": {
            EXITED: {"lastQualificationTime": "2020-05-25T21:24:39Z", "status": "exited"},
            EXISTING: {"lastQualificationTime": "2020-05-25T23:37:33Z", "status": "existing"},
        }
    },
    "identityMap": IDENTITIES,
}
FRAGMENT = {
    "person": {"email": "yourstruly@adobe.con", "name": {"firstName": "Yours", "lastName": "Truly"}, "gender": "x"},
    "homeAddress": {"city": "Basel"},
    "loyalty": {"points": 4210, "tier": "gold"},
    "identityMap": IDENTITIES,
}


def _membership(segment: str) -> bytes:
    return json.dumps({"segmentMembership": {"ups": {segment: EXAMPLE["segmentMembership"]["ups"][segment]}}}).encode()  # type: ignore[index]


def _destination(world: World) -> dict[str, Any]:
    return world.destination(
        account={
            "httpEndpoint": f"{world.endpoint.url}/v1/profiles{QUERY}",
            "authEndpoint": world.tokens.url,
            "clientID": "streams",
            "clientSecret": "${env:STREAMS_SECRET_CRM}",
        },
        customHeaders="header1:value1,header2:value2,headerN:valueN",
        segments=[EXITED, EXISTING],
        attributes=["person.email"],
    )


async def test_the_published_example_arrives_as_it_is_and_nothing_more(world: World) -> None:
    def decide(request: Received) -> Answer:
        return Answer(status=204 if world.tokens.accepts(request.header("Authorization")) else 401)

    world.endpoint.decide = decide
    inputs = {
        "qualifications": world.topic("qualifications"),
        "exits": world.topic("exits"),
        "profiles": [world.topic("profiles")],
    }
    worker = world.worker(
        settings=world.settings(inputs=inputs),
        documents=[_destination(world)],
        secrets={"STREAMS_SECRET_CRM": SECRET},
    )
    await worker.start()
    await world.produce("profiles", [(KEY, json.dumps(FRAGMENT).encode())])
    await until(lambda: _ended(worker, world.topic("profiles")), what="the fragment is read")
    await world.produce("qualifications", [(KEY, _membership(EXISTING))])
    await world.endpoint.served(1)
    await world.produce("exits", [(KEY, _membership(EXITED))])
    requests = [request for request, status in await world.endpoint.served(2) if status == 204]

    assert json.loads(requests[-1].body) == EXAMPLE
    assert json.loads(requests[0].body)["segmentMembership"]["ups"].keys() == {EXISTING}
    for request in requests:
        assert (request.method, request.url) == ("POST", "/v1/profiles" + QUERY)
        assert [request.header(name) for name in ("header1", "header2", "headerN")] == ["value1", "value2", "valueN"]
        assert request.header("Content-Type") == "application/json"
        assert request.header("Idempotency-Key")
    assert len(requests) == 2
    assert await worker.terminate() == 0
    assert SECRET not in worker.log
    assert "yourstruly" not in worker.log


async def _ended(worker: Any, topic: str) -> bool:
    return bool(await worker.metric("streams_records_total", topic=topic) == 1)


async def test_an_endpoint_on_loopback_is_refused_unless_the_worker_allows_it(world: World) -> None:
    worker = world.worker(settings=world.settings(egress={"allow": []}))
    await worker.start()
    await world.produce("profiles", [(KEY, b'{"person": {"id": "a"}}')])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 1, "realized"))])

    async def refused() -> bool:
        return await worker.metric("streams_attempts_total", outcome="fault") > 0

    await until(refused, 20, what="the attempt is refused")

    assert world.endpoint.requests == []
    assert await worker.metric("streams_exports_pending", destination="crm") == 1
