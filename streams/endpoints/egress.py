"""The way out of a worker: connections to public and allowed addresses only, with certificates verified.

The guard sits where a socket is made, so it sees the very address that is about to be connected to, after name
resolution and for every attempt: a name that resolves to something else on the second look gains nothing. (A resolver
of our own would not do: aiohttp asks none when the host is an address.)
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from streams.endpoints.addresses import Address, AddressPolicy, EgressRefused, Network
from streams.endpoints.wires import Departures, Wire

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

__all__ = ["Connector", "Egress", "EgressRefused", "exact_url", "wires_of_this_request"]

KEEP_ALIVE_SECONDS = 4.0
"""How long an idle connection is kept: below the shortest idle time-out that servers commonly have (Node.js, 5 s)."""

SEND_BUFFER_BYTES = 256 * 1024
"""What the kernel takes of a request at once, as far as the system lets it: see `wires`, over TLS."""

READ_BUFFER_BYTES = 16 * 1024
"""What is held of an answer before its connection is read no further; up to twice of it."""

MAX_TOLD = 1_000
"""How many refused addresses are named; a name may resolve to ever new ones."""

_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)


def exact_url(text: str) -> URL:
    """Return *text* as a URL that is requested exactly as it is written: nothing is encoded, decoded or sorted.

    Raises ValueError, which does not show the URL, when it cannot be requested so. A fragment is not sent.
    """
    if not _URL.fullmatch(text):
        raise ValueError("expected an http or https URL of printable ASCII; encode other characters with %")
    url = URL(text, encoded=True)
    if not url.raw_host:
        raise ValueError("expected a host in the URL")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("expected no user or password in the URL: it would show wherever the URL does")
    return url


wires_of_this_request: ContextVar[list[Wire] | None] = ContextVar("wires_of_this_request", default=None)
"""Where a session's connector notes the wires that it gives to the running task's request; they hold one already that
lost it, if it is sent again."""


AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As ``socket.getaddrinfo`` tells where to connect to."""


class Connector(aiohttp.TCPConnector):
    """A connector whose connections are `Wire`."""

    def __init__(self, *, left: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._factory = cast(
            "partial[ResponseHandler]", partial(Wire, loop=self._loop, departures=Departures(self._loop), left=left)
        )

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """Return where a request to *host* would connect to, in this order; raises as a request does."""
        return self._convert_hosts_to_addr_infos(await self._resolve_host(host, port))

    async def unused(self, req: aiohttp.ClientRequest, *rest: Any, **named: Any) -> Any:
        """Return a new connection, for what is sent again.

        The peer closed the one before while it was idle: it may have closed all that are idle, and we not know it yet.
        """
        while True:
            connection = await super().connect(req, *rest, **named)
            if not cast("Wire", connection.protocol).uses:
                return connection
            connection.close()


class _NotingConnector(Connector):
    """A connector of a session, whose requests learn which connections they got."""

    async def connect(self, req: aiohttp.ClientRequest, *rest: Any, **named: Any) -> Any:
        """Return a connection for *req*, new or reused; a new one where it is sent again."""
        wires = wires_of_this_request.get()
        connection = await (self.unused if wires else super().connect)(req, *rest, **named)
        if wires is not None:
            wires.append(cast("Wire", connection.protocol))
        return connection


class Egress:
    """What every connection to the outside goes through, to an endpoint and to a token server alike.

    *allow* are networks that may be reached although they are not public. *trust* replaces the system's certificate
    authorities; there is no way to switch verification off.
    """

    def __init__(
        self,
        allow: Sequence[Network] = (),
        *,
        trust: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        if trust is not None and (trust.verify_mode is not ssl.CERT_REQUIRED or not trust.check_hostname):
            raise ValueError("certificates are always verified: expected a context that requires them")
        self._policy = AddressPolicy(allow)
        self._trust = trust
        self._resolver = resolver
        self._told: set[str] = set()

    def check(self, address: str | Address) -> str:
        """Return why *address* may be connected to, or raise `EgressRefused`."""
        return self._policy.check(address)

    def connector(
        self, *, limit: int, left: Callable[[], float] | None = None, kind: type[Connector] = Connector
    ) -> Connector:
        """Return a connector of at most *limit* connections, whose every socket is checked before it connects.

        With *left*, seconds that are left of a lease, nothing is written once that is not positive.
        """
        return kind(
            left=left,
            limit=limit,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            resolver=self._resolver,
            socket_factory=self._socket_or_complaint,
            ssl=self._trust if self._trust is not None else True,
        )

    def session(
        self,
        *,
        limit: int,
        headers: Sequence[tuple[str, str]] = (),
        left: Callable[[], float] | None = None,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> aiohttp.ClientSession:
        """Return a session that keeps no cookie, reads no environment and decompresses nothing.

        *left* as in ``connector``. It sets no time-out but these: *connect_seconds* until there is a connection, name
        and TLS included, and *read_seconds* in which nothing comes once a request is written.
        """
        return aiohttp.ClientSession(
            connector=self.connector(limit=limit, left=left, kind=_NotingConnector),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_read=read_seconds),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
        )

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What certificates are verified by: as aiohttp makes it, where the system's authorities are trusted."""
        if self._trust is not None:
            return self._trust
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _socket_or_complaint(self, info: Any) -> socket.socket:
        try:
            return self.socket(info)
        except EgressRefused as refusal:
            self._tell(refusal)
            raise

    def _tell(self, refusal: EgressRefused) -> None:
        """Name each refused address once: an attempt's reason, which says no more than that, comes again and again."""
        if refusal.address in self._told or len(self._told) == MAX_TOLD:
            return
        self._told.add(refusal.address)
        structlog.get_logger().error(
            "egress.refused",
            address=refusal.address,
            why=refusal.why,
            code="egress-refused",
            todo="if it is meant, let the worker's setting egress.allow hold it",
        )

    def socket(self, info: Any) -> socket.socket:
        """Return a socket for an address that may be connected to; it is not connected, and raises `EgressRefused`."""
        family, kind, protocol, _, address = info
        self._policy.check(address[0])
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return made
