"""The way to one URL, tried step by step as a request would go: its name, the guard, a connection, TLS.

Nothing of a request is sent. Where the name leads, which addresses are let through and which certificates hold is
decided where it is for a request (``egress``).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import aiohttp

from streams.endpoints import certificates
from streams.endpoints.addresses import EgressRefused
from streams.endpoints.egress import AddressInfo, Egress, exact_url
from streams.endpoints.reasons import AttemptReason as Why
from streams.endpoints.steps import SkippedError, Step, StepError, StepName, Target, skipped, timed

CLOSE_SECONDS = 1.0

_NOT_ALLOWED = "if it is yours, let who runs the worker add its network to the setting egress.allow"


class Reachability:
    """Tries the way to *url*, which the steps call *target*; *monotonic* and *now* are clocks."""

    def __init__(
        self, target: Target, url: str, egress: Egress, *, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._target, self._url, self._egress = target, exact_url(url), egress
        self._monotonic, self._now = monotonic, now
        self._found: list[AddressInfo] = []
        self._socket: socket.socket | None = None

    async def steps(self) -> AsyncIterator[Step]:
        """Yield each step when it has ended; after one that failed the others are skipped."""
        failed: StepName | None = None
        plan = (
            (StepName.NAME, self._resolve),
            (StepName.EGRESS, self._judge),
            (StepName.CONNECTION, self._connect),
            (StepName.TLS, self._secure),
        )
        try:
            for name, act in plan:
                if failed is not None:
                    yield skipped(self._target, name, f"needs: {failed}")
                    continue
                step = await timed(self._target, name, act, self._monotonic)
                failed = name if step.failed else None
                yield step
        finally:
            if self._socket is not None:
                self._socket.close()

    async def _resolve(self) -> str:
        host, port = self._url.raw_host, self._url.port
        assert host is not None, "exact_url has seen to it"
        assert port is not None, "http and https have one"
        connector = self._egress.connector(limit=1)
        try:
            self._found = await connector.addresses(host, port)
        except aiohttp.InvalidURL as error:
            raise StepError(
                f"{host} is no address in its plain form", "write it as four numbers", Why.INVALID_REQUEST
            ) from error
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise StepError(
                f"{host} has no address: {why}",
                "check the host in the URL, and this machine's DNS",
                Why.NAME_UNRESOLVED,
            ) from error
        finally:
            await connector.close()
        return f"{host} is {', '.join(_address(each) for each in self._found)}"

    async def _judge(self) -> str:
        """Let through what the guard lets through; one address is enough, as it is for a request."""
        told, allowed = [], []
        for info in self._found:
            try:
                told.append(f"{_address(info)} is {self._egress.check(_address(info))}")
                allowed.append(info)
            except EgressRefused as refusal:
                told.append(f"{refusal.address} is {refusal.why}, and egress.allow does not hold it")
        if not allowed:
            raise StepError("; ".join(told), _NOT_ALLOWED, Why.EGRESS_REFUSED)
        self._found = allowed
        return "; ".join(told)

    async def _connect(self) -> str:
        loop, troubles = asyncio.get_running_loop(), []
        for info in self._found:
            made = self._egress.socket(info)
            made.setblocking(False)
            try:
                await loop.sock_connect(made, info[4])
            except OSError as error:
                made.close()
                troubles.append(f"{_address(info)}: {os.strerror(error.errno) if error.errno else error}")
            except BaseException:
                made.close()
                raise
            else:
                self._socket = made
                return f"connected to {_address(info)}, port {self._url.port}"
        remedy = "see whether the server runs, the port is right, and no firewall is in the way"
        what = f"port {self._url.port} cannot be connected to ({'; '.join(troubles)})"
        raise StepError(what, remedy, Why.CONNECT_FAILED)

    async def _secure(self) -> str:
        if self._url.scheme != "https":
            raise SkippedError("the URL begins with http: what is sent can be read on the way")
        made, self._socket = self._socket, None
        host = (self._url.raw_host or "").rstrip(".")
        try:
            _, writer = await asyncio.open_connection(sock=made, ssl=self._egress.context, server_hostname=host)
        except ssl.SSLError as error:
            is_untrusted = isinstance(error, ssl.SSLCertVerificationError)
            code = Why.TLS_UNTRUSTED if is_untrusted else Why.TLS_FAILED
            raise StepError(*certificates.flaw_of(error), code) from error
        except OSError as error:
            remedy = "see whether the port is right; a server may close so, too, what it does not trust"
            what = f"the connection ended in the handshake ({type(error).__name__})"
            raise StepError(what, remedy, Why.TLS_FAILED) from error
        try:
            tls: Any = writer.get_extra_info("ssl_object")
            return f"{tls.version()}, certificate {certificates.told(tls.getpeercert(), now=self._now())}"
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await writer.wait_closed()


def _address(info: AddressInfo) -> str:
    return str(info[4][0])
