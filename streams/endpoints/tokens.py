"""An access token that is always at hand: fetched once however many ask, and renewed before it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from streams.endpoints.reasons import AttemptReason

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""After a failed fetch, how long the failure is given to whoever asks instead of asking the server again."""

_YOUNG_SECONDS = 60.0
"""A token that is refused at this age or younger was perhaps never good: renewing it pauses like a failure."""


class TokenError(Exception):
    """No token could be had; the text is the reason alone, never what the server said.

    *retry_after* is what the token server asked for, in seconds.
    """

    def __init__(self, reason: AttemptReason, retry_after: float | None = None) -> None:
        super().__init__(str(reason))
        self.reason, self.retry_after = reason, retry_after


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the server gave it."""

    text: str = field(repr=False)
    lifetime_seconds: float


@dataclass(frozen=True, slots=True)
class _Held:
    """The token in use; times are the monotonic clock's."""

    text: str = field(repr=False)
    fetched_at: float
    renew_at: float
    expires_at: float


class Tokens:
    """Holds one token of one client; *fetch* asks the server for a new one and raises `TokenError` alone.

    *now* is a monotonic clock. A waiter that is cancelled does not cancel the fetch. A failure is given to all who
    wait, and to those who ask during the pause that follows it, which doubles from one second to a minute.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Token]], *, now: Callable[[], float]) -> None:
        self._fetch, self._now = fetch, now
        self._held: _Held | None = None
        self._fetching: asyncio.Task[_Held | None] | None = None
        self._failure: TokenError | None = None
        self._failures = 0
        self._paused_until = 0.0
        self._refusals = 0

    async def token(self, refused: str | None = None) -> str:
        """Return a live token that is not the *refused* one, or raise `TokenError`; renews ahead in the background."""
        self._drop(refused)
        held = self._live()
        if held is None:
            return (await self._renewed()).text
        if held.renew_at <= self._now() and self._may_fetch():
            self._renewing()
        return held.text

    async def close(self) -> None:
        """Stop a fetch that is under way; those who wait for it get a `TokenError`."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    def _live(self) -> _Held | None:
        if self._held is not None and self._held.expires_at > self._now():
            return self._held
        return None

    def _drop(self, refused: str | None) -> None:
        """Drop the token if it is still the *refused* one; one that was refused young, again, costs a pause."""
        if refused is None or self._held is None or self._held.text != refused:
            return
        age = self._now() - self._held.fetched_at
        self._held = None
        self._refusals = self._refusals + 1 if age <= _YOUNG_SECONDS else 1
        if self._refusals > 1:
            self._pause(TokenError(AttemptReason.UNAUTHORIZED), self._refusals - 1)

    def _pause(self, error: TokenError, times: int) -> None:
        self._failure = error
        doubled = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 16), _LONGEST_PAUSE_SECONDS)
        self._paused_until = self._now() + max(doubled, error.retry_after or 0.0)

    def _may_fetch(self) -> bool:
        return self._failure is None or self._paused_until <= self._now()

    def _error(self) -> TokenError:
        """Return a new error, for each of those who wait: a traceback is not for sharing."""
        failure = self._failure
        if failure is None:
            return TokenError(AttemptReason.TOKEN_UNAVAILABLE)
        return TokenError(failure.reason, failure.retry_after and max(0.0, self._paused_until - self._now()))

    async def _renewed(self) -> _Held:
        if self._fetching is None and not self._may_fetch():
            raise self._error()
        fetching = self._renewing()
        await asyncio.wait({fetching})  # not awaited itself: a waiter that is cancelled must not cancel it
        held = None if fetching.cancelled() else fetching.result()
        if held is None:
            raise self._error()
        return held

    def _renewing(self) -> asyncio.Task[_Held | None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(self._done)
        return self._fetching

    def _done(self, _: asyncio.Task[_Held | None]) -> None:
        self._fetching = None

    async def _renew(self) -> _Held | None:
        asked_at = self._now()
        try:
            token = await self._fetch()
        except TokenError as error:
            self._failures += 1
            self._pause(error, self._failures)
            return None
        self._failure, self._failures = None, 0
        self._held = _hold(token, asked_at)
        return self._held


def _hold(token: Token, now: float) -> _Held:
    """Say when *token* is renewed ahead and when it is no longer used: a little before the server says so."""
    lifetime = token.lifetime_seconds
    return _Held(
        text=token.text,
        fetched_at=now,
        renew_at=now + lifetime - min(60.0, lifetime * 0.2),
        expires_at=now + lifetime - min(10.0, lifetime * 0.1),
    )
