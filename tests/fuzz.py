"""Fuzzing, bounded in time: ``python -m tests.fuzz --seconds 60 --seed 7 decoder`` tries for so long and prints counts.

A target draws an input and returns in a word what became of it; what it must not do, it does by raising.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import hypothesis
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.activation.asked import decode
from streams.activation.events import (
    FragmentChange,
    FragmentPaths,
    Input,
    Kind,
    Malformed,
    MembershipPaths,
    Status,
)
from streams.activation.timestamps import parse_time, render_time
from streams.ends import Reason
from streams.engine import Message
from streams.exports import Meta, export_id, namespace_of, source_of
from streams.profile_commands import Due, Expire, ReExport, Replay, decode_command, encode_command
from tests.json_texts import FRAGMENTS
from tests.poison import MIB, POISONS
from tests.records import INPUTS, NOW_MS, decoded

ROUND = 200
"""How many inputs are tried between two looks at the clock."""
CPU_SECONDS = 1.0
"""What none may take: the slowest that is known, a megabyte of brackets, takes a hundredth of it."""


class Target(NamedTuple):
    """What is drawn, and what is done with it: it returns in a word what became of it."""

    inputs: st.SearchStrategy[Any]
    attempt: Callable[[Any], str]


def fuzz(target: Target, seconds: float, seed: int) -> Counter[str]:
    """Try *target* for about *seconds*; return how often what became of an input."""
    counts: Counter[str] = Counter()

    def attempt(drawn: Any) -> None:
        began = time.thread_time()
        counts[target.attempt(drawn)] += 1
        assert time.thread_time() - began < CPU_SECONDS, "it takes too long"

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seed += 1
        tried = settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        hypothesis.seed(seed)(tried(given(target.inputs)(attempt)))()
    return counts


# The decoder

FLAT = MembershipPaths(
    segment=("segment",),
    namespace=("list",),
    status=("status",),
    words={"add": Status.REALIZED, "true": Status.EXITED, "7": Status.EXISTING},
    time=("at", "ts"),
)
FLAT_INPUTS = [
    Input(Kind.MEMBERSHIP, "flat", FLAT),
    Input(Kind.EXIT, "counted", MembershipPaths(segment=("segment",), time=("ts",), unit_us=1_000)),
    Input(Kind.QUALIFICATION, "stamped", MembershipPaths(segment=("at", "ts"))),
    Input(Kind.FRAGMENT, "inner", FragmentPaths(attributes=("at",), identities={"b": ("at", "ts")})),
]
ODD: list[Any] = [
    *(None, True, False, 0, 7, -7, 1.5, -1e308, 1.7e308, 10**4_000),
    *("", "add", "existing", "exited", "true", "é", "\x00"),
    *("2020-05-25T21:24:39Z", "2099-01-01T00:00:00Z", "2020-05-25", 1_590_441_879_000, [], {}, [[]], [{}], {"a": {}}),
    *({"ecid": [{"id": "1"}, {"id": "1", "primary": True}]}, {"ecid": [{"id": 5}]}, {"ts": "2020-05-25T21:24:39Z"}),
]
"""What may stand anywhere: right in one place, wrong in the others."""


def mostly(*right: Any) -> st.SearchStrategy[Any]:
    """Draw what is right, or now and then what is odd."""
    return st.sampled_from([*right] * (2 * len(ODD) // len(right)) + ODD)


ids = mostly({"ecid": [{"id": "1"}]})
entries = st.fixed_dictionaries(
    {"lastQualificationTime": mostly("2020-05-25T21:24:39Z")},
    optional={"status": mostly("realized", "existing", "exited")},
)
xdm_records = st.fixed_dictionaries(
    {"segmentMembership": st.fixed_dictionaries({"ups": st.fixed_dictionaries({"a": entries | st.sampled_from(ODD)})})},
    optional={"identityMap": ids, "more": st.sampled_from(ODD)},
)
flat_records = st.fixed_dictionaries(
    {
        "segment": mostly("a", 7),
        "at": st.fixed_dictionaries({"ts": mostly("2020-05-25T21:24:39Z")}) | st.sampled_from(ODD),
    },
    optional={
        "list": mostly("b"),
        "status": mostly("add", True, 7),
        "ts": mostly(1_590_441_879_000),
        "identityMap": ids,
    },
)
small_poisons = st.sampled_from([poison.value for poison in POISONS if poison.value and len(poison.value) < MIB])
damages = st.lists(
    st.tuples(st.integers(0, 2**16), st.integers(0, 4), st.sampled_from(FRAGMENTS) | st.binary(max_size=3)), max_size=3
)


def damaged(whole: bytes, damages: list[tuple[int, int, bytes]]) -> bytes:
    """Return bytes of which a few places are cut or replaced."""
    for place, width, piece in damages:
        at = place % (len(whole) + 1)
        whole = whole[:at] + piece + whole[at + width :]
    return whole


def records_of(inputs: Iterable[Input], right: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw records of *inputs*: values that are *right* for them, or nearly, or not at all."""
    texts = right.map(lambda record: json.dumps(record).encode())
    values = st.one_of(
        texts,
        st.builds(damaged, texts, damages),
        st.builds(damaged, small_poisons, damages),
        texts.map(b"\0\0\0\0\1".__add__),
        st.binary(max_size=40),
        st.none(),
    )
    keys = st.sampled_from([b"key"] * 20 + [b"", None])
    timestamps = st.sampled_from([NOW_MS] * 4 + [-1, 0, NOW_MS + 600_001, 2**63 - 1])
    return st.tuples(st.sampled_from([*inputs]), values, keys, timestamps)


records = records_of(INPUTS.values(), xdm_records) | records_of(FLAT_INPUTS, flat_records)


def try_decoder(record: tuple[Any, ...]) -> str:
    """Decode whatever comes: it is a change that is sound, or malformed for a reason that is not our own defect."""
    change = decoded(*record)
    if isinstance(change, Malformed):
        assert change.reason is not Reason.INTERNAL_ERROR
        return change.reason
    if isinstance(change, FragmentChange):
        assert change.fragment is None or isinstance(json.loads(change.fragment), dict)
    else:
        assert all(isinstance(render_time(each.time_us), bytes) for each in change.memberships)
        assert all(each.time_us <= (NOW_MS + 600_000) * 1_000 for each in change.memberships)
    assert change.identities is None or isinstance(json.loads(change.identities), dict)
    return type(change).__name__


# The time formats

FORMATS: Sequence[Callable[[datetime], str]] = (
    lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"),
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S%z").rjust(24, "0"),
    lambda moment: moment.isoformat(timespec="milliseconds"),
)
moments = st.builds(
    lambda naive, minutes: naive.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0),
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001 - the zone comes apart
    st.integers(-14 * 60, 14 * 60),
)
written = st.builds(
    lambda moment, render, damages: (
        moment,
        render(moment),
        damaged(render(moment).encode(), damages).decode("latin-1"),
    ),
    moments,
    st.sampled_from(FORMATS),
    st.just([]) | damages,
)
_shape = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)", re.ASCII)


def try_times(written: tuple[datetime, str, str]) -> str:
    """Read a time in one of the three formats, whole or damaged: the very moment, or ValueError, never another one."""
    moment, whole, text = written
    try:
        time_us = parse_time(text)
    except ValueError:
        assert text != whole
        return "refused"
    assert _shape.fullmatch(text)
    read = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    assert read == (moment if text == whole else datetime.fromisoformat(text))
    assert parse_time(render_time(time_us).decode()) == time_us
    return "whole" if text == whole else "damaged, and still a time"


# Commands


def a_replay(body: dict[str, Any], source: str) -> bytes:
    """Return the command to replay an export, as an operator's is made of its dead letter."""
    raw = json.dumps(body).encode()
    meta = Meta(version=1, revision=5, trigger="entered", source=source)
    id_ = export_id(namespace_of("crm.1"), source, raw)
    return encode_command(Replay(destination="crm.1", id=id_, meta=meta, body=msgspec.Raw(raw)))


replays = st.builds(a_replay, xdm_records, st.sampled_from(["profiles-0-7"] * 9 + ["", "p-0-" + "9" * 30]))
re_exports = xdm_records.map(
    lambda record: encode_command(ReExport(destination="crm.1", withdrawal=msgspec.Raw(json.dumps(record).encode())))
)
_words = st.sampled_from(["ups", "a", "profiles-0-7", "-", ""]) | st.text(max_size=4)
expiries = st.lists(st.builds(Due, _words, _words, _words), max_size=4).map(
    lambda found: encode_command(Expire(memberships=tuple(found)))
)
commands = st.one_of(
    replays,
    re_exports,
    st.just(encode_command(ReExport(destination="crm.1"))),  # few records are a withdrawal that can be read
    expiries,
    st.builds(damaged, expiries, damages),
    st.builds(damaged, replays, damages),
    st.builds(damaged, re_exports, damages),
    small_poisons,
    st.binary(max_size=40),
)


def try_commands(value: bytes) -> str:
    """Decode whatever comes: a replay that is taken is one of an export as it was written."""
    asked = decode(Message("commands", 0, 0, NOW_MS, b"key", value, (), assignment=1), NOW_MS)
    if isinstance(asked, Malformed):
        assert asked.reason is not Reason.INTERNAL_ERROR
        return asked.reason
    command = asked.command
    if isinstance(command, Replay):
        encoded = export_id(namespace_of(command.destination), command.meta.source, bytes(command.body))
        assert command.id == encoded
        assert isinstance(json.loads(bytes(command.body)), dict)
        assert source_of(command.meta) is not None
    assert decode_command(encode_command(command)) == command
    return type(command).__name__


TARGETS: dict[str, Target] = {
    "decoder": Target(records, try_decoder),
    "times": Target(written, try_times),
    "commands": Target(commands, try_commands),
}


def told(name: str, counts: Counter[str], seed: int) -> str:
    """Return the counts of a target on one line, and the seed that draws the same again."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
    return f"fuzz {name}: {counts.total()} tried with seed {seed} ({kinds})"


def main(arguments: Any = None) -> None:
    """Fuzz the targets that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz for a while, and print counts.")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="which; all, when not given")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name in options.targets or TARGETS:
        print(told(name, fuzz(TARGETS[name], options.seconds, options.seed), options.seed))


if __name__ == "__main__":
    main()
