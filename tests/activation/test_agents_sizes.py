"""A record that our topics would not take is one dead letter; it does not stop the stream for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.activation.activate import Activation
from streams.activation.decoding import decoder
from streams.activation.events import Input, Kind
from streams.destinations import Attribute
from streams.exports import MAX_ROW_BYTES
from tests.activation.test_agents import DESTINATION, MEMBERSHIP, Bench, a_fragment, a_message, state


@pytest.mark.parametrize("key", [b"k", b"k" * (MAX_ROW_BYTES + 1)], ids=["value", "key"])
async def test_a_record_larger_than_any_dead_letter_is_one_without_its_bytes(key: bytes) -> None:
    bench = Bench()
    bench.take(a_message(7, key, b"x" * (MAX_ROW_BYTES + 1), [("trace", b"1")]))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    headers = dict(letter.headers)
    assert letter.size <= MAX_ROW_BYTES
    assert (letter.key, letter.value) == (b"k" if key == b"k" else None, None)
    assert headers["streams.reason"] == b"too-large"
    assert (headers["__connect.errors.topic"], headers["__connect.errors.offset"]) == (b"profiles", b"7")
    assert int(headers["streams.omitted"]) > MAX_ROW_BYTES
    assert bench.happened == ["acknowledged 7"]


async def test_a_profile_whose_key_alone_exceeds_a_row_is_a_dead_letter() -> None:
    bench = Bench()
    bench.take(a_message(0, b"k" * MAX_ROW_BYTES, a_fragment("small")))
    await bench.confirm()

    assert [topic for topic, _ in bench.rows] == ["app.dead-letters"]
    assert dict(bench.rows["app.dead-letters", 0][0].headers)["streams.reason"] == b"state-too-large"


async def test_a_change_whose_export_exceeds_a_row_is_a_dead_letter_and_its_profile_is_as_it_was() -> None:
    nine_times = tuple(Attribute(("person", "id"), ("copy", str(number))) for number in range(9))
    bench = Bench(
        Activation([replace(DESTINATION, attributes=nine_times)], ["memberships", "profiles"], merge="newest")
    )
    bench.take(a_message(0, b"k", a_fragment("small")))
    bench.join(a_message(1, b"k", MEMBERSHIP))
    bench.take(a_message(2, b"k", a_fragment("x" * 1_000_000)))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    assert dict(letter.headers)["streams.reason"] == b"too-large"
    assert len(bench.rows["app.exports.crm.1", 0]) == 1
    assert state(bench, b"k").fragments["profiles"].position.offset == 0


async def test_the_one_record_that_makes_a_state_too_large_is_a_dead_letter_and_its_neighbours_are_not() -> None:
    bench = Bench()
    takes = [bench.agents.reader(decoder(Input(Kind.FRAGMENT, f"s{n}")), f"s{n}", bench.outbox) for n in range(6)]
    for number, take in enumerate(takes[:5]):
        take(a_message(number, b"k", a_fragment("x" * 1_000_000), topic=f"s{number}"))
        take(a_message(number, b"other", a_fragment("small"), topic=f"s{number}"))
    takes[5](a_message(5, b"k", a_fragment("small"), topic="s5"))
    await bench.confirm()

    (letter,) = bench.rows["app.dead-letters", 0]
    headers = dict(letter.headers)
    assert (letter.key, headers["streams.reason"]) == (b"k", b"state-too-large")
    assert headers["__connect.errors.topic"] == b"s4"
    assert state(bench, b"k").fragments.keys() == {"s0", "s1", "s2", "s3", "s5"}
    assert state(bench, b"other").fragments.keys() == {"s0", "s1", "s2", "s3", "s4"}
