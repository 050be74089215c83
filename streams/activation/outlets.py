"""What the outbox writes through, and who remembers which topics refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from streams.activation.answers import Appended
from streams.activation.rounds import Header


class Batch(Protocol):
    """What a producer's batch must do."""

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> object | None:
        """Add a row; None means that the batch is full."""

    def close(self) -> None:
        """Let nothing more in."""


class Producer(Protocol):
    """What the outbox needs of a producer: batches of its own, in order per partition."""

    def create_batch(self) -> Batch:
        """Return an empty batch."""

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[Appended]:
        """Queue a batch; the answer resolves when the broker has confirmed it."""

    async def refusal(self, topic: str, partition: int | None = None) -> str | None:
        """Ask the brokers why *topic* would refuse what is written to it; None where it would not, or nobody says."""

    def abandon(self) -> None:
        """Never write what is not confirmed yet."""


class Refusing(Protocol):
    """The topics that refuse what is written to them."""

    def __contains__(self, topic: str) -> bool: ...

    def refused(self, topic: str, reason: str) -> None:
        """Note that *topic* refuses."""
