"""A worker as an operator runs it: a process with files of its own, started, stopped, killed, frozen and thawed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.brokers.children import spawn
from tests.brokers.processes import free_ports, freeze, thaw
from tests.faults.evidence import Vital
from tests.waiting import until

READY_SECONDS = 90.0
STOPPED_SECONDS = 40.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Worker:
    """One worker's folder and process; the same object may be started again and again, its state stays."""

    def __init__(
        self,
        name: str,
        directory: Path,
        settings: Mapping[str, Any],
        documents: Sequence[Mapping[str, Any]],
        *,
        secrets: Mapping[str, str],
        command: Sequence[str] = ("-m", "streams"),
    ) -> None:
        """*command* is what Python runs; ``worker --config F`` follows it."""
        self.name, self.directory = name, directory
        (self.port,) = free_ports(1)
        directory.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents):
            (directory / f"document-{number}.yaml").write_text(json.dumps(document))
        self.settings = {
            "documents": [f"document-{number}.yaml" for number in range(len(documents))],
            "egress": {"allow": ["127.0.0.1/32"]},
            "state": {"directory": "data"},
            "http": {"port": self.port},
            **settings,
        }
        self._secrets, self._command = dict(secrets), [sys.executable, *command, "worker"]
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self._is_ended_by_us = False

    @property
    def log(self) -> str:
        """Everything the process wrote, over all its starts."""
        path = self.directory / "worker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def data(self) -> Path:
        """The folder of its state."""
        return self.directory / "data"

    @property
    def environment(self) -> dict[str, str]:
        """What the process is given, and a command of its operator too."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
        return {**ours, **self._secrets}

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise AssertionError with the log's end if it has ended by itself."""
        by_itself = self._process is not None and not self.running and not self._is_ended_by_us
        assert not by_itself, f"{self.name} has ended by itself:\n{self.log[-3000:]}"

    async def start(self, *arguments: str, ready: bool = True, environment: Mapping[str, str] | None = None) -> None:
        """Start the process; with *ready* returns when ``/readyz`` says so."""
        assert not self.running, f"{self.name} runs already"
        file = self.directory / "streams.yaml"
        file.write_text(json.dumps(self.settings))
        self.started_at, self._is_ended_by_us = time.time(), False
        self._process = spawn(
            [*self._command, "--config", str(file), *arguments],
            log=self.directory / "worker.log",
            environment={**self.environment, **(environment or {})},
        )
        if ready:
            await self.ready()

    async def ready(self, within_seconds: float = READY_SECONDS) -> None:
        """Wait until ``/readyz`` answers 200; raises with the log's end when the process ends before."""

        async def is_ready() -> bool:
            assert self.running, f"{self.name} has ended:\n{self.log[-3000:]}"
            return await self.get("/readyz") is not None

        await until(is_ready, within_seconds, f"{self.name} is ready")

    async def get(self, path: str) -> str | None:
        """Return what the worker's own server answers with 200, or None."""
        return await asyncio.to_thread(_get, f"http://127.0.0.1:{self.port}{path}")

    async def metrics(self) -> str:
        """Return the metrics as text; empty when it does not answer."""
        return await self.get("/metrics") or ""

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry *labels*."""
        return sum(value for has, value in await self.samples(name) if labels.items() <= has.items())

    async def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each sample of a metric."""
        found = _SAMPLE.finditer(await self.metrics())
        return [(dict(_LABEL.findall(each[2] or "")), float(each[3])) for each in found if each[1] == name]

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        assert self._process is not None
        self._is_ended_by_us = True
        self._process.kill()
        self._process.wait()

    async def terminate(self, within_seconds: float = STOPPED_SECONDS) -> int:
        """SIGTERM; return the exit code."""
        assert self._process is not None
        self._is_ended_by_us = True
        self._process.terminate()
        return await self.ended(within_seconds)

    async def ended(self, within_seconds: float = STOPPED_SECONDS) -> int:
        """Wait until it has ended, and return the exit code."""
        await until(lambda: not self.running, within_seconds, f"{self.name} has ended")
        assert self._process is not None
        return self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        freeze(self.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        thaw(self.pid)

    def close(self) -> None:
        """End it if it still runs, frozen or not."""
        if self.running:
            self.kill()

    def vital(self) -> Vital | None:
        """Return how large the process is, None when it does not run."""
        if not self.running:
            return None
        process = Path(f"/proc/{self.pid}")
        with suppress(OSError, ValueError, IndexError):
            pages = int((process / "statm").read_text().split()[1])
            links = [_link(each) for each in (process / "fd").iterdir()]
            threads = len(list((process / "task").iterdir()))
            sockets = sum(each.startswith("socket:") for each in links)
            return Vital(self.name, time.time(), pages * _PAGE, sockets, threads)
        return None


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode()) if answer.status == 200 else None
    except OSError:
        return None
