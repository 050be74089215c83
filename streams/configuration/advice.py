"""What is legal in a document but probably not meant: a warning, never an error."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from streams.codes import Advice
from streams.configuration.rules import identifies
from streams.destinations import Destination
from streams.secrets import Secret

Advised = tuple[tuple[str, ...], str, str, Advice]
"""Where in the document, what is seen there, what would be better, and the code of its line."""


def advice(destination: Destination) -> Iterator[Advised]:
    """Yield what is probably not meant about a destination."""
    paths = [path for attribute in destination.attributes for path in (attribute.source, attribute.target)]
    if (destination.segments or paths) and not any(map(identifies, paths)):
        remedy = "map one, such as person.email or crmId, so that the endpoint can tell profiles apart"
        yield ("attributes",), "no attribute looks like a unique identifier", remedy, Advice.NO_IDENTIFIER
    yield from _clear_beside_hashed_attributes(destination)
    yield from _clear_beside_hashed_identities(destination)
    yield from _unencrypted(destination)


def _clear_beside_hashed_attributes(destination: Destination) -> Iterator[Advised]:
    hashed = [each for each in destination.attributes if each.hash is not None]
    for attribute in hashed:
        clear = [each.source for each in destination.attributes if each.hash is None]
        for other in [each for each in clear if _overlap(each, attribute.source)]:
            what = f"{'.'.join(attribute.source)} is hashed, and leaves in the clear by {'.'.join(other)}"
            remedy = "hash both, or map one"
            yield ("attributes",), what, remedy, Advice.CLEAR_BESIDE_HASH
    if hashed and destination.identities is None:
        what = "attributes are hashed, and all identities leave in the clear"
        remedy = "select those that may, with hash: sha256 where they must not leave in the clear"
        yield ("attributes",), what, remedy, Advice.CLEAR_BESIDE_HASH


def _clear_beside_hashed_identities(destination: Destination) -> Iterator[Advised]:
    clear = {each.target: each.namespace for each in destination.identities or () if each.hash is None}
    for each in destination.identities or ():
        if each.hash is not None and each.target in clear:
            what = f"{each.namespace} is hashed, and goes to {each.target} with {clear[each.target]}, which is not"
            remedy = "give each its own target, or hash both"
            yield ("identities",), what, remedy, Advice.CLEAR_BESIDE_HASH


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one path is the other, or leads to it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _unencrypted(destination: Destination) -> Iterator[Advised]:
    account = destination.account
    remedy = "write https://, unless nobody else can listen on the way"
    if account.credentials and _is_open(account.credentials.token_url):
        what = "authEndpoint is http://: the client's secret is sent unencrypted"
        yield ("account", "authEndpoint"), what, remedy, Advice.UNENCRYPTED
    if not _is_open(account.http_endpoint):
        return
    if account.credentials:
        what = "httpEndpoint is http://: the OAuth2 token is sent unencrypted"
        yield ("account", "httpEndpoint"), what, remedy, Advice.UNENCRYPTED
    if any(isinstance(header.value, Secret) for header in destination.headers):
        what = "httpEndpoint is http://: secret headers are sent unencrypted"
        yield ("customHeaders",), what, remedy, Advice.UNENCRYPTED


def _is_open(url: str) -> bool:
    """Whether others could read what is sent to *url*; to this machine itself nobody listens."""
    parts = urlsplit(url)
    return parts.scheme.lower() == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
