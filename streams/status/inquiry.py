"""Asks a worker over HTTP what it knows of profiles; where it cannot, the error says what was tried and what to do."""

from __future__ import annotations

import aiohttp
import msgspec
from aiohttp import hdrs

from streams.codes import Denial
from streams.denied import DeniedError
from streams.secrets import Secret
from streams.status.shapes import Worker

MAX_BYTES = 64 * 1024 * 1024
"""What an answer may hold: a profile's whole state, above all."""


class _Denied(msgspec.Struct):
    code: Denial
    why: str


_denied = msgspec.json.Decoder(_Denied).decode


class Asked:
    """The workers of an app, asked with one token; use it as a context."""

    def __init__(self, token: Secret, seconds: float) -> None:
        self._token, self._seconds = token, seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Asked:
        """Open what connections are made from."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._seconds))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, worker: Worker, path: str, question: object) -> bytes:
        """Return a worker's answer; raises DeniedError, which names the worker and its address."""
        assert self._session is not None, "it is used as a context"
        headers = {hdrs.AUTHORIZATION: f"Bearer {self._token.reveal()}", hdrs.CONTENT_TYPE: "application/json"}
        url = f"{worker.health.rstrip('/')}{path}"
        try:
            async with self._session.post(
                url, data=msgspec.json.encode(question), headers=headers, allow_redirects=False
            ) as answer:
                status, body = answer.status, await _read(answer)
        except TimeoutError:
            raise DeniedError(Denial.NOT_ANSWERED, f"{_of(worker)}: no answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            why = f"{_of(worker)} cannot be reached ({type(error).__name__}); {_remedy(worker)}"
            raise DeniedError(Denial.WORKER_UNREACHABLE, why) from None
        if status != 200:
            raise _error(worker, status, body)
        return body


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body; ValueError where it has no end in sight."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise ValueError("too much")
    return bytes(body)


def _error(worker: Worker, status: int, body: bytes) -> DeniedError:
    try:
        denied = _denied(body)
    except msgspec.MsgspecError:
        return DeniedError(Denial.WORKER_TOO_OLD, f"{_of(worker)} answers {status}: another release, or no worker")
    return DeniedError(denied.code, f"{_of(worker)}: {denied.why}")


def _of(worker: Worker) -> str:
    return f"worker {worker.id} at {worker.health or 'no address'}"


def _remedy(worker: Worker) -> str:
    return f"ask from its host, {worker.host}, or set its http.host and http.advertise"
