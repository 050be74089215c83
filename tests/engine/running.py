"""Run apps inside a test, on a real broker: the engine's, and stock Faust with the same agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust

from streams.engine import Engine, EngineSettings, Message
from streams.groups.journal import Journal
from tests.brokers.client import Client
from tests.reaching import brokers_of

SESSION = 6.0
"""The shortest that a broker allows by default."""


def engine_on(client: Client, name: str, **changes: Any) -> Engine:
    """Return an engine that meets *client*'s broker, with memory state and short times, maybe journal and lease."""
    journal, lease = changes.pop("journal", None), changes.pop("lease", None)
    defaults: Mapping[str, Any] = {
        "id": name, "brokers": brokers_of(client), "partitions": 1, "store": "memory", "directory": Path(),
        "session_timeout": SESSION, "heartbeat_interval": 0.3, "commit_interval": 0.1,
    }  # fmt: skip
    return Engine(EngineSettings(**{**defaults, **changes}), journal, lease)


@asynccontextmanager
async def journal_on(client: Client, name: str) -> AsyncIterator[Journal]:
    """Lend a journal of app *name*; its topic is made by the first."""
    topic = f"{name}.destinations"
    if not await client.partitions(topic):
        await client.create_topic(topic, 1, cleanup_policy="compact")
    journal = Journal(brokers_of(client), topic)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


class Stock(faust.App):  # type: ignore[misc]  # Faust ships no usable hints
    """A Faust app as it comes, but that it leaves no directory behind where the tests run."""

    def _create_directories(self) -> None:
        pass


def stock_on(client: Client, name: str, **changes: Any) -> Any:
    """Return a Faust app as it comes, but for what makes it quick, with the same table."""
    defaults: Mapping[str, Any] = {
        "broker": f"kafka://{client.bootstrap}", "store": "memory://", "key_serializer": "raw",
        "value_serializer": "raw", "topic_partitions": 1, "table_standby_replicas": 0, "topic_disable_leader": True,
        "broker_session_timeout": SESSION, "broker_heartbeat_interval": 0.3, "broker_commit_interval": 0.1,
        "stream_recovery_delay": 0, "stream_wait_empty": False, "web_enabled": False,
    }  # fmt: skip
    app = Stock(name, **{**defaults, **changes})
    table = app.Table("profiles", key_type=bytes, value_type=bytes, partitions=1)
    return app, table


async def topics_for(client: Client, name: str, partitions: int = 1, **changelog: str) -> tuple[str, str]:
    """Create an input and the changelog of app *name*; return their names."""
    source = await client.create_topic(f"{name}-inputs", partitions)
    settings = {"cleanup_policy": "compact", **changelog}
    return source, await client.create_topic(f"{name}-profiles-changelog", partitions, **settings)


@asynccontextmanager
async def started(app: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Start *app* in a task of its own, since stock may hang in it; stop it at the end."""
    starting = asyncio.create_task(app.start())
    try:
        yield starting
    finally:
        await app.stop()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


class Seen:
    """The records an agent was given, acknowledged at once unless *held*."""

    def __init__(self, engine: Engine | None = None, held: bool = False) -> None:
        self.messages: list[Message] = []
        self._engine, self._held = engine, held

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if self._engine is not None and not self._held:
            self._engine.acknowledge(message)

    @property
    def values(self) -> list[bytes | None]:
        return [message.value for message in self.messages]
