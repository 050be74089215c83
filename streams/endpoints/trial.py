"""A destination tried before it is trusted: step by step, each by the code that delivery uses.

First the way to its endpoint and, where it has credentials, to its token server; then a token; then one sample
delivery. A step that needs one that failed is skipped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec

from streams.delivery.batches import Batching, Joined, content_type
from streams.destinations import Destination
from streams.endpoints.auth import TIMEOUT_SECONDS, Answer, TokenServer, token_reason
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint, prepared_headers
from streams.endpoints.meanings import Meanings
from streams.endpoints.reachability import Reachability
from streams.endpoints.steps import STEP_SECONDS, Result, SampleRequest, Step, StepName, Target, skipped, timed
from streams.endpoints.tokens import Token, TokenError, Tokens
from streams.endpoints.verdicts import failure, said, too_large
from streams.exports import Export
from streams.secrets import MASK
from streams.telemetry.masks import Masks

_OPEN_FIELDS = ("token_type", "expires_in", "scope", "error", "error_description")
"""What of a token server's answer is shown; all else may be a token, or anything."""
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The wall clock, and one that nobody sets; both in seconds."""

    now: Callable[[], float]
    monotonic: Callable[[], float]


class Trial:
    """Tries one destination; *sample* is what is posted, as a batch of one where it takes batches; None = nothing."""

    def __init__(self, destination: Destination, egress: Egress, sample: Export | None, clocks: Clocks) -> None:
        self._destination, self._egress, self._clocks = destination, egress, clocks
        self._batch = destination.delivery.batch
        self._sample: Export | Joined | None = sample
        if sample is not None and self._batch is not None:
            self._sample = Batching(self._batch).joined([sample])
        self._server: TokenServer | None = None
        if (credentials := destination.account.credentials) is not None:
            self._server = TokenServer(credentials, egress, now=clocks.now)
        self._masks = Masks()
        for secret in destination.secrets:
            self._masks.hide(secret)
        self._token: Token | None = None
        self._failed: list[str] = []

    async def steps(self) -> AsyncIterator[Step]:
        """Yield each step when it has ended; the sample's comes before it is sent."""
        account = self._destination.account
        async for step in self._way(Target.ENDPOINT, account.http_endpoint):
            yield step
        if account.credentials is not None:
            async for step in self._way(Target.TOKEN_SERVER, account.credentials.token_url):
                yield step
            yield await self._step(Target.TOKEN_SERVER, StepName.TOKEN, self._ask, Target.TOKEN_SERVER)
        if self._sample is None:
            yield skipped(Target.ENDPOINT, StepName.DELIVERY, "not wanted")
            return
        yield self._shown(self._sample)
        yield await self._step(Target.ENDPOINT, StepName.DELIVERY, self._deliver, "")

    async def _way(self, target: Target, url: str) -> AsyncIterator[Step]:
        way = Reachability(target, url, self._egress, monotonic=self._clocks.monotonic, now=self._clocks.now)
        async for step in way.steps():
            self._note(step)
            yield step

    async def _step(self, target: Target, name: StepName, act: Callable[[], Awaitable[str]], needs: str) -> Step:
        """Do a step unless one that it needs has failed: those whose names begin with *needs*."""
        failed = [each for each in self._failed if each.startswith(needs)]
        if failed:
            step = skipped(target, name, f"needs: {', '.join(failed)}")
        else:
            longest = max(TIMEOUT_SECONDS, self._destination.delivery.timeout_seconds) + STEP_SECONDS
            step = await timed(target, name, act, self._clocks.monotonic, longest)  # each has its own, shorter one
        self._note(step)
        return step

    def _note(self, step: Step) -> None:
        if step.failed:
            self._failed.append(f"{step.target} {step.name}")

    async def _ask(self) -> str:
        assert self._server is not None, "there are credentials"
        try:
            answer = await self._server.ask()
        except Exception as error:
            raise failure("no answer", token_reason(error)) from None
        shown = f"{answer.status}: {self._masked(answer)}"
        try:
            self._token = self._server.token_in(answer)
        except TokenError as error:
            raise failure(shown, error.reason) from None
        return f"{shown}, lives {self._token.lifetime_seconds:g} s"

    def _masked(self, answer: Answer) -> str:
        """Return a token server's answer with all masked but what says how it went."""
        try:
            fields = msgspec.json.decode(answer.body, type=dict[str, object])
        except (ValueError, RecursionError):
            return f"no JSON object, {len(answer.body)} bytes"
        shown = {name: value if name in _OPEN_FIELDS else MASK for name, value in fields.items()}
        return self._masks.text(msgspec.json.encode(shown).decode())[:_SHOWN_CHARACTERS]

    def _shown(self, sample: Export | Joined) -> Step:
        """Return the request that is about to be sent."""
        custom = [replace(each, value=MASK) for each in self._destination.headers]
        headers = prepared_headers(custom, content_type(self._batch))
        headers.append(("Idempotency-Key", sample.id))
        if self._server is not None:
            headers.append(("Authorization", f"Bearer {MASK}"))
        request = SampleRequest(self._destination.account.http_endpoint, headers, sample.body)
        what = f"{len(sample.body)} bytes, made up: nobody's data"
        return Step(target=Target.ENDPOINT, name=StepName.SAMPLE, result=Result.PASSED, what=what, request=request)

    async def _deliver(self) -> str:
        assert self._sample is not None, "it is wanted"
        bounds = self._destination.delivery
        if bounds.max_payload_bytes is not None and len(self._sample.body) > bounds.max_payload_bytes:
            raise too_large(len(self._sample.body), bounds.max_payload_bytes)
        tokens = None if self._server is None else Tokens(self._first_token, now=self._clocks.monotonic)
        endpoint = Endpoint(self._destination, self._egress, tokens, now=self._clocks.now)
        await endpoint.start()
        try:
            outcome = await endpoint.post(self._sample)
        finally:
            await endpoint.close()
        return said(outcome, Meanings(bounds))

    async def _first_token(self) -> Token:
        """Return the token of the step before; the endpoint may refuse it, then a new one."""
        assert self._server is not None, "there are credentials"
        token, self._token = self._token, None
        return token if token is not None else await self._server.fetch()
