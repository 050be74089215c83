"""What the mock endpoint answers in the demo, and what it received."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from streams.demo import sample
from streams.demo.endpoint import Answer, Received
from streams.destinations import Destination

OK, UNAUTHORIZED, UNPROCESSABLE, UNAVAILABLE = 200, 401, 422, 503


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was received, for which destination, and what it was answered."""

    received: Received
    destination: str
    status: int
    at: datetime

    @property
    def export_id(self) -> str:
        """The id of the export that was posted."""
        return self.received.header("Idempotency-Key") or ""


class Reception:
    """Answers 200; but 401 without a live token where one is asked for, and as the sample wants it for two people.

    *accepts* judges an ``Authorization`` header. The requests wait in ``arrived`` to be shown. ``requests`` counts
    them by destination, ``taken`` the 2xx among them; ``last`` holds the last answer to each, ``example`` the last
    request about the published example's person.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        accepts: Callable[[str | None], bool],
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._destinations = {urlsplit(d.account.http_endpoint).path: d for d in destinations}
        self._accepts, self._now = accepts, now
        self._once = False
        self._failing: dict[str, Counter[str]] = {}
        self.arrived: asyncio.Queue[Request] = asyncio.Queue()
        self.requests: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.last: dict[str, int] = {}
        self.example: Request | None = None

    def fail(self, destination: str) -> None:
        """Answer 503 to all that a destination sends, until ``recover``."""
        self._failing[destination] = Counter()

    def failed(self, destination: str) -> Counter[str]:
        """Return how often each export was answered 503 since ``fail``."""
        return self._failing[destination]

    def recover(self, destination: str) -> None:
        """Answer a destination as before."""
        self._failing.pop(destination, None)

    def decide(self, received: Received) -> Answer:
        """Decide what a request is answered, and note it."""
        destination = self._destinations.get(urlsplit(received.url).path)
        name = "?" if destination is None else destination.name
        request = Request(received, name, self._status(received, destination), self._now())
        self._note(request)
        return Answer(status=request.status)

    def _note(self, request: Request) -> None:
        name = request.destination
        self.requests[name] += 1
        self.taken[name] += request.status == OK
        self.last[name] = request.status
        if name in self._failing:
            self._failing[name][request.export_id] += 1
        if request.status == OK and _is_about(sample.EXAMPLE, request.received.body):
            self.example = request
        self.arrived.put_nowait(request)

    def _status(self, received: Received, destination: Destination | None) -> int:
        secured = destination is not None and destination.account.credentials is not None
        if secured and not self._accepts(received.header("Authorization")):
            return UNAUTHORIZED
        if destination is not None and destination.name in self._failing:
            return UNAVAILABLE
        if _is_about(sample.REFUSED, received.body):
            return UNPROCESSABLE
        if _is_about(sample.TRIED_AGAIN, received.body) and not self._once:
            self._once = True
            return UNAVAILABLE
        return OK


def _is_about(identity: str, body: bytes) -> bool:
    return f'"{identity}"'.encode() in body


def as_line(request: Request, *, root: str) -> bytes:
    """Return a request as one line of JSON; *root* is the endpoint's address, and every digit of the body stays."""
    line = {
        "method": request.received.method,
        "url": root + request.received.url,
        "headers": _joined(request.received.headers),
        "body": _on_one_line(request.received.body),
    }
    return msgspec.json.encode(line) + b"\n"


def _joined(headers: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers as a mapping; the values of a repeated one stand side by side (RFC 9110 section 5.2)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _on_one_line(body: bytes) -> msgspec.Raw | str:
    """Return a body as the JSON it is; as a text if it is none."""
    try:
        return msgspec.Raw(msgspec.json.format(body, indent=-1))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode(errors="replace")
