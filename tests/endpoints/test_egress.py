"""Nothing connects to an address that is neither public nor allowed, whatever the URL looks like."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from streams.destinations import ClientCredentials
from streams.endpoints.egress import SEND_BUFFER_BYTES, Egress, EgressRefused
from streams.outcomes import Delivered, DestinationFault
from streams.secrets import Secret
from tests.exchanges import (
    LOOPBACK,
    NO_CONTENT,
    FakeResolver,
    a_destination,
    an_export,
    answering,
    mock_endpoint,
    mock_tokens,
    raw_server,
    reaching,
)

REFUSED = DestinationFault("egress-refused")


async def test_an_endpoint_on_loopback_is_refused_unless_it_is_allowed() -> None:
    async with raw_server(answering(NO_CONTENT)) as server:
        async with reaching(a_destination(server.url), Egress()) as endpoint:
            assert await endpoint.post(an_export()) == REFUSED
        assert server.connections == 0

        async with reaching(a_destination(server.url), Egress([ip_network("127.0.0.1/32")])) as endpoint:
            assert await endpoint.post(an_export()) == Delivered(204)


async def test_a_refused_address_is_named_once_with_what_mends_it() -> None:
    with capture_logs() as lines:
        async with reaching(a_destination("http://127.0.0.1:9/?key=canary"), Egress()) as endpoint:
            for _ in range(2):
                assert await endpoint.post(an_export()) == REFUSED

    (line,) = [line for line in lines if line["event"] == "egress.refused"]
    assert (line["address"], line["why"], line["code"]) == ("127.0.0.1", "loopback", "egress-refused")
    assert "egress.allow" in line["todo"]
    assert "canary" not in repr(lines)


async def test_a_token_url_on_loopback_is_refused_unless_it_is_allowed() -> None:
    async with raw_server(answering()) as tokens, mock_endpoint() as mock:
        credentials = ClientCredentials(tokens.url + "/token", "demo", Secret("demo"))
        async with reaching(a_destination(mock.url, credentials=credentials), Egress()) as endpoint:
            assert await endpoint.post(an_export()) == REFUSED

    assert tokens.connections == 0
    assert mock.requests == []


async def test_allowing_the_token_server_does_not_allow_the_endpoint() -> None:
    resolver = FakeResolver("127.0.0.2")
    async with mock_tokens() as tokens, raw_server(answering()) as server:
        credentials = ClientCredentials(tokens.url, "demo", Secret("demo"))
        url = f"http://partner.test:{urlsplit(server.url).port}/"
        egress = Egress([ip_network("127.0.0.1/32")], resolver=resolver)
        async with reaching(a_destination(url, credentials=credentials), egress) as endpoint:
            assert await endpoint.post(an_export()) == REFUSED

    assert len(tokens.requests) == 1
    assert server.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ],
)
async def test_no_way_of_writing_a_private_host_gets_through(host: str) -> None:
    async with raw_server(answering(NO_CONTENT)) as server:
        port = urlsplit(server.url).port
        async with reaching(a_destination(f"http://{host}:{port}/"), Egress()) as endpoint:
            assert await endpoint.post(an_export()) == REFUSED

    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001"])
async def test_no_shorthand_of_loopback_gets_through(host: str) -> None:
    """Some are no host to the client, some are one to the system's resolver; none reaches the listener."""
    async with raw_server(answering(NO_CONTENT)) as server:
        port = urlsplit(server.url).port
        resolver = FakeResolver("127.0.0.1")
        async with reaching(a_destination(f"http://{host}:{port}/"), Egress(resolver=resolver)) as endpoint:
            outcome = await endpoint.post(an_export())

    assert isinstance(outcome, DestinationFault)
    assert server.connections == 0


async def test_a_name_that_resolves_to_a_private_address_on_the_second_look_is_refused() -> None:
    """DNS rebinding: the address that is connected to is what counts, not what the name resolved to before."""
    async with raw_server(answering(NO_CONTENT)) as server:
        resolver = FakeResolver("127.0.0.1", "127.0.0.2")
        egress = Egress([ip_network("127.0.0.1/32")], resolver=resolver)
        url = f"http://partner.test:{urlsplit(server.url).port}/"
        async with reaching(a_destination(url), egress) as endpoint:
            assert await endpoint.post(an_export()) == Delivered(204)
        async with reaching(a_destination(url), egress) as endpoint:
            assert await endpoint.post(an_export()) == REFUSED

    assert resolver.asked == ["partner.test", "partner.test"]
    assert server.connections == 1


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(answering()) as proxy, mock_endpoint() as mock:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with reaching(a_destination(mock.url)) as endpoint:
            assert await endpoint.post(an_export()) == Delivered(204)

    assert proxy.connections == 0


def test_what_is_refused_is_not_told() -> None:
    with pytest.raises(EgressRefused) as refusal:
        Egress(LOOPBACK).check("10.1.2.3")

    assert "10.1.2.3" not in str(refusal.value)
    assert refusal.value.address == "10.1.2.3"


async def test_a_refused_destination_leaves_another_delivering() -> None:
    refused = a_destination("http://10.0.0.1/")
    async with mock_endpoint() as mock, reaching(refused) as bad, reaching(a_destination(mock.url)) as good:
        first, second = await asyncio.gather(bad.post(an_export()), good.post(an_export()))

    assert first == REFUSED
    assert second == Delivered(204)


def test_the_kernel_takes_what_most_requests_hold_at_once() -> None:
    """On loopback it would anyhow, so this looks at the socket before it is connected."""
    with Egress(LOOPBACK).socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= SEND_BUFFER_BYTES
