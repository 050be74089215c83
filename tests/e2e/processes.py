"""A worker as an operator runs it: a process with a settings file, watched through its own health and metrics."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.brokers.processes import free_ports

STARTED_WITHIN_SECONDS = 60.0
STOPPED_WITHIN_SECONDS = 30.0


class WorkerProcess:
    """One ``streams worker``; JSON is YAML, so its settings and documents are written as such."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Any],
        documents: Sequence[Mapping[str, Any]],
        *,
        secrets: Mapping[str, str] | None = None,
        command: Sequence[str] = ("-m", "streams", "worker"),
    ) -> None:
        self.directory, (self.port,) = directory, free_ports(1)
        directory.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents):
            (directory / f"document-{number}.yaml").write_text(json.dumps(document))
        self._settings = {
            "documents": [f"document-{number}.yaml" for number in range(len(documents))],
            "egress": {"allow": ["127.0.0.0/8"]},
            "state": {"directory": "data"},
            "http": {"port": self.port},
            **settings,
        }
        self._secrets = secrets or {}
        self._command = [sys.executable, *command]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """Everything the process wrote, over all its starts."""
        path = self.directory / "worker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """The process id of the running worker."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *arguments: str, until_ready: bool = True) -> None:
        """Start the process, and wait until it is ready."""
        file = self.directory / "streams.yaml"
        file.write_text(json.dumps(self._settings))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMS_")}
        with (self.directory / "worker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                *("--config", str(file)),
                *arguments,
                stdout=log,
                stderr=log,
                env={**environment, **self._secrets},
            )
        if until_ready:
            await self.ready()

    async def ready(self, within_seconds: float = STARTED_WITHIN_SECONDS) -> None:
        """Wait until ``/readyz`` answers 200; fails with the log if the process ends before."""
        async with asyncio.timeout(within_seconds), aiohttp.ClientSession() as session:
            while True:
                assert self._process is not None
                if self._process.returncode is not None:
                    raise AssertionError(f"the worker ended with {self._process.returncode}:\n{self.log[-4000:]}")
                try:
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry *labels*."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
        ):
            families = text_string_to_metric_families(await answer.text())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    async def ended(self, within_seconds: float = STOPPED_WITHIN_SECONDS) -> int:
        """Wait until the process has ended by itself; return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(within_seconds):
            return await self._process.wait()

    async def terminate(self) -> int:
        """Ask the process to stop; return its exit code."""
        self.send(signal.SIGTERM)
        return await self.ended()

    async def close(self) -> None:
        """End the process if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
