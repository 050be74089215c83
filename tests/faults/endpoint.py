"""An HTTP endpoint in a process of its own that answers by script and keeps a ledger.

``python -m tests.faults.endpoint LEDGER`` writes JSON lines: ``{"n", "link", "at", "clock", "key", "head", "body",
"status", "way"}`` for a request that arrived, ``{"n", "end", "sent", "retry_after", "form"}`` when it was answered or
its connection was lost; ``{"link", "made"}`` and ``{"link", "lost", "requests", "wrote"}`` for a connection. On
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
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvloop

from tests.faults.behaviour import CLOSE, HANG, Answer, Behaviour
from tests.faults.door import Door
from tests.faults.misconduct import WAYS
from tests.faults.patience import rendered
from tests.faults.sips import narrow, sipped, with_reset

FLUSH_SECONDS = 0.02
_LENGTH = re.compile(r"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_KEY = re.compile(r"^idempotency-key: *(.*?)\r?$", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(r"^authorization: *Bearer (.*?)\r?$", re.IGNORECASE | re.MULTILINE)
_FILLING = re.compile(r"^(x-filler-\d+): [^\r\n]*", re.IGNORECASE | re.MULTILINE)


class Server:
    """What all connections share."""

    def __init__(self, ledger: Path) -> None:
        self.behaviour = Behaviour()
        self.connections: set[Connection] = set()
        self._file = ledger.open("ab")
        self._lines: list[bytes] = []
        self._number = self._links = 0
        self._attempts: dict[str, int] = {}
        self._tokens: set[str] = set()
        self._issued = 0

    def arrived(self, link: int, head: str, body: bytes, *, is_reused: bool) -> tuple[int, Answer]:
        """Note a request; return its number, and what becomes of it."""
        self._number += 1
        found = _KEY.search(head)
        key = found[1] if found else ""
        attempt = self._attempts[key] = self._attempts.get(key, -1) + 1
        answer = self.behaviour.decide(key, attempt, body, is_reused=is_reused)
        if self.behaviour.tokens and not self._is_known(head):
            answer = Answer(401, answer.delay)
        entry = {"n": self._number, "link": link, "at": time.time(), "clock": time.monotonic(), "key": key}
        entry |= {"head": _FILLING.sub(r"\1: ...", head), "body": body.decode(errors="replace")}
        self.note({**entry, "status": answer.told, "way": answer.way})
        return self._number, answer

    def ended(self, number: int, *, sent: bool, patience: float = 0.0, form: str = "") -> None:
        """Note that a request was answered, with how much patience was asked for, or will not be."""
        asked = {"retry_after": patience, "form": form} if sent else {"retry_after": 0.0, "form": ""}
        self.note({"n": number, "end": time.time(), "sent": sent, **asked})

    def undone(self, number: int) -> None:
        """Note that a request will not be answered, and that nothing was done of what it asks for."""
        self.note({"n": number, "end": time.time(), "sent": False, "retry_after": 0.0, "form": "", "undone": True})

    def made(self) -> int:
        """Note a connection; return its number."""
        self._links += 1
        self.note({"link": self._links, "made": time.time()})
        return self._links

    def new_token(self) -> bytes:
        """Return the answer of the token endpoint."""
        self._issued += 1
        token = f"{self.behaviour.token_prefix}-{self._issued}"
        self._tokens.add(token)
        self.note({"token": self._issued, "at": time.time()})
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.behaviour.token_seconds}
        return json.dumps(answer).encode()

    def command(self, given: dict[str, Any]) -> None:
        """Put a behaviour in force; ``revoke`` makes every token that was given a dead one, ``drop`` ends idle wires.

        ``cut`` ends all of them.
        """
        if given.pop("revoke", False):
            self._tokens.clear()
        cut, drop = given.pop("cut", False), given.pop("drop", False)
        for connection in list(self.connections) if cut or drop else ():
            connection.leave(even_in_use=cut)
        if "latency" in given:
            given["latency"] = tuple(given["latency"])
        for name, value in given.items():
            setattr(self.behaviour, name, value)

    def note(self, entry: dict[str, Any]) -> None:
        """Keep a line for the ledger."""
        self._lines.append(json.dumps(entry).encode() + b"\n")

    def flush(self) -> None:
        """Write what was noted."""
        if self._lines:
            self._file.write(b"".join(self._lines))
            self._file.flush()
            self._lines.clear()

    def _is_known(self, head: str) -> bool:
        found = _TOKEN.search(head)
        return found is not None and found[1] in self._tokens


class Connection(asyncio.Protocol):
    """One connection; its requests come one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._open: set[int] = set()
        self._link = self._requests = self._wrote = 0
        self._work: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._link = self._server.made()
        self._server.connections.add(self)
        behaviour = self._server.behaviour
        at = random.Random(f"{behaviour.seed}:link:{self._link}").random()
        if at < behaviour.early_resets:
            self.reset()
        elif at < behaviour.early_resets + behaviour.slow_reads:
            self._transport.pause_reading()
            narrow(self._transport)
            self._work = asyncio.ensure_future(self._sip(self._transport))

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._room.set()
        if self._work is not None:
            self._work.cancel()
        for number in self._open:
            self._server.ended(number, sent=False)
        self._open.clear()
        self._server.connections.discard(self)
        counts = {"requests": self._requests, "wrote": self._wrote}
        self._server.note({"link": self._link, "lost": time.time(), **counts})

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

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

    def leave(self, *, even_in_use: bool) -> None:
        """End the connection, unless a request is open; if it is all the same, nothing of it was done."""
        if self._transport is None or ((self._open or self._received) and not even_in_use):
            return
        for number in self._open:
            self._server.undone(number)
        self._open.clear()
        self._transport.abort()

    # What a misbehaving answer is made of

    def answered(self) -> None:
        """Note that the open request was accepted, and its client told."""
        for number in self._open:
            self._server.ended(number, sent=True)
        self._open.clear()

    async def write(self, data: bytes) -> None:
        """Write, and wait while the connection takes no more; CancelledError when it is lost."""
        if self._transport is None:
            raise asyncio.CancelledError
        self._wrote += len(data)
        self._transport.write(data)
        await asyncio.sleep(0)
        await self._room.wait()

    def reset(self) -> None:
        """End the connection with a RST."""
        if self._transport is not None:
            with_reset(self._transport)
            self._transport.abort()

    def close(self) -> None:
        """End it with a FIN."""
        if self._transport is not None:
            self._transport.close()

    # How requests are taken and answered

    async def _sip(self, transport: asyncio.Transport) -> None:
        await sipped(transport)
        transport.abort()

    def _take(self, head: str, body: bytes) -> None:
        if head.startswith("POST /token"):
            return self._write(200, self._server.new_token())
        number, answer = self._server.arrived(self._link, head, body, is_reused=self._requests > 0)
        self._requests += 1
        self._open.add(number)
        if answer.way or answer.status != HANG:
            asyncio.get_running_loop().call_later(answer.delay, partial(self._answer, number, answer))
        return None

    def _answer(self, number: int, answer: Answer) -> None:
        if number not in self._open or self._transport is None:
            return
        if answer.way:
            self._work = asyncio.ensure_future(WAYS[answer.way](self))
            return
        self._open.remove(number)
        text, patience = rendered(answer.patience, time.time()) if answer.patience else ("", 0.0)
        is_told = answer.status != CLOSE
        self._server.ended(number, sent=is_told, patience=patience, form=answer.patience)
        if not is_told:
            self._transport.abort()
        else:
            self._write(answer.status, b"", text)

    def _write(self, status: int, body: bytes, patience: str = "") -> None:
        assert self._transport is not None
        more = f"Location: {self._server.behaviour.redirect_to}\r\n" if status == 307 else ""
        more += f"Retry-After: {patience}\r\n" if patience else ""
        length = "" if status == 204 else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 {status} Answer\r\n{length}{more}\r\n".encode() + body)


async def serve(ledger: Path) -> None:
    """Serve on a free port of loopback until standard input ends; ``listening`` shuts and opens the port."""
    loop = asyncio.get_running_loop()
    server = Server(ledger)
    door = Door(lambda: Connection(server))
    await door.open()
    print(door.port, flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    flushing = loop.create_task(_flush_regularly(server))
    while line := await commands.readline():
        given = json.loads(line)
        listening = given.pop("listening", None)
        if listening is False:
            door.shut()
            given["cut"] = True
        elif listening:
            await door.open()
        server.command(given)
        print("ok", flush=True)
    flushing.cancel()
    door.close()
    server.flush()


async def _flush_regularly(server: Server) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        server.flush()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
