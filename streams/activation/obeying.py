"""Does what commands ask, once this worker follows the version of the destination that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import structlog

from streams.activation.agents import Agents
from streams.activation.asked import Asked
from streams.activation.decoding import Record
from streams.activation.events import Malformed
from streams.activation.outbox import Outbox
from streams.activation.rounds import Row
from streams.ends import Reason, RecordEnd
from streams.engine import Message
from streams.profile_commands import Expire, Replay, Wanted

UNKNOWN_SECONDS = 30.0
"""How long a command for an incarnation of which nothing is known is kept: its document may be on its way."""
MOST_KEPT = 10_000
"""Commands that wait in memory; more are put back at once."""

Ended = Callable[[RecordEnd, Reason | None], None]
Decode = Callable[[Record, int], Asked | Malformed]


class Standing(Enum):
    """How an incarnation that a command names stands with this worker."""

    FOLLOWED = "followed"
    BEHIND = "behind"
    """Its version, or all of it, is not followed yet."""
    GONE = "gone"


class Commands:
    """Takes the records of the commands topic; what it cannot do yet waits, unsettled, until ``put_back``."""

    def __init__(self, agents: Agents, ended: Ended, outbox: Outbox[Message], now: Callable[[], float]) -> None:
        self._agents, self._ended, self._outbox, self._now = agents, ended, outbox, now
        self._waiting: list[tuple[Message, Asked, Wanted]] = []

    def reader(self, decode: Decode, taken: dict[int, int]) -> Callable[[Message], None]:
        """Return what takes the records; *taken* is where their offsets are noted (``Removals.taken``)."""

        def take(message: Message) -> None:
            taken[message.partition] = message.offset
            now_ms = int(self._now() * 1000)
            asked = self._agents.decoded(decode, message, now_ms)
            if isinstance(asked, Malformed):
                self._settle(message, asked, now_ms)
            elif isinstance(asked.command, Expire):
                self._settle(message, asked, now_ms)
                self._agents.expiring.answered(message.partition, message.key or b"")
            else:
                self._obey(message, asked, asked.command, now_ms)

        return take

    def _obey(self, message: Message, asked: Asked, wanted: Wanted, now_ms: int) -> None:
        match self._standing(wanted, message, now_ms):
            case Standing.FOLLOWED:
                self._settle(message, asked, now_ms)
            case Standing.GONE:
                structlog.get_logger().debug("activation.command-for-none", destination=wanted.destination)
                self._end(message, RecordEnd.NOT_TRIGGERED)
            case Standing.BEHIND if len(self._waiting) < MOST_KEPT:
                self._waiting.append((message, asked, wanted))
            case Standing.BEHIND:
                self._put_back(message)

    def _settle(self, message: Message, asked: Asked | Malformed, now_ms: int) -> None:
        obey = self._agents.followed.activation.obey
        end, reason = self._agents.applied(asked, obey, message, now_ms, self._outbox)
        self._ended(end, reason)
        if isinstance(asked, Asked) and isinstance(asked.command, Replay):
            _tell(asked.command, end)

    def _end(self, message: Message, end: RecordEnd) -> None:
        self._ended(end, None)
        self._outbox.settle(message)

    def _standing(self, wanted: Wanted, message: Message, now_ms: int) -> Standing:
        followed = self._agents.followed
        version = followed.activation.version(wanted.destination)
        if version is not None:
            return Standing.FOLLOWED if version >= wanted.version else Standing.BEHIND
        is_old = now_ms - message.timestamp_ms > UNKNOWN_SECONDS * 1000
        return Standing.GONE if is_old or wanted.destination in followed.gone else Standing.BEHIND

    def look_again(self) -> None:
        """Do what waits and can be done now: other destinations are followed, or time has passed."""
        waiting, self._waiting = self._waiting, []
        for message, asked, wanted in waiting:
            self._obey(message, asked, wanted, int(self._now() * 1000))

    def put_back(self) -> None:
        """Put what waits for a version at the end of its partition again, behind others that need not wait."""
        self.look_again()
        version, waiting = self._agents.followed.activation.version, self._waiting
        self._waiting = [each for each in waiting if version(each[2].destination) is None]
        for message, _, wanted in waiting:
            if version(wanted.destination) is not None:
                self._put_back(message)

    def _put_back(self, message: Message) -> None:
        """Let a copy take over the duty of *message*."""
        self._outbox.put(message.topic, message.partition, Row(message.key, message.value, message.headers))
        self._end(message, RecordEnd.OVERTAKEN)

    def forget(self) -> None:
        """Forget what waits: the assignment is over, and its next owner reads it."""
        self._waiting.clear()


def _tell(replay: Replay, end: RecordEnd) -> None:
    """Say what became of a replay: ``overtaken`` means that its profile was exported anew since, or forgotten.

    ``excluded`` means that it is forbidden now, and that its dead letter may be replayed once it is not.
    """
    structlog.get_logger().info(
        "replay.ended",
        destination=replay.destination,
        id=replay.id,
        end=end.value,
        letter=replay.letter,
        replays=replay.replays,
        by=replay.by,
    )
