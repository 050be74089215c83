"""One destination of a lab: its endpoint, what it is exported, and how far its group has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.faults import site
from tests.faults.evidence import Evidence, Export, Fault, Withdrawal
from tests.faults.facts import NEVER
from tests.faults.kept import gathered, write_ledgers
from tests.faults.ledger import Endpoint
from tests.faults.readers import Reader, Record, export_of
from tests.faults.verdict import verdict

if TYPE_CHECKING:
    from tests.faults.lab import Lab
    from tests.faults.result import Result


class Receiver:
    """What is known of the destination *name* in its creation *number*; opened and closed by its lab."""

    def __init__(self, lab: Lab, name: str, endpoint: Endpoint, *, number: int = 1) -> None:
        self._lab, self.name, self.number, self.endpoint = lab, name, number, endpoint
        self._reader: Reader[Export] | None = None
        self.withdrawals: list[Withdrawal] = []
        self.faults: list[Fault] = []
        """What was done to it alone, beside what was done to all of the lab."""
        self.refusals: list[tuple[float, float]] = []
        """From when to when its exports topic refused."""
        self.owed_from, self.owed_until = 0.0, NEVER
        """From when to when it is there for all workers; nothing else is owed to it."""
        self.is_over = False
        """Whether its topic and its group are gone: nothing of it is waited for."""

    @property
    def exports(self) -> Reader[Export]:
        """What it is exported."""
        assert self._reader is not None, "the lab is not open"
        return self._reader

    @property
    def incarnation(self) -> str:
        """Name and creation number."""
        return f"{self.name}.{self.number}"

    @property
    def exports_topic(self) -> str:
        """The destination's queue."""
        return f"{self._lab.app}.exports.{self.incarnation}"

    @property
    def delivery_group(self) -> str:
        """The group that reads it."""
        return f"{self._lab.app}.delivery.{self.incarnation}"

    def document(self, *changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return its document, with *changes* merged into it."""
        return site.merged(site.destination(self.endpoint.url), {"name": self.name}, *changes)

    async def open(self) -> None:
        """Start the endpoint, if it is not, and the reader of the exports."""
        lab = self._lab
        if not self.endpoint.url:
            await self.endpoint.start()
        prefix = f"{lab.marks.secret}-token"
        await self.endpoint.behave(seed=lab.seed, token_prefix=prefix, redirect_to=lab.redirect_to)
        self._reader = Reader(lab.bootstrap, self.exports_topic, self._export)
        self._reader.start()
        lab.commits.follow(self.delivery_group)

    async def end(self) -> None:
        """Take note that it was deleted: its topic is read no more."""
        self.is_over = True
        await self.exports.stop()

    async def close(self) -> None:
        """End what was started."""
        if self._reader is not None:
            await self._reader.stop()
        await self.endpoint.close()

    def evidence(self, texts: Mapping[str, str]) -> Evidence:
        """Return the ledgers of this destination, as they are."""
        return gathered(self._lab, self, texts)

    def judge(self, texts: Mapping[str, str]) -> Result:
        """Check all invariants; the ledgers go into a folder of the destination's own."""
        evidence = self.evidence(texts)
        folder = self._lab.directory / self.incarnation
        folder.mkdir(exist_ok=True)
        write_ledgers(evidence, folder)
        return verdict(self.incarnation, "", self._lab.seed, evidence, 0.0)

    def _export(self, record: Record) -> Export:
        if self._lab.marks.secret in (headers := repr(record.headers)):
            self._lab.telling.append(headers)
        return export_of(record)
