# mypy: allow-subclassing-any
"""The Faust app with the engine's parts in the places of stock ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
from rocksdict import Cache

from streams.engine.consumer import Consumer
from streams.engine.inlet import Inlet
from streams.engine.producer import Producer
from streams.engine.recovery import TableManager
from streams.engine.release import Release
from streams.engine.settings import EngineSettings
from streams.engine.states import MemoryState, RocksState, State, rocks_options
from streams.engine.store import Store

CACHE_BYTES = 64 * 1024 * 1024
"""RocksDB's read cache, for all partitions together."""


class App(faust.App):
    """Wires consumer, producer, recovery and store of the engine; the settings do not rest on Faust's defaults."""

    def __init__(self, settings: EngineSettings) -> None:
        self.engine_settings = settings
        self.inlets: dict[str, Inlet] = {}
        self.release = Release(settings.drain)
        self.recovered: list[Callable[[set[int]], None]] = []
        super().__init__(settings.id, **_faust_settings(settings))

    def _new_transport(self) -> Any:
        transport = super()._new_transport()
        transport.Consumer, transport.Producer = Consumer, Producer
        return transport

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

    def _create_directories(self) -> None:
        """Nothing of Faust's is kept on disk."""


class ProfileTable(faust.Table):
    """Kept for changelog topic and assignment; its rows leave through an outbox, so writing to it is an error."""

    def _new_store(self) -> Store:
        new_state = _states(self.app.engine_settings)
        return Store("memory://", self.app, self, new_state=new_state, table_name=self.name, loop=self.loop)

    def on_key_set(self, key: Any, value: Any) -> None:
        """Refuse: Faust would let the offset be committed before the row is durable."""
        raise RuntimeError("this table is written by Table.write, after the broker has confirmed the rows")

    def on_key_del(self, key: Any) -> None:
        """Refuse."""
        self.on_key_set(key, None)


def _states(settings: EngineSettings) -> Callable[[int], State]:
    if settings.store == "memory":
        return lambda partition: MemoryState()
    directory = Path(settings.directory) / "profiles"
    options = rocks_options(Cache(CACHE_BYTES))

    def open_state(partition: int) -> State:
        directory.mkdir(parents=True, exist_ok=True)
        return RocksState(directory / str(partition), options, settings.checked)

    return open_state


def _faust_settings(settings: EngineSettings) -> dict[str, Any]:
    return {
        "autodiscover": False,
        "broker": [f"kafka://{server}" for server in settings.bootstrap_servers],
        "broker_commit_interval": settings.commit_interval,
        "broker_heartbeat_interval": settings.heartbeat_interval,
        "broker_max_poll_interval": settings.max_poll_interval,
        "broker_max_poll_records": settings.max_poll_records,
        "broker_rebalance_timeout": max(60.0, settings.session_timeout),
        "broker_request_timeout": max(90.0, settings.session_timeout),
        "broker_session_timeout": settings.session_timeout,
        "consumer_auto_offset_reset": "earliest",
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
