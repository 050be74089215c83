"""A token server's reply is believed only when it is strictly one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.endpoints.auth import refusal_of, token_of
from streams.endpoints.tokens import Token, TokenError
from tests.exchanges import WALL


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"access_token":"t"}', Token("t", 300.0)),
        (b'{"access_token":"t","expires_in":null,"token_type":null}', Token("t", 300.0)),
        (b'{"access_token":"t","token_type":"bearer","expires_in":30}', Token("t", 30.0)),
        (b'{"access_token":"a.b-c_d~e+f/g==","token_type":"BEARER","expires_in":1.5}', Token("a.b-c_d~e+f/g==", 1.5)),
        (b'{"access_token":"t","expires_in":"3599","scope":"x"}', Token("t", 3599.0)),
    ],
)
def test_a_reply_with_a_token_is_believed(body: bytes, token: Token) -> None:
    assert token_of(body) == token


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"t"',
        b"null",
        b'{"foo":1}',
        b'{"access_token":5}',
        b'{"access_token":null}',
        b'{"access_token":""}',
        b'{"access_token":"a b"}',
        b'{"access_token":"a\\r\\nX-Y: z"}',
        b'{"access_token":"\xc3\xa9"}',
        b'{"access_token":"t","token_type":"mac"}',
        b'{"access_token":"t","token_type":"DPoP"}',
        b'{"access_token":"t","expires_in":"abc"}',
        b'{"access_token":"t","expires_in":"nan"}',
        b'{"access_token":"t","expires_in":"inf"}',
        b'{"access_token":"t","expires_in":1e999}',
        b'{"access_token":"t","expires_in":0}',
        b'{"access_token":"t","expires_in":-1}',
        b'{"access_token":"t","expires_in":true}',
        b'{"error":"invalid_client"}',
        b"[" * 60_000,
    ],
)
def test_a_reply_that_is_not_strictly_one_is_not_believed(body: bytes) -> None:
    with pytest.raises(TokenError, match="token-invalid"):
        token_of(body)


@given(st.binary() | st.text().map(str.encode))
def test_no_reply_raises_anything_else(body: bytes) -> None:
    try:
        assert token_of(body).lifetime_seconds > 0
    except TokenError:
        assert refusal_of(400, {}, body, now=WALL).reason


def test_what_a_token_server_asks_for_comes_with_the_error() -> None:
    assert refusal_of(429, {"Retry-After": "9"}, b"", now=WALL).retry_after == 9.0
    assert refusal_of(401, {"Retry-After": "9"}, b"", now=WALL).retry_after is None
