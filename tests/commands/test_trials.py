"""``test`` of what is in force, and ``apply --test``, which applies nothing where a step fails."""

from __future__ import annotations

import json

import pytest

from tests.commands.desk import Desk
from tests.exchanges import answering, mock_endpoint, raw_server

pytestmark = pytest.mark.kafka

NO = b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"


def _written(desk: Desk, url: str, **more: object) -> None:
    settings = json.loads((desk.folder / "streams.yaml").read_text())
    (desk.folder / "streams.yaml").write_text(json.dumps(settings | {"egress": {"allow": ["127.0.0.0/8"]}}))
    partner = {"kind": "account", "name": "partner", "httpEndpoint": url}
    crm = {"kind": "destination", "name": "crm", "account": "partner", "segments": ["a"], **more}
    desk.write("documents.json", partner, crm)


async def test_a_destination_in_force_is_tried_by_its_name(desk: Desk) -> None:
    async with mock_endpoint() as mock:
        _written(desk, mock.url)
        await desk.done("destinations", "apply", "documents.json")
        ended = await desk.done("destinations", "test", "crm", "--output", "json")

    assert [(each["name"], each["passed"]) for each in ended.told] == [("crm", True)]
    assert len(mock.requests) == 1


async def test_a_name_that_nothing_has_is_wrong_usage(desk: Desk) -> None:
    async with mock_endpoint() as mock:
        _written(desk, mock.url)
        await desk.done("destinations", "apply", "documents.json")
        ended = await desk.streams("destinations", "test", "crn")

    assert ended.code == 2
    assert "no destination is called 'crn'; did you mean 'crm'?" in ended.err


async def test_apply_refuses_what_fails_the_test_and_writes_nothing(desk: Desk) -> None:
    async with raw_server(answering(NO)) as server:
        _written(desk, server.url)
        ended = await desk.streams("destinations", "apply", "documents.json", "--test")

    assert (ended.code, ended.out) == (1, "")
    assert "403: delivery would pause this destination [forbidden]" in ended.err
    assert ended.err.splitlines()[-1].endswith("nothing was applied: a step failed [step-failed]")
    async with desk.registry() as registry:
        assert registry.standing("destination") == registry.standing("account") == {}
    assert await desk.client.partitions(f"{desk.app}.exports.crm.1") == []


async def test_apply_takes_what_passes_the_test_and_tries_only_what_changes(desk: Desk) -> None:
    async with mock_endpoint() as mock:
        _written(desk, mock.url)
        first = await desk.done("destinations", "apply", "documents.json", "--test", "--output", "json")
        again = await desk.done("destinations", "apply", "documents.json", "--test", "--output", "json")

    assert [each["action"] for each in first.told["changes"]] == ["create", "create"]
    assert [each["action"] for each in again.told["changes"]] == ["nothing", "nothing"]
    assert "delivered" in first.err
    assert len(mock.requests) == 1
    assert (await desk.in_force()).version == 1


async def test_a_secret_that_is_not_here_ends_with_2_and_writes_nothing(desk: Desk) -> None:
    async with mock_endpoint() as mock:
        header = {"x-key": {"value": "${env:STREAMS_SECRET_NOWHERE}", "secret": True}}
        _written(desk, mock.url, customHeaders=header)
        ended = await desk.streams("destinations", "apply", "documents.json", "--test")

    assert ended.code == 2
    assert "STREAMS_SECRET_NOWHERE is not set" in ended.err
    assert mock.requests == []
