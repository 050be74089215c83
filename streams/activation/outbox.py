"""The one ordered writer of activation: changelog rows, exports and dead letters leave in rounds.

A record's rows are put without an await between them, so they are always in one round. A round builds a batch per
partition, sends them and is confirmed when the broker has confirmed each; only then is the disk written and the
records acknowledged. One round is under way at a time, so what is written stands in the order of the table writes
(several senders on one producer do not keep order). Of a round that is written in part it is the changelog that is
written: what the state does not know to have been told could not be taken back, were the topics read in another order
the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic

import structlog

from streams.activation.answers import Address, Appended, answered
from streams.activation.outlets import Batch, Producer, Refusing
from streams.activation.rounds import Round, Row, Settled
from streams.remedies.destinations import todo


class UnplacedError(Exception):
    """The broker has a batch, and does not say where."""


class Outbox(Generic[Settled]):
    """Collects rows and writes them in rounds; ``run()`` must be running."""

    def __init__(
        self,
        producer: Producer,
        confirmed: Callable[[Round[Settled]], None],
        *,
        ahead: str | None = None,
        may_refuse: Callable[[str], bool] = lambda _: False,
        refusing: Refusing | None = None,
        linger_seconds: float = 0.0,
        max_records: int = 4_000,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        """Rows of the topic *ahead* are confirmed before any other of their round is sent.

        A topic that *may_refuse* does not hold up the others: what it refuses for good is told with the round, and as
        long as it is *refusing* it is sent nothing. What another topic refuses ends ``run``.
        """
        self._producer = producer
        self._may_refuse, self._refusing = may_refuse, refusing
        self._confirmed = confirmed
        self._ahead = ahead
        self._linger = linger_seconds
        self._max_records, self._max_bytes = max_records, max_bytes
        self._next: Round[Settled] = Round()
        self._current: Round[Settled] | None = None
        self._wake, self._idle, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._room.set()
        self._sending: asyncio.Future[dict[Address, int]] | None = None
        self._abandoned = False
        self.settled = 0
        """How many records are settled."""

    def put(self, topic: str, partition: int, row: Row) -> None:
        """Add a row to the next round; follow a record's rows by ``settle`` without an await between."""
        self._next.rows[topic, partition].append(row)
        self._next.size += row.size

    def settle(self, record: Settled) -> None:
        """Say that all rows of *record* are put: it is settled when their round is confirmed."""
        self._next.settled.append(record)
        self.send()

    def then(self, callback: Callable[[Round[Settled]], None]) -> None:
        """Call *callback* with the round of what is put now, once it is confirmed."""
        self._next.then.append(callback)

    def send(self) -> None:
        """Let leave what is put, which may settle no record."""
        self._wake.set()
        self._idle.clear()
        if len(self._next.settled) >= self._max_records or self._next.size >= self._max_bytes:
            self._room.clear()

    @property
    def full(self) -> bool:
        """Whether the next round takes no more for now; await ``room()`` before the next record."""
        return not self._room.is_set()

    @property
    def waiting(self) -> bool:
        """Whether something that was put is not yet confirmed."""
        return not self._idle.is_set()

    async def room(self) -> None:
        """Wait until the next round takes records again."""
        await self._room.wait()

    async def idle(self) -> None:
        """Wait until everything put so far is confirmed."""
        await self._idle.wait()

    async def flushed(self) -> None:
        """Wait until everything put so far is confirmed, whatever is put meanwhile, or abandoned."""
        last = self._next if self._wake.is_set() else self._current
        if last is not None:
            await last.over.wait()

    def abandon(self) -> None:
        """Forget all that is not confirmed: it may have been written, or not, and nothing of it is acknowledged."""
        for dropped in (self._next, self._current):
            if dropped is not None:
                dropped.over.set()
        self._next, self._current = Round(), None
        self._wake.clear()
        self._room.set()
        self._idle.set()
        if self._sending is not None and not self._sending.done():
            self._abandoned = True
            self._sending.cancel()

    async def run(self) -> None:
        """Write rounds until cancelled; raises what the broker refused for good."""
        while True:
            await self._wake.wait()
            if self._linger:
                await asyncio.sleep(self._linger)  # what arrives together leaves together
            self._wake.clear()
            current = self._current = self._next
            self._next = Round()
            self._room.set()
            self._sending = asyncio.ensure_future(self._write_all(current))
            try:
                current.last_offsets = await self._sending
            except asyncio.CancelledError:
                if not self._abandoned:
                    raise
                self._abandoned = False
                continue
            self.settled += len(current.settled)
            self._confirmed(current)
            self._current = None
            current.over.set()
            if not self._wake.is_set():
                self._idle.set()

    async def _write_all(self, current: Round[Settled]) -> dict[Address, int]:
        last = await self._write({each: rows for each, rows in current.rows.items() if each[0] == self._ahead}, current)
        others = {each: rows for each, rows in current.rows.items() if each[0] != self._ahead}
        return last | await self._write(others, current)

    async def _write(self, rows: dict[Address, list[Row]], current: Round[Settled]) -> dict[Address, int]:
        """Write *rows*, a batch per partition at a time; return each partition's last offset.

        What a topic refuses is left out and noted in *current*, with all that stands behind it.
        """
        last: dict[Address, int] = {}
        while rows := self._accepted(rows, current):
            filled = {address: self._fill(waiting) for address, waiting in rows.items()}
            answers = {
                address: asyncio.ensure_future(await self._producer.send_batch(batch, address[0], partition=address[1]))
                for address, (batch, _) in filled.items()
            }
            refused = await answered(answers, self._may_refuse, self._producer.refusal)
            for (topic, _), reason in refused.items():
                self._refuse(topic, reason)
            if refused:
                self._producer.abandon()  # it would write what was refused as soon as it could, behind newer rows
            for address, (_, count) in filled.items():
                if address not in refused:
                    last[address] = _placed(answers[address].result(), address) + count - 1
                    rows[address] = rows[address][count:]
            rows = {address: waiting for address, waiting in rows.items() if waiting}
        return last

    def _accepted(self, rows: dict[Address, list[Row]], current: Round[Settled]) -> dict[Address, list[Row]]:
        """Return *rows* without those of topics that refuse, which are noted in *current*."""
        if not self._refusing:
            return rows
        for address in [address for address in rows if address[0] in self._refusing]:
            current.refused[address] = rows.pop(address)
        return rows

    def _refuse(self, topic: str, reason: str) -> None:
        if self._refusing is None:
            raise RuntimeError(f"{topic} refuses what is written to it ({reason}), and nobody notes it")
        structlog.get_logger().error(
            "activation.topic-refuses",
            topic=topic,
            why=reason,
            todo=todo(reason),
        )
        self._refusing.refused(topic, reason)

    def _fill(self, rows: list[Row]) -> tuple[Batch, int]:
        """Return a batch of the first rows, and how many it took."""
        batch, count = self._producer.create_batch(), 0
        for row in rows:
            if batch.append(timestamp=None, key=row.key, value=row.value, headers=row.headers) is None:
                break
            count += 1
        if not count:
            raise ValueError(f"a row of {len(rows[0].value or b'')} bytes fits no batch")
        batch.close()
        return batch, count


def _placed(appended: Appended, address: Address) -> int:
    """Return where a batch begins; raises where the broker knows it already and no longer says where it stands.

    Without the place the disk cannot be written, and to go on would fall back to what it held. A new start reads all.
    """
    if appended.offset < 0:
        raise UnplacedError(f"a batch for {address[0]}-{address[1]} is confirmed without its offset")
    return appended.offset
