"""What the demo runs on: a broker, a token server, a mock endpoint and a worker, all on loopback and all its own."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import NewTopic

from streams.brokers import Brokers
from streams.configuration import documents
from streams.configuration.references import References
from streams.demo import sample
from streams.demo.broker import EmbeddedBroker
from streams.demo.child import WorkerChild
from streams.demo.endpoint import MockEndpoint
from streams.demo.processes import free_ports
from streams.demo.reception import Reception
from streams.demo.screen import Screen
from streams.demo.tokens import MockTokenServer
from streams.destinations import Destination

OURS = "STREAMS_"
"""Names of the environment that begin so are settings: those of the caller are not meant for the demo's worker."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs; the worker is started, but need not be ready."""

    bootstrap: str
    endpoint: str
    worker: WorkerChild
    reception: Reception
    destinations: tuple[Destination, ...]
    config: Path
    """The settings, by which commands reach the same broker."""
    environ: Mapping[str, str]
    """The environment of the worker, and of commands."""


@asynccontextmanager
async def staged(screen: Screen, environ: Mapping[str, str]) -> AsyncIterator[Stage]:
    """Start everything, telling *screen*; at the end stop it in the opposite order and remove its files."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streams-demo-")))
        secret = secrets.token_urlsafe(16)
        broker = await stack.enter_async_context(EmbeddedBroker())
        await create_topics(broker.bootstrap)
        screen.started("broker", broker.bootstrap, "embedded, in memory")
        tokens = MockTokenServer(("demo", secret))
        stack.push_async_callback(tokens.close)
        screen.started("token server", await tokens.start(), "OAuth2 client credentials")
        endpoint = MockEndpoint()
        stack.push_async_callback(endpoint.close)
        screen.started("endpoint", await endpoint.start(), "takes what is sent")
        (port,) = free_ports(1)
        config = _write_files(
            folder,
            settings=sample.settings(bootstrap=broker.bootstrap, port=port),
            documents=sample.documents(endpoint=endpoint.url, token_url=tokens.url),
            secret=secret,
        )
        destinations = tuple(documents.load([folder / name for name in sample.DOCUMENTS], _references(folder)))
        reception = Reception(destinations, tokens.accepts)
        endpoint.decide = reception.decide
        own = {name: value for name, value in environ.items() if not name.startswith(OURS)}
        worker = WorkerChild(config, port=port, environ=own)
        stack.push_async_callback(_stop, worker, screen)
        await worker.start()
        yield Stage(broker.bootstrap, endpoint.url, worker, reception, destinations, config, own)


def _write_files(folder: Path, *, settings: str, documents: Iterable[tuple[str, str]], secret: str) -> Path:
    """Write settings, documents and the secret into *folder*, which nobody else can read; return the settings' path."""
    (folder / sample.SECRET_FILE).parent.mkdir()
    files = (
        (sample.SETTINGS, settings),
        *documents,
        (sample.SECRET_FILE, secret),
        (sample.TOKEN_FILE, secrets.token_urlsafe(16)),
    )
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    return folder / sample.SETTINGS


def _references(folder: Path) -> References:
    return References({}, (folder / sample.SECRET_FILE).parent)


async def _stop(worker: WorkerChild, screen: Screen) -> None:
    if not await worker.stop():
        screen.failed("the worker did not stop in time and was killed; its last lines:", worker.last_lines)


async def create_topics(bootstrap: str) -> None:
    """Create the inputs, which are the user's in real life and so not the worker's to create."""
    admin = Brokers((bootstrap,)).admin()
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, sample.PARTITIONS, 1) for topic in sample.TOPICS])
    finally:
        await admin.close()
