"""The cases of ``tests/golden``: read as their files have them, taken by a worker's activation without its Kafka."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from streams.activation.activate import Activation
from streams.activation.events import Malformed
from streams.activation.expiries import expiry
from streams.activation.profiles import Profile
from streams.activation.rendering import Step
from streams.configuration.documents import examine
from streams.configuration.meanings import inputs_of
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.configuration.stored import stored_without_secrets
from streams.exports import Position
from streams.registry.edits import Author
from streams.registry.plans import Standing, plan
from tests.records import decoded

GOLDEN = Path(__file__).parent / "golden"
NOW = "2023-11-14T22:13:20Z"
APPLIED = datetime.fromisoformat("2022-04-13T13:29:30Z")
"""When the first documents of a case are applied; further ones each a day later."""


class Input(msgspec.Struct, forbid_unknown_fields=True):
    """A record, or what happens between two: *documents* are applied, or the clock *passes* a time."""

    topic: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    profile: str = "profile-1"
    timestamp: str = NOW
    """The record's own; the clock stands at *now*, or at it."""
    now: str | None = None
    documents: str | None = None
    passes: str | None = None

    @property
    def key(self) -> bytes:
        return self.profile.encode()

    @property
    def record(self) -> bytes | None:
        """The record's value."""
        return None if bytes(self.value) == b"null" else bytes(self.value)

    @property
    def written_ms(self) -> int:
        return _milliseconds(self.timestamp)

    @property
    def now_ms(self) -> int:
        return _milliseconds(self.now or self.timestamp)


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """What a record leads to: its *end*, by destination the bodies and *because* of what they are sent, or why not."""

    end: str
    because: str | dict[str, str] = {}
    exports: dict[str, msgspec.Raw] = {}
    excluded: dict[str, str] = {}
    reason: str | None = None
    """Of what is malformed."""

    @property
    def triggers(self) -> dict[str, str]:
        """By destination because of what it is sent; one text says it of all."""
        return self.because if isinstance(self.because, dict) else dict.fromkeys(self.exports, self.because)


def cases() -> list[Path]:
    """Return the folder of each case."""
    return sorted(path.parent for path in GOLDEN.glob("*/inputs.json"))


def inputs(case: Path) -> list[Input]:
    """Return what happens in a case, in order."""
    return msgspec.json.decode((case / "inputs.json").read_bytes(), type=list[Input])


def expected(case: Path) -> list[Expected]:
    """Return what each input leads to."""
    return msgspec.json.decode((case / "expected.json").read_bytes(), type=list[Expected])


def read(text: bytes | msgspec.Raw) -> Any:
    """Read JSON such that the order of members and the spelling of numbers count."""
    return json.loads(bytes(text), object_pairs_hook=tuple, parse_float=lambda t: (t,), parse_int=lambda t: (t,))


@dataclass(frozen=True)
class Outcome:
    """What an input led to."""

    end: str
    reason: str | None = None
    step: Step | None = None

    @property
    def exports(self) -> dict[str, bytes]:
        return {} if self.step is None else {each.destination.name: each.body for each in self.step.exports}

    @property
    def because(self) -> dict[str, str]:
        return {} if self.step is None else {each.destination.name: each.meta.trigger for each in self.step.exports}

    @property
    def excluded(self) -> dict[str, str]:
        considered = [] if self.step is None else self.step.considered
        return {destination.name: why.value for destination, _, why in considered if why is not None}


class Worker:
    """Takes a case's inputs one by one, as a worker of its settings would that the case's documents are applied for."""

    def __init__(self, case: Path) -> None:
        own = case / "streams.yaml"
        self._case = case
        self._settings = load(own if own.exists() else GOLDEN / "streams.yaml", {})
        self.inputs = inputs_of(self._settings)
        self._standing = Standing({}, {})
        self._applied = 0
        self._profiles: dict[bytes, Profile] = defaultdict(Profile)
        self._offsets: dict[str, int] = defaultdict(int)
        self.activation = self._apply("destinations.yaml")

    def take(self, given: Input) -> Outcome:
        if given.documents is not None:
            self.activation = self._apply(given.documents)
            return Outcome("applied")
        if given.passes is not None:
            return self._pass(given.key, _milliseconds(given.passes))
        change = decoded(self.inputs[given.topic], given.record, given.key, given.written_ms, given.now_ms)
        if isinstance(change, Malformed):
            return Outcome("malformed", change.reason.value)
        position = Position(given.topic, 0, self._offsets[given.topic], given.written_ms)
        self._offsets[given.topic] += 1
        step = self.activation.apply(self._profiles[given.key], change, position, given.now_ms)
        return Outcome(step.end.value, step=step)

    def _pass(self, key: bytes, now_ms: int) -> Outcome:
        """Let the owner of a profile ask itself to do what is due by now; all that it has read is committed."""
        profile = self._profiles[key]
        command = expiry(profile, now_ms, lambda _: True)
        if command is None:
            return Outcome("nothing-due")
        position = Position("commands", 0, self._offsets["commands"], now_ms)
        self._offsets["commands"] += 1
        step = self.activation.expire(profile, command, position, now_ms)
        return Outcome(step.end.value, step=step)

    def _apply(self, name: str) -> Activation:
        """Apply documents as the registry does, and return what a worker makes of all that are in force."""
        found = examine([GOLDEN / "account.yaml", self._case / name], References({}, None))
        assert found.errors == [], found.errors
        moment = APPLIED + timedelta(days=self._applied)
        decided = plan(found.given, self._standing, Author("golden", round(moment.timestamp() * 1_000)))
        assert decided.refusals == ()
        destinations = {each.name: each.version for each in decided.changes if each.kind == "destination"}
        accounts = {each.name: each.version for each in decided.changes if each.kind == "account"}
        self._standing = Standing({**self._standing.destinations, **destinations}, accounts)
        self._applied += 1
        in_force = [stored_without_secrets(version) for version in self._standing.destinations.values()]
        sources = [source.source for source in self.inputs.values()]
        return Activation(in_force, sources, merge=self._settings.merge)


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1_000)
