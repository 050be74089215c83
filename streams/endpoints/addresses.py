"""Which addresses a worker may connect to: public ones, and those that its settings allow."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The IANA special-purpose registries (RFC 6890 and its successors) and the multicast space. ``ipaddress.is_global``
# is not enough: it takes multicast, 6to4 relays and several translation prefixes for public.
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 connects to this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared between a carrier and its customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_PUBLIC_V6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out as global unicast; loopback, link-local, unique local and multicast lie beyond it."""

_NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, deprecated: it would reach any IPv4 address written into it
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_IPV4_INSIDE = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052): how a host without IPv4 reaches it
)


class EgressRefused(OSError):  # noqa: N818 - the name that the design gives it
    """The address is neither public nor allowed by ``egress.allow``; nothing was connected.

    All have one text: a client that tried several addresses of a name then reports this class, not a summary.
    """

    def __init__(self, address: str) -> None:
        super().__init__("egress refused: the address is not public, and egress.allow does not hold it")
        self.address = address


class AddressPolicy:
    """Decides on one address at a time; *allow* are networks that may be reached although they are not public."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def check(self, address: str | Address) -> None:
        """Raise `EgressRefused` unless *address* may be connected to; what is no address is refused too."""
        try:
            parsed = ip_address(address)
        except ValueError:
            raise EgressRefused(str(address)) from None
        if not self._permits(parsed):
            raise EgressRefused(str(address))

    def _permits(self, address: Address) -> bool:
        if _within(address, self._allow):
            return True
        inner = _ipv4_inside(address)
        return self._permits(inner) if inner is not None else _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _within(address, _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not _within(address, _NOT_PUBLIC_V6)


def _ipv4_inside(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that connecting to *address* would reach."""
    if isinstance(address, IPv4Address) or not _within(address, _IPV4_INSIDE):
        return None
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
