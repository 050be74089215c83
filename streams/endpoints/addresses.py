"""Which addresses a worker may connect to: public ones, and those that its settings allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The IANA special-purpose registries (RFC 6890 and its successors) and the multicast space. ``ipaddress.is_global``
# is not enough: it takes multicast, 6to4 relays and several translation prefixes for public.
_NOT_PUBLIC_V4 = {
    IPv4Network(text): what
    for text, what in (
        ("0.0.0.0/8", "this host itself"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared between a carrier and its customers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds have their metadata services"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "for protocol assignments"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "for AS112"),
        ("192.52.193.0/24", "for AMT"),
        ("192.88.99.0/24", "for 6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "for AS112"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
}

_PUBLIC_V6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out as global unicast; loopback, link-local, unique local and multicast lie beyond it."""

_NOT_PUBLIC_V6 = {
    IPv6Network(text): what
    for text, what in (
        ("2001::/23", "for protocol assignments"),  # Teredo, benchmarks, ORCHID
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4"),  # it would reach any IPv4 address written into it
        ("2620:4f:8000::/48", "for AS112"),
        ("3fff::/20", "for documentation"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
}

_IPV4_INSIDE = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052): how a host without IPv4 reaches it
)


class EgressRefused(OSError):  # noqa: N818 - the name that the design gives it
    """The address is neither public nor allowed by ``egress.allow``; nothing was connected.

    All have one text: a client that tried several addresses of a name then reports this class, not a summary.
    """

    def __init__(self, address: str, why: str = "no address") -> None:
        super().__init__("egress refused: the address is not public, and egress.allow does not hold it")
        self.address, self.why = address, why


class AddressPolicy:
    """Decides on one address at a time; *allow* are networks that may be reached although they are not public."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def check(self, address: str | Address) -> str:
        """Return why *address* may be connected to, or raise `EgressRefused`; what is no address is refused too."""
        try:
            parsed = ip_address(address)
        except ValueError:
            raise EgressRefused(str(address)) from None
        return self._judged(parsed, str(address))

    def _judged(self, address: Address, written: str) -> str:
        if (network := _holder(address, self._allow)) is not None:
            return f"allowed, as egress.allow holds {network}"
        inner = _ipv4_inside(address)
        if inner is not None:
            return self._judged(inner, written)
        if (what := _special(address)) is not None:
            raise EgressRefused(written, what)
        return "public"


def _special(address: Address) -> str | None:
    """Return what an address is for that is not public."""
    table = _NOT_PUBLIC_V4 if isinstance(address, IPv4Address) else _NOT_PUBLIC_V6
    network = _holder(address, table)
    if network is not None:
        return table[network]  # type: ignore[index]  # it is one of its own
    is_public = isinstance(address, IPv4Address) or address in _PUBLIC_V6
    return None if is_public else "not given out for public use"


def _ipv4_inside(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that connecting to *address* would reach."""
    if isinstance(address, IPv4Address) or _holder(address, _IPV4_INSIDE) is None:
        return None
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def _holder(address: Address, networks: Iterable[Network]) -> Network | None:
    return next((each for each in networks if address.version == each.version and address in each), None)
