"""Ledgers of runs in which all went well, a crash with its legitimate repetitions among them; drawn at random."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from tests.faults.evidence import (
    Asked,
    Commit,
    Evidence,
    Export,
    Fault,
    Fresh,
    Obligation,
    Request,
    Vital,
    Withdrawal,
)
from tests.faults.profiles import Marks, State, expected, profile_id

MARKS = Marks(person="kanari", secret="sesam")
TAKEOVER_SECONDS = 1.0
"""From a crash to what is repeated: longer than anything is on the wire."""
COMMITTED_SECONDS = 10.0
"""From the last request to the commits: all is committed at the end only."""
COMMIT_SECONDS = 1_000.0
STEP_SECONDS = 0.01
EXPORTS, MEMBERSHIPS, PROFILES = "app.exports.crm.1", "app-memberships", "app-profiles"
DELIVERY, ACTIVATION = "app.delivery.crm.1", "app"


@dataclass
class Writer:
    """Writes the ledgers of a run, record by record, each delivered before the next one of its profile comes."""

    partitions: int
    now: float = 1_000.0
    states: dict[str, State] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    obligations: list[Obligation] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    crashes: list[Fault] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def put(self, number: int, *, is_fragment: bool) -> None:
        """Put in a record, and whatever follows from it."""
        profile, partition = profile_id(MARKS, number), number % self.partitions
        known = self.states.get(profile, State(0, 0))
        brought = State(known.version + 1, 0) if is_fragment else State(0, known.step + 1)
        topic = PROFILES if is_fragment else MEMBERSHIPS
        state = State(max(known.version, brought.version), max(known.step, brought.step))
        self.states[profile] = state
        self.obligations.append(
            Obligation(profile, brought, topic, partition, self._next(topic, partition), self._tick())
        )
        if state.step:
            self._export(profile, partition, state)

    def withdraw(self, number: int) -> None:
        """Withdraw an attribute while an export of a profile waits: that is given up, and the profile exported anew."""
        profile, partition = profile_id(MARKS, number), number % self.partitions
        state = self.states[profile]
        self._row(profile, partition, state)
        self.withdrawals.append(Withdrawal("name", self._tick(), self._tick()))
        self.asked.append(Asked(profile, self._tick(), "crm.1"))
        self._export(profile, partition, state)

    def redeliver(self, number: int, last: int) -> None:
        """Crash, and post the *last* exports of a profile once more, in order."""
        self.crashes.append(Fault("SIGKILL", self.now, self.now, crash=True, commit_seconds=COMMIT_SECONDS))
        self.now += TAKEOVER_SECONDS
        rows = [row for row in self.exports if row.profile == profile_id(MARKS, number)]
        for row in rows[len(rows) - min(last, len(rows)) :]:
            self.post(row.key, row.body)

    def post(self, key: str, body: bytes) -> None:
        """Post a body under an id; it is accepted."""
        arrived = self._tick()
        number = len(self.requests) + 1
        request = Request(number, arrived, arrived, key, "POST /v1", body, 204, self._tick(), sent=True)
        self.requests.append(request)

    def evidence(self) -> Evidence:
        """Return everything; all is committed at the end."""
        at = self._tick() + COMMITTED_SECONDS
        groups = {EXPORTS: DELIVERY, MEMBERSHIPS: ACTIVATION, PROFILES: ACTIVATION}
        commits = [
            Commit(groups[topic], topic, partition, end, "", at - STEP_SECONDS, at)
            for (topic, partition), end in self.ends.items()
        ]
        return Evidence(
            app="app",
            exports_topic=EXPORTS,
            delivery_group=DELIVERY,
            activation_group=ACTIVATION,
            obligations=self.obligations,
            requests=self.requests,
            exports=self.exports,
            commits=commits,
            faults=self.crashes,
            vitals=[Vital("a", at, 100_000_000, 40, 12)],
            fresh=[Fresh(at, at + 1.0)],
            texts={"the log of a": '{"event":"export.ended","destination":"crm"}'},
            canaries=MARKS.all,
            withdrawals=self.withdrawals,
            asked=self.asked,
        )

    def _export(self, profile: str, partition: int, state: State) -> None:
        row = self._row(profile, partition, state)
        self.post(row.key, row.body)

    def _row(self, profile: str, partition: int, state: State) -> Export:
        """Write an export."""
        lacks = {each.attribute for each in self.withdrawals if each.attribute}
        offset, body = self._next(EXPORTS, partition), json.dumps(expected(profile, state, lacks)).encode()
        key = f"id-{partition}-{offset}"
        self.exports.append(Export(partition, offset, self._tick(), profile, key, len(self.exports), body))
        return self.exports[-1]

    def _next(self, topic: str, partition: int) -> int:
        offset = self.ends[topic, partition]
        self.ends[topic, partition] = offset + 1
        return offset

    def _tick(self) -> float:
        self.now += STEP_SECONDS
        return self.now


@st.composite
def good_ledgers(draw: st.DrawFn) -> Evidence:
    """Draw a run: profiles that enter, change and turn; crashes, and what was repeated after each; and a quiet end."""
    writer = Writer(draw(st.integers(1, 3)))
    count = draw(st.integers(1, 4))
    for number in range(count):
        writer.put(number, is_fragment=True)
        writer.put(number, is_fragment=False)
        writer.put(number, is_fragment=False)
    for number, is_fragment in draw(st.lists(st.tuples(st.integers(0, count - 1), st.booleans()), max_size=20)):
        writer.put(number, is_fragment=is_fragment)
    for number, last in draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, 3)), max_size=4)):
        writer.redeliver(number, last)
    return writer.evidence()


@st.composite
def narrowed_ledgers(draw: st.DrawFn) -> Evidence:
    """Draw a run in which an attribute is withdrawn while profiles change; nobody crashes."""
    writer = Writer(draw(st.integers(1, 3)))
    count = draw(st.integers(1, 4))
    for number in range(count):
        writer.put(number, is_fragment=True)
        writer.put(number, is_fragment=False)
    changes = st.lists(st.tuples(st.integers(0, count - 1), st.booleans()), max_size=8)
    for number, is_fragment in draw(changes):
        writer.put(number, is_fragment=is_fragment)
    writer.withdraw(draw(st.integers(0, count - 1)))
    for number, is_fragment in draw(changes):
        writer.put(number, is_fragment=is_fragment)
    return writer.evidence()


def with_requests(evidence: Evidence, requests: list[Request]) -> Evidence:
    """Return the evidence with other requests."""
    return replace(evidence, requests=requests)
