"""A destination's HTTP endpoint: one attempt to deliver what one request carries, and how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import aiohttp

from streams import __version__
from streams.delivery.batches import content_type
from streams.destinations import Destination, Header
from streams.endpoints.answers import Answer
from streams.endpoints.attempt import Attempt
from streams.endpoints.auth import TokenServer
from streams.endpoints.deadlines import Deadline
from streams.endpoints.egress import Egress, exact_url
from streams.endpoints.meanings import Answered, Meanings
from streams.endpoints.plain import PlainRequests
from streams.endpoints.prepared import PreparedRequests
from streams.endpoints.retry_after import Asked, longest_asked
from streams.endpoints.tokens import Tokens
from streams.endpoints.versions import knows_aiohttp
from streams.exports import Posted
from streams.groups.lease import LapsedError
from streams.outcomes import Outcome
from streams.secrets import Secret

_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)
"""How a connection that ended under a request shows."""


class AccessTokens(Protocol):
    """Where an endpoint gets its access tokens."""

    async def token(self, refused: str | None = None) -> str:
        """Return a live token that is not the *refused* one, or raise `TokenError`."""

    async def close(self) -> None:
        """Stop renewing."""


class Requests(Protocol):
    """How requests are sent to one URL; it is open until it is closed."""

    async def post(self, posted: Posted, token: str | None, attempt: Attempt) -> None:
        """Send *posted* once, with *token* if there is one; *attempt* learns its connection and its answer.

        Where it knows a connection already, that lost the request: it is sent again on a new one.
        Raises what ``aiohttp.ClientSession`` raises. What was not answered never becomes whole at the endpoint.
        """

    async def close(self) -> None:
        """Close all connections."""


async def _at_once() -> None:
    """Wait for nothing."""


class Endpoint:
    """The way to one destination's endpoint; ``start()`` it in the running loop, ``close()`` it at the end.

    *now* is the wall clock, for dates in ``Retry-After``; *lease* says how many seconds are left of the lease of what
    is posted, *admitted* waits until a request of an attempt may be sent once more; *way* is how requests are sent, by
    default as the installed aiohttp allows. Raises ValueError for a URL that cannot be requested.
    """

    def __init__(
        self,
        destination: Destination,
        egress: Egress,
        tokens: AccessTokens | None,
        *,
        now: Callable[[], float],
        told_resent: Callable[[], None] = lambda: None,
        told_ignored: Callable[[int], None] = lambda _: None,
        lease: Callable[[], float] | None = None,
        admitted: Callable[[], Awaitable[None]] = _at_once,
        way: Callable[..., Requests] | None = None,
    ) -> None:
        self._url = exact_url(destination.account.http_endpoint)
        self._headers = prepared_headers(destination.headers, content_type(destination.delivery.batch))
        self._delivery, self._meanings = destination.delivery, Meanings(destination.delivery)
        self._egress, self._tokens, self._now, self._lease = egress, tokens, now, lease
        self._admitted = admitted
        self._way = way
        self._requests: Requests | None = None
        self._told_ignored, self._told_resent, self.resent = told_ignored, told_resent, 0
        """How many requests were sent again at once since their connection turned out to be closed."""

    async def start(self) -> None:
        """Make ready to connect; nothing is connected yet."""
        way, bounds = self._way or (PreparedRequests if knows_aiohttp() else PlainRequests), self._delivery
        self._requests = way(
            self._url,
            self._headers,
            self._egress,
            limit=bounds.max_in_flight,
            left=self._lease,
            connect_seconds=bounds.connect_timeout_seconds,
            read_seconds=bounds.read_timeout_seconds,
        )

    async def close(self) -> None:
        """Close all connections and stop renewing the token."""
        if self._tokens is not None:
            await self._tokens.close()
        if self._requests is not None:
            await self._requests.close()

    async def post(self, posted: Posted) -> Outcome:
        """Post *posted* once, within the destination's time-out, and say how it ended.

        A 401 renews the refused token and sends once more; so does, without a renewal, a connection that was closed
        by the peer while it was idle. A 2xx status line decides, whatever becomes of the answer's body.

        Raises LapsedError where the lease has lapsed and there is no answer: perhaps the request was sent, perhaps
        not, and from now on nothing more of it will be. Beside that it raises CancelledError only.
        """
        self._check_lease()
        attempt = Attempt()
        try:
            with Deadline(self._delivery.timeout_seconds, self._lease):
                await self._deliver(posted, attempt)
        except Exception as error:
            if attempt.answer is None:
                self._check_lease()
                return self._meanings.of(attempt.failed(error))
        return self._outcome(attempt)

    def _check_lease(self) -> None:
        if self._lease is not None and self._lease() <= 0:
            raise LapsedError("the lease has lapsed: the group may have given the partitions away")

    async def _deliver(self, posted: Posted, attempt: Attempt) -> None:
        if self._tokens is None:
            return await self._send(posted, None, attempt)
        token = await self._token(self._tokens, None, attempt)
        await self._send(posted, token, attempt)
        if attempt.answer is None or attempt.answer.status != 401:
            return None
        attempt.answer = None
        renewed = await self._token(self._tokens, token, attempt)
        await self._admitted()
        return await self._send(posted, renewed, attempt)

    async def _token(self, tokens: AccessTokens, refused: str | None, attempt: Attempt) -> str:
        attempt.awaits_token = True
        token = await tokens.token(refused)
        attempt.awaits_token = False
        return token

    async def _send(self, posted: Posted, token: str | None, attempt: Attempt) -> None:
        assert self._requests is not None, "start() comes before post()"
        attempt.wire = None
        try:
            await self._requests.post(posted, token, attempt)
        except _LOST:
            if attempt.wire is None or not attempt.wire.lost_while_idle:
                raise
            attempt.is_resent = True
            self.resent += 1
            self._told_resent()
            await self._admitted()
            await self._requests.post(posted, token, attempt)

    def _outcome(self, attempt: Attempt) -> Outcome:
        answer = attempt.answer
        assert answer is not None
        if (delivered := self._meanings.delivered.get(answer.status)) is not None:
            return delivered
        return self._meanings.of(Answered(answer.status, self._asked(answer).seconds, attempt.is_resent))

    def _asked(self, answer: Answer) -> Asked:
        texts = answer.headers.getall("Retry-After", ())
        asked = longest_asked(texts, now=self._now(), cap=self._delivery.retry.retry_after_cap_seconds)
        if asked.ignored:
            self._told_ignored(asked.ignored)
        return asked


@asynccontextmanager
async def reach(
    destination: Destination,
    egress: Egress,
    *,
    now: Callable[[], float],
    monotonic: Callable[[], float],
    token_fetched: Callable[[str], None] = lambda _: None,
    resent: Callable[[], None] = lambda: None,
    retry_after_ignored: Callable[[int], None] = lambda _: None,
    lease: Callable[[], float] | None = None,
    admitted: Callable[[], Awaitable[None]] = _at_once,
) -> AsyncIterator[Endpoint]:
    """Open the way to *destination*: its endpoint, with tokens if its account has credentials.

    *now* is the wall clock, *monotonic* one that nobody sets; *token_fetched* hears how token requests go,
    *resent* of each request that was sent again at once, *retry_after_ignored* of how many such headers of an answer
    were not understood. *lease* says how many seconds are left of the lease of what is posted: nothing is once it has
    lapsed. *admitted* waits until a request of an attempt may be sent once more: the first of each may be.
    """
    credentials = destination.account.credentials
    if credentials is None:
        tokens = None
    else:
        server = TokenServer(credentials, egress, now=now, told=token_fetched)
        tokens = Tokens(server.fetch, now=monotonic)
    endpoint = Endpoint(
        destination,
        egress,
        tokens,
        now=now,
        told_resent=resent,
        told_ignored=retry_after_ignored,
        lease=lease,
        admitted=admitted,
    )
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


def prepared_headers(custom: Sequence[Header], content: str) -> list[tuple[str, str]]:
    """Return the headers that every request of a destination carries; a custom one replaces ours of its name.

    *content* is the media type of their bodies.
    """
    ours = [
        ("Content-Type", content),
        ("User-Agent", f"streams/{__version__}"),
        ("Accept-Encoding", "identity"),
    ]
    named = {header.name.lower() for header in custom}
    theirs = [(h.name, h.value.reveal() if isinstance(h.value, Secret) else h.value) for h in custom]
    return [header for header in ours if header[0].lower() not in named] + theirs
