# mypy: allow-subclassing-any
"""The Faust app with the engine's parts in the places of stock ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from streams.brokers import Brokers
from streams.engine.consumer import Consumer
from streams.engine.directory import Directory, Memory
from streams.engine.inlet import Inlet
from streams.engine.producer import Producer
from streams.engine.recovery import TableManager
from streams.engine.release import Release
from streams.engine.settings import EngineSettings
from streams.engine.standing import Standing
from streams.engine.store import States, Store
from streams.groups.journal import Journal
from streams.groups.lease import Lease


class App(faust.App):
    """Wires consumer, producer, recovery and store of the engine; the settings do not rest on Faust's defaults."""

    def __init__(self, settings: EngineSettings, journal: Journal | None = None, lease: Lease | None = None) -> None:
        """Without a *journal* offsets are reset to the earliest, and nothing is remembered."""
        self.engine_settings, self._journal, self.lease = settings, journal, lease
        self.standing: Standing | None = None
        self.inputs: set[str] = set()
        self.inlets: dict[str, Inlet] = {}
        self.release = Release(settings.drain)
        self.halted = False
        """Whether no more records are taken, for good."""
        self.misfit = asyncio.Event()
        """Set when the group has assigned partitions that do not belong together; then it is halted, too."""
        self.recovered: list[Callable[[set[int]], None]] = []
        reset = "earliest" if journal is None else "none"
        super().__init__(settings.id, **_faust_settings(settings), consumer_auto_offset_reset=reset)

    def _new_transport(self) -> Any:
        transport = super()._new_transport()
        transport.Consumer, transport.Producer = Consumer, Producer
        return transport

    def _new_consumer(self) -> Consumer:
        consumer: Consumer = super()._new_consumer()
        if self._journal is not None:
            settings = self.engine_settings
            self.standing = Standing(consumer, settings.id, settings.first, self._journal)
        return consumer

    async def stand(self) -> None:
        """Find where each partition goes on, before records flow."""
        if self.standing is not None:
            changelogs = self.tables.changelog_topics
            inputs = [tp for tp in self.consumer.assignment() if tp.topic not in changelogs]
            await self.standing.stand([(tp.topic, tp.partition) for tp in inputs])

    def fits(self, assigned: Collection[Any]) -> bool:
        """Whether the same partitions of every input are assigned, and none that we did not start with.

        Otherwise an input's number of partitions has changed: the group hands those of a number out apart from others,
        and what is known of a profile is elsewhere. Then nothing of the assignment is read.
        """
        numbers = {topic: {tp.partition for tp in assigned if tp.topic == topic} for topic in self.inputs}
        ours = range(self.engine_settings.partitions)
        if all(found == next(iter(numbers.values())) and found <= {*ours} for found in numbers.values()):
            return True
        self.halted = True
        self.misfit.set()
        return False

    def on_recovered(self, partitions: set[int]) -> None:
        """Tell who wants to know that the tables of *partitions* are complete; no record has come yet."""
        for callback in self.recovered:
            callback(partitions)

    async def on_start(self) -> None:
        """Start; aiokafka is quiet unless someone asked for more (Faust leaves the root logger at DEBUG)."""
        logger = logging.getLogger("aiokafka")
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
        await super().on_start()

    async def on_stop(self) -> None:
        """Release what is ours, while it still is; then stop."""
        if self._consumer is not None:
            await self._consumer.release()
        await super().on_stop()

    def surely_ours(self) -> bool:
        """Whether nobody else can own what is assigned to us; taken for granted where there is no lease."""
        return self.lease is None or self.lease.held

    def _create_directories(self) -> None:
        """Nothing of Faust's is kept on disk."""


class ProfileTable(faust.Table):
    """Kept for changelog topic and assignment; its rows leave through an outbox, so writing to it is an error."""

    def _new_store(self) -> Store:
        settings = self.app.engine_settings
        places = _places(settings, self.changelog_topic_name)
        options = {"places": places, "retention": settings.delete_retention_seconds, "ours": self.app.surely_ours}
        store = Store("memory://", self.app, self, table_name=self.name, loop=self.loop, **options)
        self.app.release.add(store.release)
        return store

    def on_key_set(self, key: Any, value: Any) -> None:
        """Refuse: Faust would let the offset be committed before the row is durable."""
        raise RuntimeError("this table is written by Table.write, after the broker has confirmed the rows")

    def on_key_del(self, key: Any) -> None:
        """Refuse."""
        self.on_key_set(key, None)


def _places(settings: EngineSettings, changelog: str) -> States:
    return Memory(settings) if settings.store == "memory" else Directory(settings, changelog)


def _credentials(brokers: Brokers) -> CredentialsT | None:
    """Return what Faust makes its clients with, which are its own."""
    login, tls = brokers.login, brokers.tls
    if login is None:
        return None if tls is None else SSLCredentials(tls)
    password = login.password.reveal()
    return SASLCredentials(username=login.username, password=password, ssl_context=tls, mechanism=login.mechanism)


def _faust_settings(settings: EngineSettings) -> dict[str, Any]:
    return {
        "autodiscover": False,
        "broker": [f"kafka://{server}" for server in settings.brokers.servers],
        "broker_credentials": _credentials(settings.brokers),
        "broker_commit_interval": settings.commit_interval,
        "broker_heartbeat_interval": settings.heartbeat_interval,
        "broker_max_poll_interval": settings.max_poll_interval,
        "broker_max_poll_records": settings.max_poll_records,
        "broker_rebalance_timeout": max(60.0, settings.session_timeout),
        "broker_request_timeout": max(90.0, settings.session_timeout),
        "broker_session_timeout": settings.session_timeout,
        "datadir": str(settings.directory),
        "key_serializer": "raw",
        "processing_guarantee": "at_least_once",
        "producer_request_timeout": settings.producer_timeout,
        "store": "memory://",
        "stream_buffer_maxsize": settings.buffer,
        "stream_recovery_delay": 0,
        "stream_wait_empty": False,
        "table_standby_replicas": 0,
        "TableManager": TableManager,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": settings.partitions,
        "value_serializer": "raw",
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }
