"""The endpoint as a run sees it: its process, what it is told to do, and its ledger as far as it is written."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.brokers.children import spawn
from tests.faults.evidence import Link, Request
from tests.faults.profiles import State, said_by

READ_SECONDS = 0.05


class Endpoint:
    """Starts the endpoint's process and follows its ledger; ``requests`` are all that arrived, in that order."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._path = directory, directory / "requests.jsonl"
        self._process: subprocess.Popen[bytes] | None = None
        self._following: asyncio.Task[None] | None = None
        self._offset = 0
        self.requests: list[Request] = []
        self.links: dict[int, Link] = {}
        """The connections, by number."""
        self.tokens: list[float] = []
        """When each access token was given."""
        self.delivered: dict[str, int] = {}
        """How often each id was delivered, in the order of first deliveries."""
        self.states: dict[str, State] = {}
        """Of each profile, how much was delivered."""
        self.open: set[int] = set()
        """The numbers of the requests that have arrived and not ended."""
        self.url = ""

    async def start(self) -> None:
        """Start the process; returns when it listens."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        command = [sys.executable, "-m", "tests.faults.endpoint", str(self._path)]
        self._process = spawn(command, log=self._directory / "endpoint.log", environment=dict(os.environ), piped=True)
        self.url = f"http://127.0.0.1:{int(await self._line())}"
        self._following = asyncio.create_task(self._follow())

    async def behave(self, **behaviour: Any) -> None:
        """Answer from now on as told: fields of ``Behaviour``, those not named stay.

        ``revoke=True`` ends tokens, ``drop=True`` idle connections, ``cut=True`` all of them; ``listening=False`` does
        that and refuses new ones, until ``listening=True``.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(behaviour).encode() + b"\n")
        self._process.stdin.flush()
        assert await self._line() == "ok"

    async def close(self) -> None:
        """End the process and read the last of its ledger."""
        if self._following is not None:
            self._following.cancel()
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await asyncio.to_thread(self._process.wait, 10)
            self.read()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def read(self) -> None:
        """Take in what was written to the ledger since the last time."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].splitlines():
            self._take(json.loads(line))

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        assert line, (self._directory / "endpoint.log").read_text()
        return line.decode().strip()

    async def _follow(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(READ_SECONDS)

    def _take(self, entry: dict[str, Any]) -> None:
        if "end" in entry:
            request = self.requests[entry["n"] - 1]
            request.ended, request.sent = entry["end"], entry["sent"]
            request.retry_after, request.form = entry["retry_after"], entry["form"]
            if entry.get("undone"):
                request.status = None
            self.open.discard(request.number)
            if request.delivered:
                self._count(request)
        elif "token" in entry:
            self.tokens.append(entry["at"])
        elif "made" in entry:
            self.links[entry["link"]] = Link(entry["made"])
        elif "lost" in entry:
            link = self.links[entry["link"]]
            link.lost, link.requests, link.wrote = entry["lost"], entry["requests"], entry["wrote"]
        else:
            body = entry["body"].encode()
            place = (entry["n"], entry["at"], entry["clock"], entry["key"], entry["head"], body, entry["status"])
            self.requests.append(Request(*place, way=entry["way"], link=entry["link"]))
            self.open.add(entry["n"])

    def _count(self, request: Request) -> None:
        self.delivered[request.key] = self.delivered.get(request.key, 0) + 1
        said = said_by(request.body)
        if said is not None:
            known = self.states.get(said.profile, State(0, 0))
            both = State(max(known.version, said.state.version), max(known.step, said.state.step))
            self.states[said.profile] = both
