"""Lives written by hand, of what random ones seldom bring together: all that the model is held against begins here."""

from __future__ import annotations

from typing import Any

from tests.model.laws import Record, Setting
from tests.model.strategies import INPUTS, OLD_MS, Crash, Event, Example, moment, since

_NOW = 1_700_000_000_000
NOTHING_LEFT = Crash(confirmed=1.0, exported=0.0, committed=(0.0, 0.0, 0.0, 0.0), order=0)
"""All is known, nothing exported."""


_GIVEN, _DENIED = ({"marketing": {"email": {"val": word}}} for word in "yn")


def _entry(second: int, status: str = "realized", *, ago: int = 0) -> Record:
    entry = {"lastQualificationTime": moment(_NOW, second), "status": status}
    return Record("memberships", {"segmentMembership": {"ups": {"a": entry}}}, _NOW - ago)


def _fragment(topic: str = "profiles", ago: int = 0, **members: Any) -> Record:
    return Record(topic, members or None, _NOW - ago)


def _life(*events: Event, **more: Any) -> Example:
    document = {
        "kind": "destination",
        "name": "one",
        "account": {"httpEndpoint": "https://api.example.com/v1"},
        "segments": [{"id": "a"}],
        "attributes": [{"source": "person", "target": "t"}],
        **more,
    }
    return Example(Setting(INPUTS[1], "newest", [document]), events)


CASES = (
    _life(_entry(0), _entry(1, ago=2), NOTHING_LEFT, since=since(_NOW)),
    _life(
        _fragment(person={"name": {"first": "Ada"}}), _fragment("loyalty", person={"name": {"last": "L"}}), _entry(0)
    ),
    _life(_fragment(person="odd"), _entry(0), _fragment(), _entry(1), triggers="written"),
    _life(_entry(0), _entry(1, "exited", ago=OLD_MS), _entry(1, "exited", ago=OLD_MS), triggers="written"),
    _life(_entry(2, "exited"), _entry(3), _entry(1, "exited"), NOTHING_LEFT),
    _life(
        *(_fragment(consents=_GIVEN, person="Ada"), _entry(0), _fragment(consents=_DENIED), _fragment(consents=_GIVEN)),
        *(_fragment(consents=_DENIED), NOTHING_LEFT, _entry(1, "exited"), _fragment()),
        consent={"needs": ["marketing.email"]},
        attributes=[{"source": "person", "target": "t", "deduplicationKey": True, "hash": "sha256"}],
    ),
)
