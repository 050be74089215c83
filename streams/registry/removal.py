"""Takes away what an incarnation leaves: its group, its queue, and what the journal remembers of it.

Each step finds it done already where an interrupted removal has done it.
"""

from __future__ import annotations

from streams.brokers import Brokers
from streams.exports import delivery_group, exports_topic
from streams.groups.deletion import delete_group
from streams.groups.journal import Journal
from streams.topics.cluster import delete


async def remove(brokers: Brokers, app: str, incarnation: str, journal: Journal) -> None:
    """Delete group, topic and births; raises KafkaError, NonEmptyGroup while a worker is still in the group."""
    group = delivery_group(app, incarnation)
    await delete_group(brokers, group)
    await delete(brokers, exports_topic(app, incarnation))
    await journal.forget(group)
