"""No test reaches beyond this machine: an audit hook refuses what is not loopback."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NetworkClosedError(Exception):
    """A test reached for another machine. It is no OSError: the code under test would take it for a bad network."""


_closed = False


@contextmanager
def closed_network(except_for: str | None) -> Iterator[None]:
    """Refuse connections and look-ups beyond loopback, unless the tests were given a broker *except_for* elsewhere."""
    global _closed  # noqa: PLW0603 - an audit hook cannot be taken out again, only told to let everything pass
    _closed = except_for is None or all(_is_local(_host(each)) for each in except_for.split(","))
    try:
        yield
    finally:
        _closed = False


def _host(address: str) -> str:
    return address.strip().rpartition(":")[0].strip("[]")


def _is_local(host: object) -> bool:
    if isinstance(host, bytes | bytearray):
        host = host.decode(errors="replace")
    if host is None or host in ("", "localhost", os.uname().nodename):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _is_numeric(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


def _refuse_elsewhere(event: str, arguments: tuple[Any, ...]) -> None:
    if not _closed:
        return
    if event == "socket.getaddrinfo" and not (_is_local(arguments[0]) or _is_numeric(arguments[0])):
        raise NetworkClosedError(f"a test looked up {arguments[0]!r}")
    if event not in ("socket.connect", "socket.sendto"):
        return
    if isinstance(address := arguments[1], tuple) and not _is_local(address[0]):
        raise NetworkClosedError(f"a test reached for {address!r}")


sys.addaudithook(_refuse_elsewhere)
