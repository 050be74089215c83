"""What is legal in a document but probably not meant: a warning, never an error."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from streams.configuration.rules import identifies
from streams.destinations import Destination
from streams.secrets import Secret

Advice = tuple[tuple[str, ...], str, str]
"""Where in the document, what is seen there, and what would be better."""


def advice(destination: Destination) -> Iterator[Advice]:
    """Yield what is probably not meant about a destination."""
    paths = [path for attribute in destination.attributes for path in (attribute.source, attribute.target)]
    if (destination.segments or paths) and not any(map(identifies, paths)):
        remedy = "map one, such as person.email or crmId, so that the endpoint can tell profiles apart"
        yield ("attributes",), "no attribute looks like a unique identifier", remedy
    yield from _unencrypted(destination)


def _unencrypted(destination: Destination) -> Iterator[Advice]:
    account = destination.account
    remedy = "write https://, unless nobody else can listen on the way"
    if account.credentials and _is_open(account.credentials.token_url):
        yield ("account", "authEndpoint"), "authEndpoint is http://: the client's secret is sent unencrypted", remedy
    if not _is_open(account.http_endpoint):
        return
    if account.credentials:
        yield ("account", "httpEndpoint"), "httpEndpoint is http://: the OAuth2 token is sent unencrypted", remedy
    if any(isinstance(header.value, Secret) for header in destination.headers):
        yield ("customHeaders",), "httpEndpoint is http://: secret headers are sent unencrypted", remedy


def _is_open(url: str) -> bool:
    """Whether others could read what is sent to *url*; to this machine itself nobody listens."""
    parts = urlsplit(url)
    return parts.scheme.lower() == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
