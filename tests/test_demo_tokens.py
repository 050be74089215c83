"""The mock token server issues, refuses, takes back and counts."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from streams.demo.tokens import MockTokenServer, TokenReply
from tests.exchanges import mock_tokens

FORM = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}


async def _ask(
    tokens: MockTokenServer, form: dict[str, str], authorization: str | None = None
) -> tuple[int, dict[str, object]]:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with aiohttp.ClientSession() as session, session.post(tokens.url, data=form, headers=headers) as reply:
        return reply.status, await reply.json(content_type=None)


async def test_a_token_is_issued_and_accepted_until_it_is_taken_back() -> None:
    async with mock_tokens() as tokens:
        status, reply = await _ask(tokens, FORM)
        assert (status, reply) == (200, {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600})
        assert tokens.accepts("Bearer token-1")
        assert not tokens.accepts("Bearer token-2")
        assert not tokens.accepts(None)
        tokens.revoke()
        assert not tokens.accepts("Bearer token-1")


async def test_a_token_may_be_issued_without_a_word_on_its_life() -> None:
    async with mock_tokens(expires_in=None) as tokens:
        assert await _ask(tokens, FORM) == (200, {"access_token": "token-1", "token_type": "Bearer"})


GRANT = {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        (FORM | {"client_secret": "x"}, None, 401, "invalid_client"),
        (GRANT, None, 401, "invalid_client"),
        (GRANT, "Basic %%%", 401, "invalid_client"),
        (GRANT, "Basic ZGVtbzp4", 401, "invalid_client"),
        (FORM, "Basic ZGVtbzpkZW1v", 401, "invalid_client"),
        (FORM | {"grant_type": "password"}, None, 400, "unsupported_grant_type"),
    ],
    ids=["wrong-secret", "none", "no-base64", "wrong-basic", "both-ways", "another-grant"],
)
async def test_a_wrong_request_is_refused(
    form: dict[str, str], authorization: str | None, status: int, error: str
) -> None:
    async with mock_tokens() as tokens:
        assert await _ask(tokens, form, authorization) == (status, {"error": error})

    assert tokens.issued == []


async def test_a_scripted_reply_comes_first_and_may_hang() -> None:
    async with mock_tokens() as tokens:
        tokens.script(TokenReply(status=503, body=b"{}"), TokenReply(hang=True))
        assert (await _ask(tokens, FORM))[0] == 503
        asking = asyncio.create_task(_ask(tokens, FORM))
        await tokens.asked(2)
        assert tokens.issued == []
        tokens.release()
        assert (await asking)[0] == 200
