"""Where what could not be read or delivered is kept: original key, bytes and headers, and why, in headers.

The header names are Kafka Connect's (KIP-298), which dead-letter tools read, beside a few of our own. A dead letter
never holds a stack trace: it could carry profile data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from aiokafka.errors import KafkaError

from streams.delivery.on_demand import NotWrittenError, OnDemand
from streams.ends import Reason
from streams.exports import MAX_ROW_BYTES

Header = tuple[str, bytes]

TOPIC_HEADER = "__connect.errors.topic"
PARTITION_HEADER = "__connect.errors.partition"
OFFSET_HEADER = "__connect.errors.offset"
CONNECTOR_HEADER = "__connect.errors.connector.name"
STAGE_HEADER = "__connect.errors.stage"
MESSAGE_HEADER = "__connect.errors.exception.message"
REASON_HEADER = "streams.reason"
DESTINATION_HEADER = "streams.destination"
STATUS_HEADER = "streams.status"
ATTEMPTS_HEADER = "streams.attempts"
OMITTED_HEADER = "streams.omitted"
ADDED_HEADERS = frozenset(
    {
        *(TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, CONNECTOR_HEADER, STAGE_HEADER, MESSAGE_HEADER),
        *(REASON_HEADER, DESTINATION_HEADER, STATUS_HEADER, ATTEMPTS_HEADER, OMITTED_HEADER),
    }
)
"""What is added to those of the record that failed; of a name that stands twice the last counts."""


class Stage(StrEnum):
    """Where a record failed, in Kafka Connect's words: it could not be read, or not be put."""

    ACTIVATION = "VALUE_CONVERTER"
    DELIVERY = "TASK_PUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a record is a dead letter; *detail* is for people and holds no profile data."""

    stage: Stage
    reason: Reason
    detail: str
    destination: str | None = None
    status: int | None = None
    attempts: int | None = None


class Origin(Protocol):
    """The record that failed."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[Header]: ...  # noqa: D102


class Letter(NamedTuple):
    """A dead letter as it is written."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return _size(self.key, self.value, self.headers)


def dead_letter(origin: Origin, failure: Failure, *, connector: str) -> Letter:
    """Return what is written of *origin*: its key, bytes and headers, as far as the topic takes them, then our headers.

    *connector* is the name of the app. A record that was a dead letter before keeps its old headers too: Kafka keeps
    both, and readers take the last.

    What it would not take is left out, the bytes and headers first, then the key; ``streams.omitted`` says how many
    bytes *origin* has. To write them whole would fail for ever, and hold up everything behind.
    """
    added = _added_headers(origin, failure, connector)
    whole = Letter(origin.key, origin.value, [*origin.headers, *added])
    if whole.size <= MAX_ROW_BYTES:
        return whole
    added.append((OMITTED_HEADER, str(_size(origin.key, origin.value, origin.headers)).encode()))
    without_bytes = Letter(origin.key, None, added)
    return without_bytes if without_bytes.size <= MAX_ROW_BYTES else Letter(None, None, added)


_HEADER_FRAME_BYTES = 10
"""What the lengths of a header's name and value take, at most."""


def _size(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> int:
    named = sum(len(name.encode()) + len(content or b"") + _HEADER_FRAME_BYTES for name, content in headers)
    return len(key or b"") + len(value or b"") + named


def _added_headers(origin: Origin, failure: Failure, connector: str) -> list[Header]:
    ours: dict[str, object] = {
        TOPIC_HEADER: origin.topic,
        PARTITION_HEADER: origin.partition,
        OFFSET_HEADER: origin.offset,
        CONNECTOR_HEADER: connector,
        STAGE_HEADER: failure.stage,
        MESSAGE_HEADER: f"{failure.reason}: {failure.detail}",
        REASON_HEADER: failure.reason,
        DESTINATION_HEADER: failure.destination,
        STATUS_HEADER: failure.status,
        ATTEMPTS_HEADER: failure.attempts,
    }
    return [(name, str(value).encode()) for name, value in ours.items() if value is not None]


class Batch(Protocol):
    """What a producer's batch must do."""

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> object | None:
        """Add a record; None means that there is no room."""

    def close(self) -> None:
        """Let nothing more in."""


class Producer(Protocol):
    """What dead letters need of an idempotent producer."""

    async def start(self) -> None:
        """Connect."""

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the partition numbers of a topic; raises KafkaError if it does not exist."""

    def create_batch(self) -> Batch:
        """Return an empty batch."""

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[object]:
        """Queue a batch; the answer resolves when the broker has confirmed it."""


class NotParkedError(NotWrittenError):
    """The dead letter is not confirmed; it may or may not be in the topic, and is to be written again."""


CONFIRM_SECONDS = 30.0
"""How long the broker may take to confirm; an idempotent producer would retry for ever."""


class DeadLetters:
    """The dead-letter topic of a process, written by one producer that is made when the first record needs it.

    *end* ends a producer so that what it has not written by then is never written.
    """

    def __init__(
        self,
        topic: str,
        connector: str,
        new_producer: Callable[[], Producer],
        end: Callable[[Producer], Coroutine[None, None, None]],
        *,
        confirm_seconds: float = CONFIRM_SECONDS,
    ) -> None:
        self._topic, self._connector, self._confirm_seconds = topic, connector, confirm_seconds
        self._producers = OnDemand(new_producer, end)

    async def park(self, origin: Origin, failure: Failure, check: Callable[[], None] = lambda: None) -> None:
        """Write *origin* to the dead-letter topic, on its own partition number; return when the broker confirmed it.

        Raises NotParkedError if the topic is missing, lacks the partition or refuses the record. What was not confirmed
        by then, or when the caller is cancelled, is not written later. *check* is called right before it is given to
        the producer; what that raises is raised. It is not asked again at the socket: the producer writes for all
        destinations of the process, each of which has its own right to write.
        """
        try:
            producer = await self._producers.started()
            partitions = await producer.partitions_for(self._topic)
        except KafkaError as error:
            raise NotParkedError(f"{self._topic}: {type(error).__name__}") from error
        if origin.partition not in partitions:
            raise NotParkedError(f"{self._topic} has no partition {origin.partition}")
        letter = dead_letter(origin, failure, connector=self._connector)
        try:
            check()
            async with asyncio.timeout(self._confirm_seconds):
                await self._write(producer, letter, origin.partition)
        except (KafkaError, TimeoutError) as error:
            await self._producers.discard(producer)
            raise NotParkedError(f"{self._topic}: {type(error).__name__}") from error
        except asyncio.CancelledError:
            await self._producers.discard(producer)
            raise

    async def close(self) -> None:
        """End the producer, if there is one, and those that are ending."""
        await self._producers.close()

    async def _write(self, producer: Producer, letter: Letter, partition: int) -> None:
        # A batch of one rather than send(): that refuses a record with neither key nor value.
        batch = producer.create_batch()
        batch.append(timestamp=None, key=letter.key, value=letter.value, headers=letter.headers)
        batch.close()
        await (await producer.send_batch(batch, self._topic, partition=partition))
