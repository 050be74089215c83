"""Nothing is sent to an endpoint whose certificate does not hold."""

from __future__ import annotations

import asyncio
import datetime
import ssl

import pytest
import trustme

from streams.endpoints.egress import Egress
from streams.outcomes import Delivered, DestinationFault, Retryable
from tests.exchanges import (
    LOOPBACK,
    NO_CONTENT,
    a_destination,
    a_request,
    an_export,
    mock_endpoint,
    raw_server,
    reaching,
    reset,
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def _trusting(authority: trustme.CA) -> Egress:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Egress(LOOPBACK, trust=context)


async def test_a_certificate_of_a_trusted_authority_is_delivered_to(authority: trustme.CA) -> None:
    async with (
        mock_endpoint(_serving(authority.issue_cert("127.0.0.1"))) as mock,
        reaching(a_destination(mock.url), _trusting(authority)) as endpoint,
    ):
        assert await endpoint.post(an_export()) == Delivered(204)


async def test_a_certificate_of_an_unknown_authority_is_the_destinations_fault(authority: trustme.CA) -> None:
    async with (
        mock_endpoint(_serving(authority.issue_cert("127.0.0.1"))) as mock,
        reaching(a_destination(mock.url)) as endpoint,
    ):
        assert await endpoint.post(an_export()) == DestinationFault("tls-untrusted")

    assert mock.requests == []


@pytest.mark.parametrize("fault", ["another-host", "expired"])
async def test_a_certificate_that_does_not_hold_is_the_destinations_fault(authority: trustme.CA, fault: str) -> None:
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    expired = authority.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1))
    certificate = expired if fault == "expired" else authority.issue_cert("other.test")
    async with (
        mock_endpoint(_serving(certificate)) as mock,
        reaching(a_destination(mock.url), _trusting(authority)) as endpoint,
    ):
        assert await endpoint.post(an_export()) == DestinationFault("tls-untrusted")

    assert mock.requests == []


async def test_plain_http_on_a_tls_port_is_the_destinations_fault() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as server, reaching(a_destination(server.url.replace("http:", "https:"))) as endpoint:
        assert await endpoint.post(an_export()) == DestinationFault("tls-failed")


async def test_a_server_that_speaks_only_an_old_version_of_tls_is_the_destinations_fault() -> None:
    alert = bytes([21, 3, 1, 0, 2, 2, 70])  # fatal, protocol_version: what such a server says to our first words

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(alert)
        await writer.drain()

    async with raw_server(talk) as server, reaching(a_destination(server.url.replace("http:", "https:"))) as endpoint:
        assert await endpoint.post(an_export()) == DestinationFault("tls-failed")


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_connection_that_ends_while_tls_comes_about_is_tried_again(is_reset: bool) -> None:
    """So does a server that restarts."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        if is_reset:
            reset(writer)

    async with raw_server(talk) as server, reaching(a_destination(server.url.replace("http:", "https:"))) as endpoint:
        assert await endpoint.post(an_export()) == Retryable("connect-failed")


async def test_a_connection_closed_while_it_was_idle_costs_no_retry_under_tls_either(authority: trustme.CA) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(NO_CONTENT)
        await writer.drain()
        if server.connections == 1:
            await a_request(reader)  # the request crosses with the end of the connection
            reset(writer)

    async with (
        raw_server(talk, _serving(authority.issue_cert("127.0.0.1"))) as server,
        reaching(a_destination(server.url), _trusting(authority)) as endpoint,
    ):
        assert await endpoint.post(an_export(1)) == Delivered(204)
        assert await endpoint.post(an_export(2)) == Delivered(204)
        assert endpoint.resent == 1

    assert server.connections == 2


async def test_a_missing_client_certificate_is_tried_again(authority: trustme.CA) -> None:
    """TLS 1.3 tells it late, as a broken connection: it looks transient, and is left to the destination's pause."""
    context = _serving(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    async with mock_endpoint(context) as mock, reaching(a_destination(mock.url), _trusting(authority)) as endpoint:
        assert await endpoint.post(an_export()) == Retryable("disconnected")

    assert mock.requests == []


def test_verification_cannot_be_switched_off() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ValueError, match="always verified"):
        Egress(LOOPBACK, trust=context)
