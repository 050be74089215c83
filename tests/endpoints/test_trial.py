"""A destination is tried step by step, over real sockets; a step that failed stops those that need it."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from streams.delivery.batches import content_type
from streams.demo.endpoint import MockEndpoint
from streams.demo.tokens import TokenReply
from streams.destinations import Attribute, Batch, Destination, Header, Identity, Outcomes, Retry, Segment
from streams.endpoints.egress import Egress
from streams.endpoints.samples import sample_of
from streams.endpoints.steps import Step
from streams.endpoints.trial import Clocks, Trial
from streams.remedies.attempts import ATTEMPTS
from streams.secrets import Secret
from tests.exchanges import (
    LOOPBACK,
    FakeResolver,
    a_destination,
    a_request,
    answering,
    credentials_of,
    mock_endpoint,
    mock_tokens,
    raw_server,
)

NOW = 1_800_000_000.0
CLOCKS = Clocks(now=lambda: NOW, monotonic=time.monotonic)
ID = "00000000-0000-4000-8000-000000000001"
DAY = datetime.timedelta(days=1)


async def steps_of(destination: Destination, egress: Egress | None = None, *, deliver: bool = True) -> list[Step]:
    sample = sample_of(destination, id_=ID, now_ms=int(NOW * 1000)) if deliver else None
    trial = Trial(destination, egress or Egress(LOOPBACK), sample, CLOCKS)
    return [step async for step in trial.steps()]


async def results_of(destination: Destination, egress: Egress | None = None) -> dict[str, str]:
    return {f"{each.target}.{each.name}": each.result.value for each in await steps_of(destination, egress)}


async def failure_of(destination: Destination, egress: Egress | None = None) -> Step:
    (failed,) = [each for each in await steps_of(destination, egress) if each.failed]
    assert failed.remedy, "a step that fails says what to do"
    assert failed.code in ATTEMPTS, "and where the README says more"
    return failed


WAY = ("name", "egress", "connection", "tls")


def digits(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_a_sample_honours_what_is_selected_hashed_and_required() -> None:
    destination = replace(
        a_destination("https://h/"),
        attributes=(Attribute(("workEmail",), ("email",), hash="sha256"),),
        identities=(Identity("email", "contact", "sha256"), Identity("ecid", "ecid")),
        required_identities=("loyalty",),
    )

    body = json.loads(sample_of(destination, id_=ID, now_ms=0).body)
    unselected = sample_of(replace(destination, identities=None), id_=ID, now_ms=0)

    address = digits("streams-sample@example.com")
    assert body["email"] == address
    assert body["identityMap"] == {"contact": [{"id": address}], "ecid": [{"id": "streams-sample"}]}
    assert json.loads(unselected.body)["identityMap"].keys() == {"streams-sample", "loyalty"}


async def test_all_steps_pass_and_the_sample_arrives_as_it_was_shown() -> None:
    async with mock_endpoint() as mock, mock_tokens() as tokens:
        destination = replace(
            a_destination(mock.url, credentials=credentials_of(tokens)),
            headers=(Header("x-tenant", "north"), Header("x-key", Secret("canary-1"))),
            segments=(Segment("a"), Segment("b", "crm")),
            attributes=(Attribute(("person", "name"), ("name",)), Attribute(("workEmail", "address"), ("email",))),
        )
        steps = await steps_of(destination)

    assert [(each.target, each.name, each.result) for each in steps] == [
        *(("endpoint", name, "skipped" if name == "tls" else "passed") for name in WAY),
        *(("token-server", name, "skipped" if name == "tls" else "passed") for name in WAY),
        ("token-server", "token", "passed"),
        ("endpoint", "sample", "passed"),
        ("endpoint", "delivery", "passed"),
    ]
    (request,) = mock.requests
    (shown,) = [each.request for each in steps if each.request is not None]
    sent = dict(request.headers)
    assert sent["Idempotency-Key"] == ID
    assert sent["Authorization"] == "Bearer token-1"
    assert len(tokens.requests) == 1, "the token of the step is the one that is used"
    assert shown.body == request.body
    assert {name.lower() for name, _ in shown.headers} <= {name.lower() for name in sent}
    assert ("x-tenant", "********") in shown.headers, "as a plan shows it: what a document does not call secret may be"
    membership = {"lastQualificationTime": "2027-01-15T08:00:00Z", "status": "realized"}
    assert json.loads(request.body) == {
        "name": "streams-sample",
        "email": "streams-sample@example.com",
        "segmentMembership": {"ups": {"a": membership}, "crm": {"b": membership}},
        "identityMap": {"streams-sample": [{"id": "streams-sample"}]},
    }


@pytest.mark.parametrize(("format_", "frame"), [("array", (b"[", b"]")), ("ndjson", (b"", b"\n"))])
async def test_where_batches_are_taken_the_sample_is_a_batch_of_one(
    format_: Literal["array", "ndjson"], frame: tuple[bytes, bytes]
) -> None:
    async with mock_endpoint() as mock:
        destination = a_destination(mock.url, batch=Batch(format=format_))
        steps = await steps_of(destination)

    (request,) = mock.requests
    (shown,) = [each.request for each in steps if each.request is not None]
    assert (
        shown.body == request.body == frame[0] + sample_of(destination, id_=ID, now_ms=int(NOW * 1000)).body + frame[1]
    )
    assert request.header("Content-Type") == dict(shown.headers)["Content-Type"] == content_type(Batch(format=format_))
    assert request.header("Idempotency-Key") == dict(shown.headers)["Idempotency-Key"] != ID


async def test_the_sample_is_shown_before_it_is_sent() -> None:
    async with mock_endpoint() as mock:
        destination = a_destination(mock.url)
        sample = sample_of(destination, id_=ID, now_ms=0)
        async for step in Trial(destination, Egress(LOOPBACK), sample, CLOCKS).steps():
            assert len(mock.requests) == (step.name == "delivery")


async def test_without_a_sample_nothing_is_posted() -> None:
    async with mock_endpoint() as mock:
        steps = await steps_of(a_destination(mock.url), deliver=False)

    assert [(each.name, each.result) for each in steps[-1:]] == [("delivery", "skipped")]
    assert mock.requests == []


async def test_a_destination_without_segments_and_attributes_has_a_sample_too() -> None:
    body = json.loads(sample_of(a_destination("http://h/"), id_=ID, now_ms=0).body)

    assert body == {"segmentMembership": {}, "identityMap": {"streams-sample": [{"id": "streams-sample"}]}}


async def test_a_name_without_an_address() -> None:
    results = await results_of(a_destination("http://partner.test/"), Egress(resolver=FakeResolver(None)))
    failed = await failure_of(a_destination("http://partner.test/"), Egress(resolver=FakeResolver(None)))

    assert results == {
        "endpoint.name": "failed",
        "endpoint.egress": "skipped",
        "endpoint.connection": "skipped",
        "endpoint.tls": "skipped",
        "endpoint.sample": "passed",
        "endpoint.delivery": "skipped",
    }
    assert failed.what == "partner.test has no address: no such name"


async def test_an_address_that_the_guard_refuses_is_never_connected_to() -> None:
    async with raw_server(answering()) as server:
        failed = await failure_of(a_destination(server.url), Egress())

    assert failed.name == "egress"
    assert failed.what == "127.0.0.1 is loopback, and egress.allow does not hold it"
    assert "egress.allow" in failed.remedy
    assert server.connections == 0


async def test_an_address_that_is_allowed_is_told_with_the_network_that_holds_it() -> None:
    async with mock_endpoint() as mock:
        url = f"http://partner.test:{urlsplit(mock.url).port}/"
        steps = await steps_of(a_destination(url), Egress(LOOPBACK, resolver=FakeResolver("127.0.0.1", "127.0.0.1")))

    assert steps[1].what == "127.0.0.1 is allowed, as egress.allow holds 127.0.0.0/8"
    assert steps[-1].what == "204: delivered"


async def test_a_port_that_nobody_listens_on() -> None:
    async with raw_server(answering()) as server:
        pass
    failed = await failure_of(a_destination(server.url))

    assert failed.name == "connection"
    assert "Connection refused" in failed.what


async def test_a_token_server_that_cannot_be_reached_leaves_the_endpoints_steps_done() -> None:
    async with mock_endpoint() as mock, mock_tokens() as tokens:
        credentials = credentials_of(tokens)
    async with mock_endpoint() as mock:
        steps = await steps_of(a_destination(mock.url, credentials=credentials))

    told = {f"{each.target}.{each.name}": (each.result.value, each.what) for each in steps}
    assert told["endpoint.connection"][0] == "passed"
    assert told["token-server.connection"][0] == "failed"
    assert told["token-server.token"] == ("skipped", "needs: token-server connection")
    assert told["endpoint.delivery"] == ("skipped", "needs: token-server connection")
    assert mock.requests == []


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Trusted Ltd")


def _trusting(authority: trustme.CA) -> Egress:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Egress(LOOPBACK, trust=context)


@asynccontextmanager
async def _served(certificate: trustme.LeafCert) -> AsyncIterator[MockEndpoint]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    async with mock_endpoint(context) as mock:
        yield mock


async def test_tls_tells_the_version_and_whom_the_certificate_is_for_and_until_when(authority: trustme.CA) -> None:
    until = datetime.datetime.fromtimestamp(NOW, datetime.UTC) + 30 * DAY
    async with _served(authority.issue_cert("127.0.0.1", "partner.test", not_after=until)) as mock:
        steps = await steps_of(a_destination(mock.url), _trusting(authority))

    assert steps[3].what == (
        "TLSv1.3, certificate for 127.0.0.1, partner.test, until 2027-02-14 (30 days), by Trusted Ltd"
    )
    assert steps[-1].what == "204: delivered"


async def _tls_failure(url: str, egress: Egress) -> Step:
    failed = await failure_of(a_destination(url), egress)
    assert failed.name == "tls"
    assert failed.code in {"tls-untrusted", "tls-failed"}
    return failed


async def test_a_certificate_for_another_host(authority: trustme.CA) -> None:
    async with _served(authority.issue_cert("elsewhere.test")) as mock:
        failed = await _tls_failure(mock.url, _trusting(authority))

    assert failed.what.startswith("the certificate is for another host: IP address mismatch")
    assert mock.requests == []


async def test_a_certificate_that_has_expired(authority: trustme.CA) -> None:
    today = datetime.datetime.now(datetime.UTC)
    expired = authority.issue_cert("127.0.0.1", not_before=today - 9 * DAY, not_after=today - DAY)
    async with _served(expired) as mock:
        failed = await _tls_failure(mock.url, _trusting(authority))

    assert failed.what == "the certificate has expired: certificate has expired"


async def test_a_certificate_that_is_not_valid_yet(authority: trustme.CA) -> None:
    today = datetime.datetime.now(datetime.UTC)
    early = authority.issue_cert("127.0.0.1", not_before=today + DAY, not_after=today + 2 * DAY)
    async with _served(early) as mock:
        failed = await _tls_failure(mock.url, _trusting(authority))

    assert failed.what.startswith("the certificate is not valid yet")


async def test_a_certificate_that_nobody_vouches_for(authority: trustme.CA) -> None:
    async with _served(_self_signed()) as mock:
        failed = await _tls_failure(mock.url, _trusting(authority))

    assert failed.what == "nobody vouches for the certificate: self-signed certificate"


async def test_a_certificate_of_an_authority_that_is_not_known(authority: trustme.CA) -> None:
    async with _served(trustme.CA().issue_cert("127.0.0.1")) as mock:
        failed = await _tls_failure(mock.url, _trusting(authority))

    assert failed.what.startswith("the certificate's authority is not known here")


async def test_a_port_that_speaks_no_tls() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as server:
        failed = await _tls_failure(server.url.replace("http:", "https:"), Egress(LOOPBACK))

    assert failed.what.startswith("no TLS is spoken there")


def _self_signed() -> trustme.LeafCert:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, today - DAY, today + DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return trustme.LeafCert(pem, certificate.public_bytes(serialization.Encoding.PEM), [])


# The token


async def _token_failure(reply: TokenReply) -> Step:
    async with mock_endpoint() as mock, mock_tokens() as tokens:
        tokens.script(reply)
        failed = await failure_of(a_destination(mock.url, credentials=credentials_of(tokens, secret="canary/2")))
    assert failed.name == "token"
    assert mock.requests == [], "what has no token is not delivered"
    assert "canary" not in failed.what
    return failed


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (TokenReply(status=401, body=b'{"error":"invalid_client"}'), '401: {"error":"invalid_client"}|token-refused'),
        (TokenReply(status=500, body=b"<html>canary"), "500: no JSON object, 12 bytes|token-unavailable"),
        (TokenReply(status=200, body=b'{"access_tok'), "200: no JSON object, 12 bytes|token-invalid"),
        (
            TokenReply(status=200, body=b'{"access_token":"canary","token_type":"mac"}'),
            '200: {"access_token":"********","token_type":"mac"}|token-invalid',
        ),
        (
            TokenReply(status=400, body=b'{"error":"invalid_scope","error_description":"no canary%2F2 for canary/2"}'),
            '400: {"error":"invalid_scope","error_description":"no ******** for ********"}|token-refused',
        ),
    ],
)
async def test_a_token_server_that_gives_no_token(reply: TokenReply, what: str) -> None:
    failed = await _token_failure(reply)

    assert f"{failed.what}|{failed.code}" == what


async def test_a_token_is_masked() -> None:
    async with mock_endpoint() as mock, mock_tokens() as tokens:
        steps = await steps_of(a_destination(mock.url, credentials=credentials_of(tokens)))

    told = next(each.what for each in steps if each.name == "token")
    assert told == '200: {"access_token":"********","token_type":"Bearer","expires_in":3600}, lives 3600 s'


async def test_a_token_that_the_endpoint_refuses_is_renewed_once() -> None:
    async with (
        mock_tokens() as tokens,
        raw_server(answering(*[b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"] * 2)) as server,
    ):
        failed = await failure_of(a_destination(server.url, credentials=credentials_of(tokens)))

    assert (failed.what, failed.code) == ("401: delivery would pause this destination", "unauthorized")
    assert len(tokens.requests) == 2


# The delivery


@pytest.mark.parametrize(
    ("status", "what", "code"),
    [
        (403, "403: delivery would pause this destination", "forbidden"),
        (404, "404: delivery would make it a dead letter", "not-found"),
        (500, "500: delivery would try again", "server-error"),
        (302, "302: delivery would make it a dead letter", "redirected"),
    ],
)
async def test_an_endpoint_that_does_not_take_the_sample(status: int, what: str, code: str) -> None:
    async with raw_server(answering(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode())) as server:
        failed = await failure_of(a_destination(server.url))

    assert (failed.name, failed.what, failed.code) == ("delivery", what, code)


@pytest.mark.parametrize(
    ("status", "what", "code"),
    [
        (404, "404: delivery would try again, as delivery.outcomes says", "not-found"),
        (503, "503: delivery would make it a dead letter, as delivery.outcomes says", "server-error"),
        (202, "202: delivery would pause this destination, as delivery.outcomes says", "overridden"),
        (403, "403: delivery would try again, as delivery.retry says", "forbidden"),
        (500, "500: delivery would try again", "server-error"),
    ],
)
async def test_what_an_answer_means_by_the_document_is_told_with_the_key(status: int, what: str, code: str) -> None:
    bounds: dict[str, Any] = {
        "outcomes": Outcomes(retry=(404,), refused=(503,), fault=(202,)),
        "retry": Retry(policy="adobe"),
    }
    async with raw_server(answering(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode())) as server:
        failed = await failure_of(a_destination(server.url, **bounds))

    assert (failed.what, failed.code) == (what, code)
    assert ("is to mean here" in failed.remedy) == ("as delivery" in what)


async def test_an_answer_that_the_document_calls_a_delivery_is_one() -> None:
    async with raw_server(answering(b"HTTP/1.1 409 Known\r\ncontent-length: 0\r\n\r\n")) as server:
        steps = await steps_of(a_destination(server.url, outcomes=Outcomes(delivered=(409,))))

    assert (steps[-1].result, steps[-1].what) == ("passed", "409: delivered, as delivery.outcomes says")


async def test_a_sample_that_is_too_large_is_not_sent() -> None:
    async with mock_endpoint() as mock:
        destination = a_destination(mock.url, max_payload_bytes=10)
        failed = next(step for step in await steps_of(destination) if step.failed)

    assert (failed.name, failed.code) == ("delivery", "too-large")
    assert failed.what.endswith("bytes, delivery.maxPayloadBytes is 10: delivery would make it a dead letter")
    assert mock.requests == []


async def test_an_endpoint_that_does_not_answer_in_time() -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await a_request(reader)
        await asyncio.Event().wait()

    async with raw_server(hang) as server:
        failed = await failure_of(a_destination(server.url, seconds=0.2))

    assert failed.what == "no answer: delivery would try again"
    assert failed.code in ("timed-out", "connect-timed-out")  # a slow machine is not connected in time


async def test_no_step_shows_a_secret() -> None:
    headers = (
        Header("x-one", Secret("canary-3")),
        Header("Authorization", "canary-4"),
        Header("x-api-key", "canary-5"),
    )
    async with mock_endpoint() as mock:
        told = repr(await steps_of(replace(a_destination(mock.url), headers=headers)))

    assert "canary" not in told
    sent = dict(mock.requests[0].headers)
    assert [sent[name] for name in ("x-one", "Authorization", "x-api-key")] == ["canary-3", "canary-4", "canary-5"]
