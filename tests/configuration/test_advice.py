from __future__ import annotations

import pytest

from streams.configuration.advice import advice
from streams.destinations import Account, Attribute, ClientCredentials, Destination, Header, Segment
from streams.secrets import Secret

IDENTIFIED = (Attribute(("person", "email"), ("person", "email")),)


def a_destination(
    endpoint: str = "https://h/", token_url: str | None = None, headers: tuple[Header, ...] = ()
) -> Destination:
    credentials = ClientCredentials(token_url, "c", Secret("s")) if token_url else None
    return Destination("a", Account(endpoint, credentials), headers=headers, attributes=IDENTIFIED)


def seen(destination: Destination) -> list[str]:
    return [what for _, what, _, _ in advice(destination)]


@pytest.mark.parametrize(
    ("attribute", "is_told"),
    [
        (Attribute(("loyalty", "tier"), ("tier",)), True),
        (Attribute(("person", "email"), ("a",)), False),
        (Attribute(("a",), ("crmId",)), False),
    ],
)
def test_a_unique_identifier_is_wanted_among_the_attributes(attribute: Attribute, is_told: bool) -> None:
    told = seen(Destination("a", Account("https://h/"), attributes=(attribute,)))

    assert bool(told) == is_told


def test_a_destination_that_sends_segments_alone_has_no_identifier() -> None:
    assert seen(Destination("a", Account("https://h/"), segments=(Segment("x"),)))


def test_a_destination_that_sends_nothing_yet_needs_no_advice() -> None:
    assert not seen(Destination("a", Account("https://h/")))


SECRET_HEADER = (Header("x-api-key", Secret("s")),)


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        (a_destination("https://h/", "https://t/", SECRET_HEADER), []),
        (a_destination("http://h/"), []),
        (a_destination("http://h/", headers=(Header("x", "y"),)), []),
        (a_destination("https://h/", "http://t/"), ["authEndpoint"]),
        (a_destination("HTTP://h/", "https://t/"), ["httpEndpoint"]),
        (a_destination("http://10.0.0.1:80/", "http://t/", SECRET_HEADER), ["authEndpoint", "httpEndpoint"]),
        (a_destination("http://127.0.0.1/", "http://localhost:1/", SECRET_HEADER), []),
        (a_destination("http://[::1]/", "http://127.9.9.9/", SECRET_HEADER), []),
        (a_destination("http://localhost.example/", headers=SECRET_HEADER), ["httpEndpoint"]),
    ],
)
def test_a_secret_that_is_sent_unencrypted_is_told(destination: Destination, told: list[str]) -> None:
    assert list(dict.fromkeys(what.partition(" ")[0] for what in seen(destination))) == told
