"""Which URLs are legal, and how one is shown: it may hold keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from streams.configuration.validation import Flaw, refuse
from streams.secrets import MASK

MAX_URL = 8_000
"""RFC 9110 section 4.1 recommends that everyone take this much."""

_URL_CHARACTERS = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+")


def url(value: str) -> str:
    """Take an absolute http or https URL and leave it as it was written; it may hold keys: it is never shown."""
    refuse(_url_flaws(value))
    return value


def _url_flaws(value: str) -> Iterator[Flaw]:
    if not _URL_CHARACTERS.fullmatch(value) or set(value) & set('\\"<>'):
        yield Flaw("has characters that no URL has", 'percent-encode blanks, non-ASCII, \\, ", < and >')
        return
    if len(value) > MAX_URL:
        yield Flaw(f"has {len(value)} characters", f"expected at most {MAX_URL}")
    if not re.match(r"https?://", value, re.IGNORECASE):
        yield Flaw("is not absolute", "expected https://host/path, or http://")
        return
    if "#" in value:
        yield Flaw("has a fragment, which is never sent", "leave out '#' and what follows")
    try:
        yield from _authority_flaws(urlsplit(value))
    except ValueError:
        yield Flaw("has no legal host and port", "expected https://host:port/path")


def _authority_flaws(parts: SplitResult) -> Iterator[Flaw]:
    if "@" in parts.netloc:
        yield Flaw("has user information", "leave it out; use OAuth2 or a secret header")
        return
    if not parts.hostname:
        yield Flaw("has no host", "expected https://host/path")
        return
    is_bracketed = parts.netloc.startswith("[")
    if not is_bracketed and not _HOST.fullmatch(parts.hostname):
        yield Flaw("has no legal host", "expected letters, digits, '.', '-' (others as punycode)")
    if is_bracketed:
        ipaddress.IPv6Address(parts.hostname)
    if parts.netloc.endswith(":") or parts.port == 0:
        yield Flaw("has no legal port", "expected 1 to 65535, or none")


def advertised(value: str) -> str:
    """Take a host, ``host:port``, or an absolute URL without a query."""
    address = value if "://" in value else f"http://{value}"
    if any(_url_flaws(address)) or (address == value) is not ("/" in value) or "?" in value:
        refuse([Flaw("is no address", "expected a host, host:port, or http://host:port/path")])
    return value


def reached(address: str | None, listens: str) -> str:
    """Return the URL at which others reach what *listens*: the advertised *address*, with its port if need be."""
    if address is None:
        return listens
    if "://" in address:
        return address.rstrip("/")
    has_port = urlsplit(f"http://{address}").port is not None
    return f"http://{address}" if has_port else f"http://{address}:{urlsplit(listens).port}"


def masked_url(text: str) -> str:
    """Return *text* with user information and query values masked, if it is a URL."""
    if "://" not in text:
        return text
    head, mark, _ = text.partition("?")
    return re.sub(r"//[^/]*@", f"//{MASK}@", head) + (mark and f"?{MASK}")
