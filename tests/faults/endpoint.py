"""An HTTP endpoint in a process of its own that answers by script and keeps a ledger.

``python -m tests.faults.endpoint LEDGER`` writes JSON lines: ``{"n", "at", "clock", "key", "head", "body", "status"}``
for a request that arrived, ``{"n", "end", "sent", "retry_after"}`` when it was answered or its connection was lost. On
standard input it takes behaviours, one JSON object per line, and says ``ok`` on standard output when one is in force;
the first line it says is its port. ``POST /token`` gives access tokens. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvloop

FLUSH_SECONDS = 0.02
_LENGTH = re.compile(r"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_KEY = re.compile(r"^idempotency-key: *(.*?)\r?$", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(r"^authorization: *Bearer (.*?)\r?$", re.IGNORECASE | re.MULTILINE)

ASKING = (429, 503)
HANG, CLOSE = 0, -1
"""Instead of a status: never to be answered, and the connection closed without one."""


@dataclass(slots=True)
class Behaviour:
    """How requests are answered; shares are of all requests, drawn by *seed* from the request's key and try."""

    seed: int = 0
    latency: tuple[float, float] = (0.0, 0.0)
    """Least and most; the square of the dice makes a tail."""
    errors: float = 0.0
    hangs: float = 0.0
    closes: float = 0.0
    refuses: float = 0.0
    redirects: float = 0.0
    redirect_to: str = ""
    status: int = 204
    retry_after: float = 0.0
    """Seconds of patience that a 429 or 503 asks for."""
    hanging: list[str] = field(default_factory=list)
    """Texts; a request whose body holds one of them is never answered."""
    tokens: bool = False
    """Whether a live access token is asked for."""
    token_prefix: str = "token"
    token_seconds: int = 3600

    def decide(self, key: str, attempt: int, body: bytes) -> tuple[int, float]:
        """Return a status (or HANG, CLOSE) and after how long."""
        dice = random.Random(f"{self.seed}:{key}:{attempt}")
        low, high = self.latency
        delay = low + (high - low) * dice.random() ** 2
        if any(text.encode() in body for text in self.hanging):
            return HANG, delay
        at = dice.random()
        for share, status in (
            (self.errors, 503),
            (self.hangs, HANG),
            (self.closes, CLOSE),
            (self.refuses, 422),
            (self.redirects, 307),
        ):
            if at < share:
                return status, delay
            at -= share
        return self.status, delay


class Server:
    """What all connections share."""

    def __init__(self, ledger: Path) -> None:
        self.behaviour = Behaviour()
        self._file = ledger.open("ab")
        self._lines: list[bytes] = []
        self._number = 0
        self._attempts: dict[str, int] = {}
        self._tokens: set[str] = set()
        self._issued = 0

    def arrived(self, head: str, body: bytes) -> tuple[int, int, float]:
        """Note a request; return its number, what to answer and after how long."""
        self._number += 1
        found = _KEY.search(head)
        key = found[1] if found else ""
        attempt = self._attempts[key] = self._attempts.get(key, -1) + 1
        status, delay = self.behaviour.decide(key, attempt, body)
        if self.behaviour.tokens and not self._is_known(head):
            status = 401
        entry = {"n": self._number, "at": time.time(), "clock": time.monotonic(), "key": key, "head": head}
        self._note({**entry, "body": body.decode(errors="replace"), "status": status if status > 0 else None})
        return self._number, status, delay

    def ended(self, number: int, *, sent: bool, patience: float = 0.0) -> None:
        """Note that a request was answered, with how much patience was asked for, or will not be."""
        self._note({"n": number, "end": time.time(), "sent": sent, "retry_after": patience if sent else 0.0})

    def new_token(self) -> bytes:
        """Return the answer of the token endpoint."""
        self._issued += 1
        token = f"{self.behaviour.token_prefix}-{self._issued}"
        self._tokens.add(token)
        self._note({"token": self._issued, "at": time.time()})
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.behaviour.token_seconds}
        return json.dumps(answer).encode()

    def command(self, line: str) -> None:
        """Put a behaviour in force; ``revoke`` makes every token that was given a dead one."""
        given: dict[str, Any] = json.loads(line)
        if given.pop("revoke", False):
            self._tokens.clear()
        if "latency" in given:
            given["latency"] = tuple(given["latency"])
        for name, value in given.items():
            setattr(self.behaviour, name, value)

    def flush(self) -> None:
        """Write what was noted."""
        if self._lines:
            self._file.write(b"".join(self._lines))
            self._file.flush()
            self._lines.clear()

    def _is_known(self, head: str) -> bool:
        found = _TOKEN.search(head)
        return found is not None and found[1] in self._tokens

    def _note(self, entry: dict[str, Any]) -> None:
        self._lines.append(json.dumps(entry).encode() + b"\n")


class Connection(asyncio.Protocol):
    """One connection; its requests come one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._open: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one by its methods only

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        for number in self._open:
            self._server.ended(number, sent=False)
        self._open.clear()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1")
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            self._take(head, body)

    def _take(self, head: str, body: bytes) -> None:
        if head.startswith("POST /token"):
            return self._write(200, self._server.new_token())
        number, status, delay = self._server.arrived(head, body)
        self._open.add(number)
        if status != HANG:
            asyncio.get_running_loop().call_later(delay, partial(self._answer, number, status))
        return None

    def _answer(self, number: int, status: int) -> None:
        if number not in self._open or self._transport is None:
            return
        self._open.remove(number)
        patience = self._server.behaviour.retry_after if status in ASKING else 0.0
        self._server.ended(number, sent=status != CLOSE, patience=patience)
        if status == CLOSE:
            self._transport.abort()
        else:
            self._write(status, b"")

    def _write(self, status: int, body: bytes) -> None:
        assert self._transport is not None
        behaviour = self._server.behaviour
        more = f"Location: {behaviour.redirect_to}\r\n" if status == 307 else ""
        if status in ASKING and behaviour.retry_after:
            more += f"Retry-After: {behaviour.retry_after:g}\r\n"
        length = "" if status == 204 else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 {status} Answer\r\n{length}{more}\r\n".encode() + body)


async def serve(ledger: Path) -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = Server(ledger)
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    flushing = loop.create_task(_flush_regularly(server))
    while line := await commands.readline():
        server.command(line.decode())
        print("ok", flush=True)
    flushing.cancel()
    server.flush()


async def _flush_regularly(server: Server) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        server.flush()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
