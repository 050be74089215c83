from __future__ import annotations

import pytest
from pydantic import ValidationError

from streams.configuration.fields import Model
from streams.configuration.names import Server, Url, masked_url


class Endpoint(Model):
    """A model with one URL."""

    url: Url


class Broker(Model):
    """A model with one server."""

    server: Server


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1/profiles?source=streams",
        "http://h/?a=1&b=2&a=1&a=",
        "https://h/p%2Fq/?x=%2B+%20%c3%A9&y=a%26b&z=://@",
        "HTTPS://Host:8443",
        "http://127.0.0.1:8080/",
        "http://[::1]:80/x",
        "http://docker_name/x",
        "https://h/?",
        "https://h//a/../b;c=d",
    ],
)
def test_a_url_is_kept_exactly_as_it_was_written(url: str) -> None:
    assert Endpoint(url=url).url == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("api.example.com/v1", "is not absolute"),
        ("//h/x", "is not absolute"),
        ("ftp://h/x", "is not absolute"),
        ("file:///etc/passwd", "is not absolute"),
        ("https:/h/x", "is not absolute"),
        ("https://", "has no host"),
        ("https:///x", "has no host"),
        ("https://user:canary@h/x", "has user information"),
        ("https://canary@h/x", "has user information"),
        ("https://h/x#canary", "has a fragment"),
        ("https://h/x#", "has a fragment"),
        ("https://h:x/", "has no legal host and port"),
        ("https://h:99999/", "has no legal host and port"),
        ("https://h:0/", "has no legal port"),
        ("https://h:/", "has no legal port"),
        ("https://[::1/", "has no legal host and port"),
        ("https://[zz]/", "has no legal host and port"),
        ("https://a|b/", "has no legal host"),
        ("https://h/canary x", "has characters that no URL has"),
        ("https://h/\r\ncanary", "has characters that no URL has"),
        ("https://h\\@canary/", "has characters that no URL has"),
        ("https://é/", "has characters that no URL has"),
        ("", "has characters that no URL has"),
        (f"https://h/{'x' * 8000}", "has 8010 characters"),
    ],
)
def test_what_is_no_absolute_url_is_refused_and_not_shown(url: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Endpoint(url=url)

    assert told in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("server", ["h:1", "10.0.0.1:65535", "[::1]:9092", "kafka-1.example.com:9092"])
def test_a_server_is_a_host_and_a_port(server: str) -> None:
    assert Broker(server=server).server == server


@pytest.mark.parametrize("server", ["h", "h:", "h:65536", "h:0", "u:canary@h:1", "http://h:1", "h:1\n", "h:\u0661"])
def test_what_is_no_server_is_refused_and_not_shown(server: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Broker(server=server)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://h/p?key=canary#x", "https://h/p?********"),
        ("https://u:canary@h/p", "https://********@h/p"),
        ("https://u:can@ary@h/p?x", "https://********@h/p?********"),
        ("https://h/p", "https://h/p"),
        ("plain?text", "plain?text"),
    ],
)
def test_a_url_is_shown_without_what_it_carries(text: str, masked: str) -> None:
    assert masked_url(text) == masked
