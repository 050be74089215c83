"""Where a row of the matrix takes place: one app of its own on a real Kafka, with all ledgers, workers and faults."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.brokers.client import Client
from tests.brokers.kafka import Kafka
from tests.faults import site
from tests.faults.commits import Commits
from tests.faults.evidence import Asked, Evidence, Export, Fault, Fresh, Letter, Limits, Vital
from tests.faults.facts import Facts
from tests.faults.forbidden import Forbidden
from tests.faults.kept import gathered, write_ledgers
from tests.faults.ledger import Endpoint
from tests.faults.load import Load
from tests.faults.profiles import Marks
from tests.faults.quiet import is_quiet, texts_of
from tests.faults.readers import Reader, Record, asked_of, letter_of, raw_of
from tests.faults.receiver import Receiver
from tests.faults.result import Result
from tests.faults.verdict import verdict
from tests.faults.worker import Worker
from tests.waiting import until

VITALS_SECONDS = 1.0


class Lab:
    """One app, what is done to it, and what everybody saw of it; everything is ended by ``close``."""

    def __init__(self, start: Callable[[], Kafka], directory: Path, seed: int, *, scale: float = 1.0) -> None:
        """*start* runs a broker when the first one asks for it; *scale* multiplies how much a row does."""
        self._start, self.directory, self.seed, self.scale = start, directory, seed, scale
        self.random = random.Random(seed)
        marks = f"{self.random.getrandbits(40):010x}"
        self.marks = Marks(person=f"kanari{marks}", secret=f"sesam{marks}")
        self.app = f"f{uuid.uuid4().hex[:10]}"  # not seeded: a broker may have seen this seed before
        self.workers: list[Worker] = []
        self.faults: list[Fault] = []
        self.vitals: list[Vital] = []
        self.fresh: list[Fresh] = []
        self.telling: list[str] = []
        """Headers of exports that tell a secret; there must be none."""
        self.forbidden = Forbidden()
        self.receivers = [Receiver(self, site.DESTINATION, Endpoint(directory / "endpoint"))]
        """The destinations that are judged, the first one always."""
        self.began = time.time()
        self._watching: asyncio.Task[None] | None = None
        self._opened = False

    # What there is

    @cached_property
    def broker(self) -> Kafka:
        """The lab's own broker; a lab that is opened on another one never starts it."""
        return self._start()

    async def open(
        self,
        *,
        partitions: int = 4,
        bootstrap: str | None = None,
        settings: Mapping[str, Any] | None = None,
        destination: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        topics: Mapping[str, Mapping[str, str]] | None = None,
        split: bool = False,
    ) -> None:
        """Make the input topics, start the endpoint, the readers and the sampler, and connect the load.

        *settings* and *destination* are merged into those of every worker, key by key; *topics* gives inputs
        (``memberships``, ``profiles``) a configuration such as ``{"retention_ms": "1000"}``. With *split*,
        qualifications and exits come on topics of their own.
        """
        self.bootstrap = bootstrap or self.broker.bootstrap
        self.client = Client(self.bootstrap)
        self.partitions, self.limits = partitions, limits or Limits()
        self._settings, self._destination, self._split = settings or {}, destination or {}, split
        memberships = ("qualifications", "exits") if split else ("memberships", "memberships")
        for name in dict.fromkeys((*memberships, "profiles")):
            await self.client.create_topic(self.topic(name), partitions, **(topics or {}).get(name, {}))
        self.commits = Commits(self.bootstrap, [self.activation_group])
        self.redirect_to = await self.forbidden.start()
        for receiver in self.receivers:
            await receiver.open()
        self.letters: Reader[Letter] = Reader(self.bootstrap, f"{self.app}.dead-letters", letter_of)
        self.status: Reader[Record] = Reader(self.bootstrap, f"{self.app}.status", raw_of)
        self.asked: Reader[Asked] = Reader(self.bootstrap, f"{self.app}.commands", asked_of)
        self.destinations: Reader[Record] = Reader(self.bootstrap, f"{self.app}.destinations", raw_of)
        self.load = Load(self.bootstrap, tuple(map(self.topic, (*memberships, "profiles"))), self.marks, self.seed)
        if split:
            self.load.may_turn = self._is_told
        for each in (self.letters, self.status, self.destinations, self.asked, self.commits):
            each.start()
        await self.load.open()
        self._watching = asyncio.create_task(self._watch())
        self._opened = True

    def topic(self, name: str) -> str:
        """Return the full name of an input: ``memberships``, or ``qualifications`` and ``exits``, or ``profiles``."""
        return f"{self.app}-{name}"

    @property
    def endpoint(self) -> Endpoint:
        """The first destination's endpoint."""
        return self.receivers[0].endpoint

    @property
    def exports(self) -> Reader[Export]:
        """What the first destination is exported."""
        return self.receivers[0].exports

    @property
    def exports_topic(self) -> str:
        """The first destination's queue."""
        return self.receivers[0].exports_topic

    @property
    def delivery_group(self) -> str:
        """The group that reads it."""
        return self.receivers[0].delivery_group

    @property
    def activation_group(self) -> str:
        """The group that reads the inputs."""
        return self.app

    def receiver(self, name: str, number: int = 1) -> Receiver:
        """Return one more destination, with an endpoint of its own; it is opened with the lab, or else by itself."""
        endpoint = Endpoint(self.directory / f"endpoint-{name}.{number}")
        self.receivers.append(Receiver(self, name, endpoint, number=number))
        return self.receivers[-1]

    def worker(
        self,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        secrets: Mapping[str, str] | None = None,
        command: Sequence[str] = ("-m", "streams"),
    ) -> Worker:
        """Return a worker that is not yet started; it is ended with the lab.

        Without *documents* it has one for each destination of the lab; *secrets* are more of its environment.
        *command* is what Python runs instead of ``-m streams``: ``worker --config F`` follows it.
        """
        merged = site.merged(
            site.settings(self.app, self.bootstrap, self.topic, split=self._split), self._settings, settings or {}
        )
        worker = Worker(
            name,
            self.directory / name,
            merged,
            [each.document(self._destination) for each in self.receivers] if documents is None else documents,
            secrets={**site.secrets(self.marks), **(secrets or {})},
            command=command,
        )
        self.workers.append(worker)
        return worker

    # What is done, and waited for

    @contextmanager
    def fault(self, what: str, *, crash: bool = False, **crashing: Any) -> Iterator[Fault]:
        """Do a fault until the block ends; with *crash*, what was under way may be repeated, as *crashing* says."""
        fault = Fault(what, time.time(), crash=crash, **crashing)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            fault.ended = time.time()

    async def until(
        self, condition: Callable[[], bool] | Callable[[], Awaitable[bool]], within_seconds: float, what: str
    ) -> None:
        """Wait for *condition*; fails at once when a worker has ended by itself, with TimeoutError when it is late."""

        async def holds() -> bool:
            for worker in self.workers:
                worker.check()
            answer = condition()
            return answer if isinstance(answer, bool) else await answer

        await until(holds, within_seconds, what)

    async def flowing(self, *, delivered: int = 1, open_requests: int = 1, within_seconds: float = 60.0) -> None:
        """Wait until *delivered* more requests were delivered than now, and *open_requests* are open."""
        before = len(self.endpoint.delivered)

        def flows() -> bool:
            endpoint = self.endpoint
            return len(endpoint.delivered) >= before + delivered and len(endpoint.open) >= open_requests

        await until(flows, within_seconds, "exports are delivered")

    async def settled(self, within_seconds: float) -> bool:
        """Wait until all is covered, and everything committed; False when that is not so in time."""
        try:
            await until(lambda: is_quiet(self), within_seconds, "everything is delivered and committed")
        except TimeoutError:
            return False
        return True

    async def recover(self, within_seconds: float | None = None) -> float | None:
        """Put in new records, at least one per partition, and return the seconds until all were delivered."""
        first = len(self.load.states)
        numbers = range(first, first + 4 * self.partitions)
        produced = time.time()
        await self.load.bring(len(numbers), first=first)
        profiles = list(self.load.states)[first:]
        limit = self.limits.recovery_seconds if within_seconds is None else within_seconds
        try:
            await until(lambda: all(each in self.endpoint.states for each in profiles), limit, "fresh records arrive")
        except TimeoutError:
            self.fresh.append(Fresh(produced, None))
            return None
        delivered = max(r.ended or 0.0 for r in self.endpoint.requests[-50_000:] if r.arrived >= produced)
        self.fresh.append(Fresh(produced, delivered))
        return delivered - produced

    async def judge(self, row: str, what: str, seed: int, *, within_seconds: float = 120.0) -> Result:
        """Stop the load, put in fresh records, wait for quiet, and check all invariants."""
        await self.load.stop()
        await self.recover()
        await self.settled(within_seconds)
        texts = await texts_of(self)
        evidence = self.evidence(texts)
        write_ledgers(evidence, self.directory)
        result = verdict(row, what, seed, evidence, time.time() - self.began)
        for receiver in self.receivers[1:]:
            result.join(receiver.judge(texts))
        return result

    def facts(self) -> Facts:
        """Return the ledgers as they are, to be looked up."""
        return Facts(self.evidence({}))

    def evidence(self, texts: Mapping[str, str]) -> Evidence:
        """Return all ledgers as they are."""
        return gathered(self, self.receivers[0], texts)

    async def close(self) -> None:
        """End every process and connection that was started."""
        for worker in self.workers:
            worker.close()
        if self._watching is not None:
            self._watching.cancel()
        await self.forbidden.stop()
        if self._opened:
            for each in (self.letters, self.status, self.destinations, self.asked, self.commits):
                await each.stop()
            with suppress(TimeoutError):  # there may be no broker any more
                await asyncio.wait_for(self.load.close(), 30)
        for receiver in self.receivers:
            await receiver.close()

    # How it is known

    def _is_told(self, profile: str) -> bool:
        """Whether the last turn of a profile has been delivered.

        On two topics an exit may be read before the entry that it follows. Then neither changes anything, which is
        right, and no export tells of them.
        """
        told = self.endpoint.states.get(profile)
        return told is not None and told.step >= self.load.states[profile].step

    async def _watch(self) -> None:
        while True:
            self.vitals += [vital for worker in self.workers if (vital := worker.vital()) is not None]
            await asyncio.sleep(VITALS_SECONDS)
