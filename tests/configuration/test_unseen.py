"""Secrets among the settings: the token of the data behind it, and where others reach a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.configuration.settings import ConfigurationError, Settings, load, masked
from streams.configuration.urls import reached
from streams.secrets import MASK, Secret

CANARY = "open-sesame"


def with_http(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "streams.yaml").write_text(f"inputs: {{memberships: m}}\nhttp: {{{text}}}\n")
    return load(folder / "streams.yaml", environ)


def test_a_reference_to_the_token_is_resolved_and_the_token_is_masked(tmp_path: Path) -> None:
    settings = with_http(tmp_path, 'token: "${env:STREAMS_SECRET_TOKEN}"', STREAMS_SECRET_TOKEN=CANARY)

    assert settings.http.token == Secret(CANARY)
    assert settings.secrets_of_its_own == [Secret(CANARY)]
    assert masked(settings)["http"]["token"] == MASK
    assert CANARY not in repr(settings)


def test_in_its_own_variable_the_token_itself_may_stand(tmp_path: Path) -> None:
    assert with_http(tmp_path, "port: 1", STREAMS_HTTP_TOKEN=CANARY).http.token == Secret(CANARY)
    assert with_http(tmp_path, "port: 1").http.token is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"token: {CANARY}", "http.token: is a literal, or a reference of no known form"),
        ('token: "${env:STREAMS_SECRET_NONE}"', "http.token: STREAMS_SECRET_NONE is not set"),
        ('token: "${env:STREAMS_SECRET_WORDS}"', "http.token: is no token"),
    ],
)
def test_a_token_that_cannot_be_is_told_and_never_shown(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_http(tmp_path, text, STREAMS_SECRET_WORDS=f"{CANARY} and more")

    assert told in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (None, "http://127.0.0.1:8080"),
        ("worker-1", "http://worker-1:8080"),
        ("worker-1:9000", "http://worker-1:9000"),
        ("[::1]", "http://[::1]:8080"),
        ("https://streams.example.com/w1/", "https://streams.example.com/w1"),
    ],
)
def test_what_is_advertised_is_what_others_are_told(tmp_path: Path, address: str | None, url: str) -> None:
    settings = with_http(tmp_path, "port: 8080" if address is None else f'advertise: "{address}"')

    assert reached(settings.http.advertise, "http://127.0.0.1:8080") == url
