"""How commands ask the workers that own profiles: who they are, with which token, and whose answer counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from streams.codes import Denial
from streams.commands.following import crew_of
from streams.configuration.settings import Settings
from streams.denied import DeniedError
from streams.profile_commands import commands_topic
from streams.registry.awaited import live
from streams.secrets import Secret
from streams.status.overview import ACTIVATION
from streams.status.shapes import Worker
from streams.topics import cluster

ASK_SECONDS = 15.0
SETTLE_SECONDS, LOOK_SECONDS = 10.0, 0.5
"""How long a rebalance may take until every partition has an owner, and how soon it is looked again."""


@dataclass(frozen=True, slots=True)
class Owners:
    """The live workers that own partitions of activation, and how many partitions there are."""

    workers: tuple[Worker, ...]
    partitions: int

    @property
    def unowned(self) -> list[int]:
        """The partitions that no live worker owns now."""
        owned = {number for worker in self.workers for number in _owned(worker)}
        return [number for number in range(self.partitions) if number not in owned]

    def of(self, partition: int | None) -> list[Worker]:
        """Return those that own a partition, or any; raises DeniedError where there is none."""
        found = [each for each in self.workers if partition is None or partition in _owned(each)]
        if not found:
            which = "any partition" if partition is None else f"partition {partition}"
            raise DeniedError(Denial.NO_OWNER, f"no live worker owns {which} of the {self.partitions}")
        return found


async def owners_of(settings: Settings) -> Owners:
    """Return who owns the profiles, as the workers report it; where one is to own more, a rebalance is waited for."""
    counts = await cluster.counts(settings.kafka.brokers)
    count, deadline = counts.get(commands_topic(settings.app), 0), time.monotonic() + SETTLE_SECONDS
    while True:
        workers = live(await crew_of(settings).reports(), int(time.time() * 1000))
        activating = [each for each in workers if ACTIVATION in each.stages]
        owners = Owners(tuple(each for each in activating if _owned(each)), count)
        if not activating or not owners.unowned or time.monotonic() > deadline:
            return owners
        await asyncio.sleep(LOOK_SECONDS)


def token_of(settings: Settings) -> Secret:
    """Return what must be shown to the workers; raises DeniedError where the settings have none."""
    if settings.http.token is None:
        raise DeniedError(Denial.NO_TOKEN, "set http.token, the workers' own, to ask them about profiles")
    return settings.http.token


def first_of(answers: Collection[bytes | BaseException]) -> bytes:
    """Return the one answer that there is; else raises what is worth most of what kept the workers from it."""
    for each in answers:
        if isinstance(each, bytes):
            return each
    errors = [each for each in answers if isinstance(each, BaseException)]
    raise min(errors, key=_weight)


def _weight(error: BaseException) -> int:
    """Order what must be mended first: a worker that cannot be asked may be the one that knows."""
    told = (Denial.WRONG_TOKEN, Denial.NO_TOKEN, Denial.WORKER_UNREACHABLE, Denial.WORKER_TOO_OLD, Denial.NOT_ANSWERED)
    if not isinstance(error, DeniedError):
        return -1
    return told.index(error.code) if error.code in told else len(told)


def _owned(worker: Worker) -> tuple[int, ...]:
    stage = worker.stages.get(ACTIVATION)
    return () if stage is None else stage.partitions
