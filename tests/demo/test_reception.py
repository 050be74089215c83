"""The demo's endpoint answers as the sample wants it, and its lines of JSON say exactly what arrived."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from streams.demo import sample
from streams.demo.endpoint import Received
from streams.demo.reception import Reception, Request, as_line
from streams.destinations import Account, ClientCredentials, Destination
from streams.secrets import Secret

CREDENTIALS = ClientCredentials("http://login.example/token", "demo", Secret("s"))
DESTINATIONS = (
    Destination("crm", Account("http://endpoint.example/v1?a=1&b=2", CREDENTIALS)),
    Destination("newsletter", Account("http://endpoint.example/subscribers")),
)
AT = datetime(2020, 5, 25, tzinfo=UTC)


def received(url: str = "/subscribers", body: bytes = b"{}", **headers: str) -> Received:
    return Received("POST", url, tuple(headers.items()), body)


def posted(export_id: str) -> Received:
    return Received("POST", "/subscribers", (("Idempotency-Key", export_id),), b"{}")


@pytest.fixture
def reception() -> Reception:
    return Reception(DESTINATIONS, lambda header: header == "Bearer good", now=lambda: AT)


def about(identity: str) -> bytes:
    return json.dumps({"identityMap": {"crmid": [{"id": identity}]}}).encode()


def test_a_request_is_noted_for_its_destination(reception: Reception) -> None:
    answer = reception.decide(received())

    request = reception.arrived.get_nowait()
    assert (answer.status, request.status, request.destination, request.at) == (200, 200, "newsletter", AT)
    assert reception.requests == reception.taken == {"newsletter": 1}
    assert reception.last == {"newsletter": 200}


def test_one_is_tried_again_and_then_taken(reception: Reception) -> None:
    statuses = [reception.decide(received(body=about(sample.TRIED_AGAIN))).status for _ in range(3)]

    assert statuses == [503, 200, 200]
    assert (reception.requests, reception.taken) == ({"newsletter": 3}, {"newsletter": 2})


def test_one_is_refused_every_time(reception: Reception) -> None:
    assert [reception.decide(received(body=about(sample.REFUSED))).status for _ in range(2)] == [422, 422]
    assert reception.taken.total() == 0


def test_a_destination_fails_until_it_recovers_and_the_others_do_not(reception: Reception) -> None:
    reception.fail("newsletter")
    failed = [reception.decide(posted(key)).status for key in ("a", "b", "a")]
    other = reception.decide(received("/v1?a=1&b=2", Authorization="Bearer good")).status

    assert (failed, other) == ([503, 503, 503], 200)
    assert reception.failed("newsletter") == {"a": 2, "b": 1}
    reception.recover("newsletter")
    assert reception.decide(received()).status == 200
    assert reception.taken == {"crm": 1, "newsletter": 1}


def test_the_last_request_about_the_published_example_is_kept(reception: Reception) -> None:
    for identity in (sample.EXAMPLE, "A-1001"):
        reception.decide(received(body=about(identity)))

    assert reception.example is not None
    assert reception.example.received.body == about(sample.EXAMPLE)


@pytest.mark.parametrize(("header", "status"), [("Bearer good", 200), ("Bearer bad", 401)])
def test_a_destination_with_credentials_needs_a_live_token(reception: Reception, header: str, status: int) -> None:
    assert reception.decide(received("/v1?a=1&b=2", Authorization=header)).status == status


def test_a_request_to_no_destination_is_counted_apart(reception: Reception) -> None:
    reception.decide(received("/elsewhere"))

    assert reception.taken == {"?": 1}


def test_a_line_holds_every_digit_of_the_body_and_the_url_as_it_came() -> None:
    body = b'{ "n": 123456789012345678901234567890,\n "r": 1.10 }'
    line = as_line(Request(received("/a?x=%20&x=b", body, h="1"), "crm", 200, AT), root="http://127.0.0.1:9")

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert b'"body":{"n":123456789012345678901234567890,"r":1.10}' in line
    assert {**json.loads(line), "body": None} == {
        "method": "POST",
        "url": "http://127.0.0.1:9/a?x=%20&x=b",
        "headers": {"h": "1"},
        "body": None,
    }


def test_a_repeated_header_keeps_all_its_values() -> None:
    request = Received("POST", "/", (("a", "1"), ("b", "2"), ("a", "3")), b"{}")

    assert json.loads(as_line(Request(request, "crm", 200, AT), root=""))["headers"] == {"a": "1, 3", "b": "2"}


def test_a_body_that_is_no_json_is_a_text() -> None:
    assert json.loads(as_line(Request(received(body=b"\xff{"), "crm", 200, AT), root=""))["body"] == "\ufffd{"
