"""One fetch however many ask, renewed ahead, and a failure is nobody's storm."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.endpoints.reasons import AttemptReason
from streams.endpoints.tokens import Token, TokenError, Tokens
from tests.waiting import until


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Server:
    """Gives numbered tokens, or the errors that are due; can be held."""

    def __init__(self, lifetime: float = 100.0) -> None:
        self.lifetime = lifetime
        self.calls = 0
        self.errors: deque[AttemptReason] = deque()
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self) -> Token:
        self.calls += 1
        number = self.calls
        await self.open.wait()
        if self.errors:
            raise TokenError(self.errors.popleft())
        return Token(f"t{number}", self.lifetime)


def some_tokens(lifetime: float = 100.0) -> tuple[Tokens, Server, Clock]:
    server, clock = Server(lifetime), Clock()
    return Tokens(server.fetch, now=clock), server, clock


async def test_two_hundred_who_ask_at_once_cost_one_fetch() -> None:
    tokens, server, _ = some_tokens()
    server.open.clear()
    asking = [asyncio.create_task(tokens.token()) for _ in range(200)]
    await until(lambda: server.calls > 0)
    server.open.set()

    assert set(await asyncio.gather(*asking)) == {"t1"}
    assert server.calls == 1


async def test_a_waiter_that_is_cancelled_does_not_cancel_the_fetch() -> None:
    tokens, server, _ = some_tokens()
    server.open.clear()
    first, second = asyncio.create_task(tokens.token()), asyncio.create_task(tokens.token())
    await until(lambda: server.calls > 0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.open.set()

    assert await second == "t1"
    assert server.calls == 1


async def test_a_token_is_renewed_ahead_while_it_is_still_given_out() -> None:
    tokens, server, clock = some_tokens(lifetime=100.0)
    await tokens.token()
    clock.seconds += 79.9
    assert await tokens.token() == "t1"
    assert server.calls == 1

    clock.seconds += 0.2  # 80 of 100 seconds
    server.open.clear()
    assert [await tokens.token() for _ in range(20)] == ["t1"] * 20
    server.open.set()
    await until(lambda: server.calls == 2)
    await asyncio.sleep(0)
    assert await tokens.token() == "t2"


async def test_a_token_that_is_about_to_expire_is_not_given_out() -> None:
    tokens, _, clock = some_tokens(lifetime=100.0)
    await tokens.token()
    clock.seconds += 90.1

    assert await tokens.token() == "t2"


async def test_a_short_lived_token_is_used_before_it_is_renewed() -> None:
    tokens, server, clock = some_tokens(lifetime=30.0)
    for _ in range(20):
        await tokens.token()
        clock.seconds += 1.0

    assert server.calls == 1


async def test_a_failed_renewal_ahead_leaves_the_token_in_use() -> None:
    tokens, server, clock = some_tokens(lifetime=100.0)
    await tokens.token()
    server.errors.extend([AttemptReason.TOKEN_UNAVAILABLE] * 5)
    clock.seconds += 81.0
    assert [await tokens.token() for _ in range(10)] == ["t1"] * 10
    await until(lambda: server.calls == 2)
    assert [await tokens.token() for _ in range(10)] == ["t1"] * 10
    assert server.calls == 2, "the failure pauses the next renewal"


async def test_a_failure_is_told_to_all_who_wait_and_to_those_who_ask_during_the_pause() -> None:
    tokens, server, clock = some_tokens()
    server.errors.append(AttemptReason.TOKEN_UNAVAILABLE)
    told = await asyncio.gather(*(tokens.token() for _ in range(200)), return_exceptions=True)
    assert {getattr(error, "reason", None) for error in told} == {"token-unavailable"}
    clock.seconds += 0.9
    with pytest.raises(TokenError):
        await tokens.token()
    assert server.calls == 1

    clock.seconds += 0.2
    assert await tokens.token() == "t2"


async def test_the_pause_doubles_from_a_second_to_a_minute() -> None:
    tokens, server, clock = some_tokens()
    server.errors.extend([AttemptReason.TOKEN_UNAVAILABLE] * 20)
    asked_at = []
    for second in range(200):
        calls = server.calls
        with pytest.raises(TokenError):
            await tokens.token()
        if server.calls > calls:
            asked_at.append(second)
        clock.seconds += 1.0

    assert asked_at == [0, 1, 3, 7, 15, 31, 63, 123, 183]


async def test_only_the_token_that_was_refused_is_renewed() -> None:
    tokens, server, _ = some_tokens()
    await tokens.token()

    assert await tokens.token(refused="t1") == "t2"
    assert await tokens.token(refused="t1") == "t2", "refused late: it is not the one in use any more"
    assert server.calls == 2


async def test_two_hundred_whose_token_was_refused_cost_one_fetch() -> None:
    tokens, server, _ = some_tokens()
    await tokens.token()

    assert set(await asyncio.gather(*(tokens.token(refused="t1") for _ in range(200)))) == {"t2"}
    assert server.calls == 2


async def test_tokens_that_are_refused_young_again_and_again_are_not_renewed_at_once() -> None:
    tokens, server, clock = some_tokens()
    await tokens.token()
    await tokens.token(refused="t1")
    with pytest.raises(TokenError, match="unauthorized"):
        await tokens.token(refused="t2")
    assert server.calls == 2
    clock.seconds += 1.1

    assert await tokens.token() == "t3"


async def test_a_token_that_was_good_for_long_is_renewed_at_once_when_it_is_refused() -> None:
    tokens, _, clock = some_tokens(lifetime=10_000.0)
    await tokens.token()
    await tokens.token(refused="t1")
    clock.seconds += 61.0

    assert await tokens.token(refused="t2") == "t3"


async def test_what_a_token_server_asks_for_is_waited_for() -> None:
    clock, calls = Clock(), 0

    async def fetch() -> Token:
        nonlocal calls
        calls += 1
        raise TokenError(AttemptReason.TOKEN_UNAVAILABLE, retry_after=30.0)

    tokens = Tokens(fetch, now=clock)
    with pytest.raises(TokenError) as told:
        await tokens.token()
    clock.seconds += 29.0
    with pytest.raises(TokenError):
        await tokens.token()

    assert told.value.retry_after == 30.0
    assert calls == 1


async def test_closing_ends_a_fetch_and_tells_who_waits() -> None:
    tokens, server, _ = some_tokens()
    server.open.clear()
    asking = asyncio.create_task(tokens.token())
    await until(lambda: server.calls > 0)
    await tokens.close()

    with pytest.raises(TokenError):
        await asking


async def test_a_token_is_seen_in_no_repr() -> None:
    tokens, _, _ = some_tokens()
    await tokens.token()

    assert "t1" not in repr(Token("t1", 1.0)) + repr(vars(tokens))


@given(st.floats(min_value=0.001, max_value=1e9), st.floats(min_value=0.0, max_value=1.0))
def test_a_token_is_never_given_out_beyond_its_life(lifetime: float, share: float) -> None:
    async def law() -> None:
        tokens, _, clock = some_tokens(lifetime)
        await tokens.token()
        clock.seconds += lifetime * share
        text = await tokens.token()
        assert text == "t1" or share >= 0.8
        if clock.seconds >= 1000.0 + lifetime:
            assert text == "t2"
        await tokens.close()

    asyncio.run(law())
