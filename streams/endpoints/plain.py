"""Requests by ``aiohttp.ClientSession``: the documented way, for a version of aiohttp whose internals are not known."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from yarl import URL

from streams.endpoints.answers import Answer, drain
from streams.endpoints.attempt import Attempt
from streams.endpoints.egress import Egress, wires_of_this_request
from streams.exports import Posted

_WHOLE_BODY_BYTES = 1024 * 1024
"""Up to here a body is written in one piece; aiohttp wants larger ones as a stream, so that the loop keeps turning."""


class PlainRequests:
    """A session to one URL; make it in the running loop."""

    def __init__(
        self,
        url: URL,
        headers: Sequence[tuple[str, str]],
        egress: Egress,
        *,
        limit: int,
        left: Callable[[], float] | None,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        self._url = url
        self._session = egress.session(
            limit=limit, headers=headers, left=left, connect_seconds=connect_seconds, read_seconds=read_seconds
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, posted: Posted, token: str | None, attempt: Attempt) -> None:
        """Send *posted* once; see `Requests`."""
        lost = attempt.wire
        wires = [] if lost is None else [lost]
        watching = wires_of_this_request.set(wires)
        try:
            await self._post(posted, token, attempt)
        finally:
            wires_of_this_request.reset(watching)
            wire = attempt.wire = next((wire for wire in wires if wire is not lost), None)
            if wire is not None and (attempt.answer is None or wire.is_writing):
                wire.reset()  # without an answer, or answered before it was whole, it must not become so

    async def _post(self, posted: Posted, token: str | None, attempt: Attempt) -> None:
        headers = {"Idempotency-Key": posted.id}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if posted.traceparent is not None:
            headers["traceparent"] = posted.traceparent
        body = posted.body if len(posted.body) <= _WHOLE_BODY_BYTES else io.BytesIO(posted.body)
        answer = await self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        attempt.answer = Answer(answer.status, answer.headers)
        try:
            await drain(answer.content)
        finally:
            answer.release()  # closes the connection when something is left to be read
