"""What tests ask of a broker: topics, records, offsets. Each call opens and closes its own connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code

from tests.brokers.offset_delete import OffsetDeleteRequest
from tests.waiting import until

Pair = tuple[bytes | None, bytes | None]

_BROKERS_DEFAULT = -1
"""As a replication factor; aiokafka takes it only together with assignments, of which there are none."""
_SET_ON_THE_TOPIC = 1
"""What DescribeConfigs says of an entry that is neither a default nor the broker's."""
_COORDINATED_WITHIN_SECONDS = 20


class Client:
    """A test's view of the broker at *bootstrap*."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def create_topic(self, name: str, partitions: int = 4, **config: str) -> str:
        """Create a topic, as often as the broker keeps one by default, and return its name once it has leaders.

        Config keys are written ``cleanup_policy``. What is dated years ago stays unless *config* says otherwise: the
        broker's own retention, of days, looks every few minutes and would take it.
        """
        configs = {"retention.ms": "-1"} | {key.replace("_", "."): value for key, value in config.items()}
        async with self.admin() as admin:
            answer = await admin.create_topics([NewTopic(name, partitions, _BROKERS_DEFAULT, {}, configs)])
            for topic, code, *message in answer.topic_errors:
                if code != 0:
                    raise RuntimeError(f"topic {topic} was not created: error {code} {message}")
        await until(lambda: self._has_leaders(name), what=f"leaders of {name}")
        return name

    async def delete_topics(self, *names: str) -> None:
        """Delete topics."""
        async with self.admin() as admin:
            await admin.delete_topics(list(names))

    async def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic; none when it does not exist."""
        async with self.admin() as admin:
            described = await admin.describe_topics()  # all: some brokers create a topic that is asked for by name
        return sorted(part["partition"] for each in described if each["topic"] == topic for part in each["partitions"])

    async def config(self, topic: str) -> dict[str, str]:
        """Return the effective configuration of a topic."""
        async with self.admin() as admin:
            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}

    async def configure(self, topic: str, **config: str) -> None:
        """Change a topic's configuration, and leave the rest of it; keys are written ``max_message_bytes``."""
        async with self.admin() as admin:
            (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            # What is not named again would fall back to its default.
            kept = {entry[0]: entry[1] for entry in described.resources[0][4] if entry[3] == _SET_ON_THE_TOPIC}
            wanted = kept | {key.replace("_", "."): value for key, value in config.items()}
            (answer,) = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
        code, message, *_ = answer.resources[0]
        if code != 0:
            raise RuntimeError(f"topic {topic} was not configured: error {code} {message}")

    async def leaders(self, topic: str) -> dict[int, int]:
        """Return the number of the node that leads each partition; one without a leader is absent."""
        async with self.admin() as admin:
            (described,) = await admin.describe_topics([topic])
        return {each["partition"]: each["leader"] for each in described["partitions"] if each["leader"] >= 0}

    async def produce(
        self,
        topic: str,
        records: Iterable[Pair],
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        **settings: Any,
    ) -> list[tuple[int, int]]:
        """Produce (key, value) pairs in order; returns each one's (partition, offset), confirmed by the broker.

        *settings* are those of the producer.
        """
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", **settings)
        try:  # not "async with": it forgets a producer whose start fails
            await producer.start()
            waiting = [
                await producer.send(
                    topic, value, key, partition=partition, timestamp_ms=timestamp_ms, headers=list(headers)
                )
                for key, value in records
            ]
            confirmed = [await each for each in waiting]
        finally:
            await producer.stop()
        return [(each.partition, each.offset) for each in confirmed]

    async def read(self, topic: str) -> list[ConsumerRecord[Any, Any]]:
        """Return every record of a topic from its beginning to the end it has now, partition by partition."""
        async with self.consumer() as consumer:
            partitions = await self._all(topic)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            open_ = {each for each in partitions if begins[each] < ends[each]}
            records: list[ConsumerRecord[Any, Any]] = []
            if not open_:
                return records
            consumer.assign(list(open_))
            await consumer.seek_to_beginning()
            while open_:
                for partition, batch in (await consumer.getmany(timeout_ms=200)).items():
                    records += [each for each in batch if each.offset < ends[partition]]
                open_ = {each for each in open_ if await consumer.position(each) < ends[each]}
        return sorted(records, key=lambda each: (each.partition, each.offset))

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the end of each partition of a topic."""
        async with self.consumer() as consumer:
            ends = await consumer.end_offsets(await self._all(topic))
        return {each.partition: offset for each, offset in ends.items()}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return what a group has committed on a topic; a partition without a commit is absent."""
        async with self.admin() as admin:
            node = await _coordinator(admin, group)
            offsets: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, node)
        return {each.partition: found.offset for each, found in offsets.items() if each.topic == topic}

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete each partition's records below an offset, as retention would."""
        wanted = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in before.items()}
        async with self.admin() as admin:
            await admin.delete_records(wanted)

    async def delete_offsets(self, group: str, topic: str) -> None:
        """Delete what *group* has committed on a topic; the broker refuses while a live member subscribes to it."""
        request = OffsetDeleteRequest(group, topic, await self.partitions(topic))
        async with self.admin() as admin:
            answer = await admin._send_request(request, await _coordinator(admin, group))
        codes = {answer.error_code, *(code for _, partitions in answer.topics for _, code in partitions)}
        if errors := [for_code(code).__name__ for code in codes if code]:
            raise RuntimeError(f"offsets of {group} on {topic} were not deleted: {errors}")

    async def _all(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in await self.partitions(topic)]

    async def _has_leaders(self, topic: str) -> bool:
        async with self.admin() as admin:
            (described,) = await admin.describe_topics([topic])
        found = described["partitions"]
        return bool(found) and all(each["error_code"] == 0 and each["leader"] >= 0 for each in found)

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """Lend an admin client."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def consumer(self, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
        """Lend a consumer; without a group unless *settings* name one."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, **settings)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """Return the node that coordinates a group; the first group of all is told to come again until there is one."""
    for _ in range(_COORDINATED_WITHIN_SECONDS * 10):
        with suppress(GroupCoordinatorNotAvailableError):
            return int(await admin.find_coordinator(group))
        await asyncio.sleep(0.1)
    return int(await admin.find_coordinator(group))
