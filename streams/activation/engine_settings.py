"""What the engine is told of a worker's settings."""

from __future__ import annotations

from streams.activation.profiles import check_encoding, is_marked
from streams.configuration.settings import Settings
from streams.engine import EngineSettings
from streams.topics.plan import Compaction


def engine_settings(settings: Settings, partitions: int, changelog: Compaction) -> EngineSettings:
    """Return the engine's settings; all inputs and the changelog have as many *partitions*."""
    activation = settings.activation
    return EngineSettings(
        id=settings.app,
        brokers=settings.kafka.brokers,
        partitions=partitions,
        store=settings.state.store,
        directory=settings.state.directory,
        session_timeout=activation.session_timeout_seconds,
        heartbeat_interval=activation.session_timeout_seconds / 7.5,
        commit_interval=activation.commit_interval_seconds,
        drain=activation.drain_seconds,
        producer_timeout=activation.producer_timeout_seconds,
        check_value=check_encoding,
        marks=is_marked,
        first=frozenset(source.topic for source in settings.inputs.profiles),
        cluster_id=changelog.cluster_id,
        delete_retention_seconds=changelog.delete_retention_seconds,
    )
