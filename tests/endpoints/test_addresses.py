"""Only public addresses, and allowed ones, pass."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.endpoints.addresses import AddressPolicy, EgressRefused

CLOSED = AddressPolicy()

NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.254
169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1
192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::a9fe:a9fe
64:ff9b::7f00:1 64:ff9b:1::1 64:ff9b:1::808:808 100::1 100:0:0:1::1 2001::1 2001:0:808:808:: 2001:2::1 2001:10::1
2001:20::1 2001:db8::1 2002:c0a8:1::1 2002:7f00:1::1 2002:808:808::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1
fd00:ec2::254 fe80::1 fe80::1%lo febf::1 fec0::1 ff02::1 ff0e::1 4000::1
"""

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.255.255
172.32.0.1 192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255
2606:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2001:200::1 64:ff9b::808:808 ::ffff:8.8.8.8
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(EgressRefused):
        CLOSED.check(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_passes(address: str) -> None:
    CLOSED.check(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "1.2.3.4.5", "/tmp/a.sock", "::g"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EgressRefused):
        CLOSED.check(text)


def test_an_allowed_network_passes_and_its_neighbour_does_not() -> None:
    policy = AddressPolicy([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])

    policy.check("10.1.2.3")
    policy.check("fd00::1")
    with pytest.raises(EgressRefused):
        policy.check("10.2.0.1")
    with pytest.raises(EgressRefused):
        policy.check("fc00::1")


def test_allowing_a_network_allows_it_however_its_addresses_are_written() -> None:
    policy = AddressPolicy([ip_network("127.0.0.0/8")])

    policy.check("::ffff:127.0.0.1")
    with pytest.raises(EgressRefused):
        policy.check("::1")


@given(st.ip_addresses())
def test_what_python_calls_private_loopback_or_multicast_is_never_let_through(address: IPv4Address) -> None:
    if address.is_private or address.is_loopback or address.is_multicast or address.is_link_local:
        with pytest.raises(EgressRefused):
            CLOSED.check(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_fares_alike_when_it_is_mapped_or_translated(address: IPv4Address) -> None:
    mapped = ip_address(f"::ffff:{address}")
    translated = ip_address((0x64FF9B << 96) | int(address))

    assert _passes(str(mapped)) == _passes(str(translated)) == _passes(str(address))


def _passes(address: str) -> bool:
    try:
        CLOSED.check(address)
    except EgressRefused:
        return False
    return True
