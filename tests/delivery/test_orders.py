"""Whatever arrives, fails, moves and changes: the laws of order and of commits hold (design laws 4.1 to 4.4)."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Literal

from aiokafka import TopicPartition
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.delivery.bitmaps import decode
from streams.delivery.dispatch import Dispatch
from streams.delivery.pending import read_export
from streams.delivery.retries import pause
from streams.delivery.tools import Tools
from streams.delivery.windows import Mark, Window
from streams.destinations import Batch, Retry
from streams.ends import ExportEnd
from streams.exports import Export, Posted
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from streams.profile_commands import ReExport
from tests.deliverables import TOPIC, ARecord, RecordingTelemetry, a_destination, a_record, the_tools
from tests.virtual_time import in_virtual_time

PARTITIONS = (TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1))
PROFILES = {b"a": 0, b"b": 0, b"c": 0, b"d": 1, b"e": 1}
MAX_AHEAD = 6

Answer = tuple[Outcome, float]
"""How an attempt ends, and after how many seconds."""


@dataclass(frozen=True)
class Arrives:
    """An export of a profile; *answers* come before it is taken, *lag* versions ago it was rendered."""

    key: bytes
    answers: tuple[Answer, ...] = ()
    lag: int = 0
    is_narrow: bool = False
    is_last_word: bool = False


@dataclass(frozen=True)
class Passes:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Happens:
    """A commit; the partitions move to a worker that knows nothing, with a drain or by a kill; the document changes."""

    what: Literal["commit", "move", "kill", "change", "narrow"]


OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Retryable("status-503", 503),
        Retryable("status-429", 429, retry_after=7.0),
        DestinationFault("unauthorized", 401),
        Refused("status-400", 400),
        Delivered(200),
    ]
)
ARRIVALS = st.builds(
    Arrives,
    st.sampled_from([*PROFILES, b"a", b"a", b"a"]),
    st.lists(st.tuples(OUTCOMES, st.sampled_from([0.0, 0.05, 1.5])), max_size=3).map(tuple),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([False] * 9 + [True]),
)
STEPS = st.lists(
    ARRIVALS
    | ARRIVALS
    | ARRIVALS
    | st.builds(Passes, st.sampled_from([0.01, 0.4, 3.0, 40.0]))
    | st.builds(Happens, st.sampled_from(["commit", "commit", "move", "kill", "change", "narrow"])),
    min_size=12,
    max_size=40,
)


@dataclass
class Endpoint:
    """Answers as told, and notes each request when it begins and what it took when it has.

    A batch is answered as the first of its members that has an answer left: what one is refused for, all are. What it
    refuses once it refuses for ever, and what it takes once it takes again.
    """

    exports: dict[str, Export] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    open: set[bytes] = field(default_factory=set)
    requests_open: int = 0
    most_open: int = 0
    requests: list[Export] = field(default_factory=list)
    taken: list[Export] = field(default_factory=list)
    lowest_version: int = 1

    async def __call__(self, posted: Posted) -> Outcome:
        members = (
            [posted] if isinstance(posted, Export) else [self.exports[each["id"]] for each in json.loads(posted.body)]
        )
        keys = {export.key for export in members}
        assert len(keys) == len(members), "two exports of one profile are in one request"
        assert not keys & self.open, "two requests of one profile are open"
        assert min(export.meta.version for export in members) >= self.lowest_version, "what was withdrawn is posted"
        self.open |= keys
        self.requests_open += 1
        self.most_open = max(self.most_open, self.requests_open)
        self.requests += members
        answers = next((found for export in members if (found := self.answers.get(export.id))), None)
        outcome, seconds = answers[0] if answers else (Delivered(204), 0.01)
        if answers and not isinstance(outcome, Refused):
            del answers[0]
        try:
            await asyncio.sleep(seconds)
        finally:
            self.open -= keys
            self.requests_open -= 1
        if isinstance(outcome, Delivered):
            self.taken += members
            for export in members:
                self.answers[export.id] = []
        return outcome


class World:
    """The log, the group's commits, and one worker after the other that owns both partitions."""

    def __init__(self, *, supersede: bool, in_flight: int, batch: Batch | None) -> None:
        self.destination = a_destination(
            supersede=supersede,
            max_in_flight=in_flight,
            max_ahead=MAX_AHEAD,
            max_pause_seconds=300.0,
            retry=Retry(max_elapsed_seconds=90.0),
            batch=batch,
        )
        self.log: dict[TopicPartition, list[ARecord]] = {each: [] for each in PARTITIONS}
        self.commits: dict[TopicPartition, Mark] = {}
        self.endpoint, self.telemetry = Endpoint(), RecordingTelemetry()
        self.revision = 0
        self.fed: dict[TopicPartition, int] = {}
        self.owners: list[Tools] = []
        self.begin()

    @property
    def tools(self) -> Tools:
        return self.owners[-1]

    def begin(self) -> None:
        """Let a worker that knows nothing begin where the commits say."""
        self.owners.append(
            the_tools(
                self.endpoint,
                ask=self.export_anew,
                telemetry=self.telemetry,
                destination=self.destination,
                now=asyncio.get_running_loop().time,
                pause=pause,
            )
        )
        self.serve()

    def serve(self) -> None:
        windows = {}
        for each in PARTITIONS:
            mark = self.commits.get(each)
            windows[each] = Window(decode(mark.metadata, mark.offset) if mark else None)
            self.fed[each] = mark.offset if mark else 0
        self.dispatch = Dispatch(self.tools, windows, defect=_fail)

    async def export_anew(self, export: Export, _: ReExport) -> None:
        """Do what activation does when it is asked."""
        self.arrive(Arrives(export.key), "re-export")

    def arrive(self, arrival: Arrives, trigger: str = "attribute") -> None:
        partition = PARTITIONS[PROFILES[arrival.key]]
        self.revision += 1
        version = max(1, self.destination.version - arrival.lag)
        record = a_record(
            len(self.log[partition]),
            arrival.key,
            revision=self.revision,
            partition=partition.partition,
            version=version,
            trigger="forgotten" if arrival.is_last_word else trigger,
        )
        segments = {"gold": 1} if arrival.is_narrow else {"gold": 1, "silver": 1}
        id_ = f"id-{partition.partition}-{record.offset}"
        record.value = json.dumps({"id": id_, "segmentMembership": {"ups": segments}}).encode()
        record.timestamp = 1_000 + self.revision
        self.log[partition].append(record)
        export = read_export(record)
        assert export is not None
        self.endpoint.exports[id_], self.endpoint.answers[id_] = export, list(arrival.answers)

    async def feed(self) -> None:
        """Hand over what waits as far as there is room, as the service does, one record at a time."""
        for each, records in self.log.items():
            while self.fed[each] < len(records) and not self.dispatch.full and each not in self.dispatch.backlog.ahead:
                self.dispatch.accept(each, [records[self.fed[each]]])
                self.fed[each] += 1
                assert self.dispatch.backlog.windows[each].ahead <= MAX_AHEAD
                await asyncio.sleep(0)
            self.check()
        self.dispatch.polled(0)

    def commit(self) -> None:
        for each, window in self.dispatch.backlog.windows.items():
            if (mark := window.due) is not None:
                self.commits[each] = mark
                window.committed(mark)
        self.dispatch.committed()

    async def do(self, step: Arrives | Passes | Happens) -> None:
        match step:
            case Arrives():
                self.arrive(step)
            case Passes(seconds):
                await asyncio.sleep(seconds)
            case Happens("commit"):
                self.commit()
            case Happens("move" | "kill" as what):
                await self.stop(is_killed=what == "kill")
                self.begin()
            case Happens(what):
                await self.change(narrows=what == "narrow")
        await self.feed()

    async def stop(self, *, is_killed: bool = False) -> None:
        await self.dispatch.drain(0.0 if is_killed else 1.0)
        await self.dispatch.release()
        if not is_killed:
            self.commit()
        assert not self.endpoint.open
        self.check()

    async def change(self, *, narrows: bool) -> None:
        """Follow another version of the document, with what was learned; perhaps less than before may be told."""
        await self.stop()
        version = self.destination.version + 1
        lowest = version if narrows else self.destination.min_version
        self.destination = replace(self.destination, version=version, min_version=lowest)
        self.endpoint.lowest_version = lowest
        self.owners[-1] = replace(self.tools, destination=self.destination)
        self.serve()

    async def finish(self) -> None:
        """Let all end, however long that takes; an endpoint that is at fault and refuses all is mended some day."""
        for step in range(2_000):
            if step >= 200 and self.tools.health.fault is not None:
                self.endpoint.answers.clear()
            await self.feed()
            self.commit()
            if not self.dispatch.backlog.pending and all(self.fed[each] == len(self.log[each]) for each in PARTITIONS):
                break
            await asyncio.sleep(5.0)
        else:
            raise AssertionError("what is to end does not")
        await self.stop()

    def check(self) -> None:
        """Hold the books and the commits against what has ended."""
        pending = self.dispatch.backlog.pending
        books = [owner.books for owner in self.owners]
        assert sum(each.fetched - each.ended - each.handed_over for each in books) == pending
        assert self.tools.shared.pending_bytes == self.dispatch.backlog.pending_bytes
        ended = {id_ for id_, _, _ in self.telemetry.ends}
        for each, mark in self.commits.items():
            told = {offset for offset in range(len(self.log[each])) if _tells(mark, offset)}
            assert {f"id-{each.partition}-{offset}" for offset in told} <= ended, "committed, and has not ended"

    def judge(self) -> None:
        """Say what must be so when all has ended."""
        assert {each: mark.offset for each, mark in self.commits.items()} == {
            each: len(records) for each, records in self.log.items() if records
        }
        assert self.endpoint.most_open <= self.destination.delivery.max_in_flight
        self._judge_order()
        self._judge_what_came_last()

    def _judge_order(self) -> None:
        firsts: dict[bytes, list[int]] = defaultdict(list)
        seen: set[str] = set()
        for export in self.endpoint.requests:
            if export.id not in seen:
                seen.add(export.id)
                firsts[export.key].append(export.meta.revision)
        assert all(revisions == sorted(revisions) for revisions in firsts.values()), "first requests out of order"

    def _judge_what_came_last(self) -> None:
        """What an endpoint that ignores the ids it has seen keeps, and what one keeps that does not."""
        ends: dict[str, set[ExportEnd]] = defaultdict(set)
        for id_, end, _ in self.telemetry.ends:
            ends[id_].add(end)
        for key, number in PROFILES.items():
            records = [record for record in self.log[PARTITIONS[number]] if record.key == key]
            ids = [f"id-{number}-{record.offset}" for record in records]
            if any({ExportEnd.DELIVERED, ExportEnd.DEAD_LETTERED} <= ends[id_] for id_ in ids):
                continue  # a kill brought back what had exhausted, and then it was taken
            taken = [export.id for export in self.endpoint.taken if export.key == key]
            due = [id_ for id_ in ids if ends[id_] & {ExportEnd.DELIVERED}]
            if due:
                assert taken[-1] == due[-1], "another one than the newest was delivered last"
                assert list(dict.fromkeys(taken))[-1] == due[-1], "who ignores what it has seen keeps another one"
            for place, id_ in enumerate(ids):
                if ends[id_] == {ExportEnd.SUPERSEDED}:
                    assert any(ends[other] - {ExportEnd.SUPERSEDED} for other in ids[place + 1 :]), (
                        "nothing stands for it"
                    )


def _tells(mark: Mark, offset: int) -> bool:
    return offset < mark.offset or (mark.finished is not None and offset in mark.finished)


def _fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


BATCHES = st.sampled_from([None, Batch(max_exports=4), Batch(max_exports=3, linger_seconds=5.0), Batch(max_bytes=200)])
FAILS_ONCE = Arrives(b"a", ((Retryable("status-503", 503), 0.0),))


@settings(max_examples=50, deadline=None)
@given(STEPS, st.booleans(), st.integers(1, 3), BATCHES)
@example([FAILS_ONCE, Passes(0.4), Arrives(b"a"), Passes(3.0), Happens("kill")], True, 1, None)
@example([Happens("commit"), *[FAILS_ONCE] * 9, Passes(0.4), Happens("commit"), Happens("kill")], True, 3, None)
def test_order_and_commits_hold_whatever_happens(
    steps: list[Arrives | Passes | Happens], supersede: bool, in_flight: int, batch: Batch | None
) -> None:
    async def run() -> None:
        world = World(supersede=supersede, in_flight=in_flight, batch=batch)
        for step in steps:
            await world.do(step)
        await world.finish()
        world.judge()

    in_virtual_time(run())
