"""The producer of a run: it makes records at a rate and writes an obligation for each that the broker has confirmed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.faults import bulk
from tests.faults.evidence import Obligation
from tests.faults.profiles import Marks, State, fragment, membership, profile_id, segment_of, status_of, time_of

TICK_SECONDS = 0.02
MAY_ENTER = 1_000
_HOT = 8
"""How many profiles are hot."""


class Load:
    """Puts in records of profiles, seeded; what it has put in of each is in ``states``.

    ``obligations`` are the confirmed records in the order of their confirmations.
    """

    def __init__(self, bootstrap: str, topics: tuple[str, ...], marks: Marks, seed: int) -> None:
        """*topics* are those of qualifications, of exits (perhaps the same), and of fragments."""
        self._memberships, self._exits, self._fragments = topics
        self._bootstrap, self._marks = bootstrap, marks
        self._random = random.Random(seed)
        self._producer: AIOKafkaProducer | None = None
        self._running: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[Any]] = set()
        self._going = False
        self.states: dict[str, State] = {}
        self.obligations: list[Obligation] = []
        self.confirmed_states: dict[str, State] = {}
        """Of each profile, how much is confirmed."""
        self.ends: dict[tuple[str, int], int] = {}
        """Of each topic and partition, the offset after the last confirmed record."""
        self.may_turn: Callable[[str], bool] = lambda _: True
        """Whether a profile may enter or leave now; until then only its attributes change."""
        self.lost_sends = 0
        """Records whose fate the broker did not tell; they are no obligations."""

    async def open(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, linger_ms=5, max_batch_size=262_144
        )
        await self._producer.start()

    async def close(self) -> None:
        """Stop the load and disconnect."""
        await self.stop()
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def bring(self, profiles: int, *, first: int = 0, padding: int = 0) -> None:
        """Put in a fragment and the first membership of *profiles* new profiles, confirmed; the fragments first."""
        await self.fragments(range(first, first + profiles), padding=padding)
        await self.step(range(first, first + profiles))

    async def fragments(self, numbers: Sequence[int], *, padding: int = 0) -> None:
        """Put in one more fragment of each profile, and wait for all confirmations."""
        for number in numbers:
            await self._put_fragment(profile_id(self._marks, number), padding)
        await self.confirmed()

    async def step(self, numbers: Sequence[int]) -> None:
        """Put in one more membership record of each profile, and wait for all confirmations."""
        for number in numbers:
            await self._put_membership(profile_id(self._marks, number))
        await self.confirmed()

    async def bring_many(self, profiles: int, members: int, partitions: int) -> None:
        """Put in *profiles* fragments at once, and the first membership of the first *members* of them.

        Only what is put in of members is an obligation, and of a few others, who may enter later.
        """
        ids = [profile_id(self._marks, number) for number in range(profiles)]
        fragments = ((each.encode(), fragment(each, 1)) for each in ids)
        placed = await bulk.write(self._bootstrap, self._fragments, partitions, fragments)
        for index, *place in placed:
            if index < members + MAY_ENTER:
                self._note(ids[index], State(1, 0), self._fragments, *place)
        memberships = ((each.encode(), membership(each, 1)) for each in ids[:members])
        for index, *place in await bulk.write(self._bootstrap, self._memberships, partitions, memberships):
            self._note(ids[index], State(0, 1), self._memberships, *place)
        self.states |= {each: State(1, 1 if number < members else 0) for number, each in enumerate(ids)}

    def confirmed_since(self, moment: float) -> Mapping[str, State]:
        """Return of each profile of which something was confirmed since a moment how much is confirmed."""
        if not moment:
            return self.confirmed_states
        since = {each.profile for each in reversed(self.obligations) if each.at >= moment}
        return {profile: self.confirmed_states[profile] for profile in since}

    def start(self, rate: float, *, hot: float = 0.2, fragments: float = 0.2) -> None:
        """Put in *rate* records a second of the profiles there are until ``stop``.

        *hot* is the share that goes to eight of them, *fragments* the share of new versions of the attributes.
        """
        self._going = True
        self._running = asyncio.create_task(self._run(rate, hot, fragments, list(self.states)))

    async def stop(self) -> None:
        """Put in nothing more, and wait for the confirmations of what was put in."""
        self._going = False  # not cancelled: a step that was counted and not put in would be one that never turns
        if self._running is not None:
            await self._running
            self._running = None
        await self.confirmed()

    async def confirmed(self, within_seconds: float = 120.0) -> None:
        """Wait until the broker has confirmed all that was put in."""
        if self._waiting:
            await asyncio.wait(set(self._waiting), timeout=within_seconds)

    async def _run(self, rate: float, hot: float, fragments: float, profiles: list[str]) -> None:
        began, done = time.monotonic(), 0
        while self._going:
            due = int((time.monotonic() - began) * rate)
            for _ in range(done, due):
                profile = self._random.choice(profiles[:_HOT] if self._random.random() < hot else profiles)
                is_fragment = self._random.random() < fragments or not self.may_turn(profile)
                await (self._put_fragment if is_fragment else self._put_membership)(profile)
            done = max(done, due)
            await asyncio.sleep(TICK_SECONDS)

    async def _put_fragment(self, profile: str, padding: int = 0) -> None:
        known = self.states.get(profile, State(0, 0))
        version = known.version + 1
        self.states[profile] = known._replace(version=version)
        await self._send(self._fragments, profile, fragment(profile, version, padding), State(version, 0))

    async def _put_membership(self, profile: str) -> None:
        known = self.states.get(profile, State(0, 0))
        step = known.step + 1
        self.states[profile] = known._replace(step=step)
        topic = self._exits if status_of(step) == "exited" else self._memberships
        await self._send(topic, profile, membership(profile, step), State(0, step))

    async def _send(self, topic: str, profile: str, value: bytes, state: State) -> None:
        assert self._producer is not None
        sent = await self._producer.send(topic, value, profile.encode())
        self._waiting.add(sent)
        sent.add_done_callback(partial(self._confirmed, profile, state))

    def _confirmed(self, profile: str, state: State, sent: asyncio.Future[Any]) -> None:
        self._waiting.discard(sent)
        if sent.cancelled() or sent.exception() is not None:
            self.lost_sends += 1
            return
        record = sent.result()
        self._note(profile, state, record.topic, record.partition, record.offset)

    def _note(self, profile: str, state: State, topic: str, partition: int, offset: int) -> None:
        """Write down an obligation."""
        step = state.step
        known = self.confirmed_states.get(profile, State(0, 0))
        self.confirmed_states[profile] = State(max(known.version, state.version), max(known.step, step))
        self.ends[topic, partition] = max(self.ends.get((topic, partition), 0), offset + 1)
        about = (segment_of(step), time_of(step), status_of(step)) if step else (None, None, None)
        self.obligations.append(Obligation(profile, state, topic, partition, offset, time.time(), *about))
