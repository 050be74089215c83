"""Every kind of record that cannot be read has its reason, and its neighbours flow on."""

from __future__ import annotations

import pytest

from streams.activation.events import Malformed
from streams.ends import Reason
from tests.activation.test_agents import Bench, a_fragment, a_message, state
from tests.poison import POISONS, Poison
from tests.records import INPUTS, KEY, decoded

OF_DELIVERY = {Reason.INVALID_EXPORT, Reason.REFUSED, Reason.EXHAUSTED}
ELSEWHERE = {Reason.WRONG_PARTITION, Reason.STATE_TOO_LARGE, Reason.INTERNAL_ERROR, Reason.INVALID_COMMAND}
"""What is no matter of an input's own bytes: see test_partitioners, test_agents and test_asked."""


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: f"{poison.role}: {poison.kind}")
def test_each_kind_has_its_reason(poison: Poison) -> None:
    change = decoded(INPUTS[poison.role], poison.value, poison.key(KEY))

    assert isinstance(change, Malformed)
    assert change.reason == poison.reason


def test_there_is_a_kind_for_every_reason_of_activation() -> None:
    assert {poison.reason for poison in POISONS} == set(Reason) - OF_DELIVERY - ELSEWHERE


async def test_each_is_one_dead_letter_and_its_neighbours_flow_on() -> None:
    bench, poisons = Bench(), [poison for poison in POISONS if poison.role == "profiles"]
    for number, poison in enumerate(poisons):
        bench.take(a_message(2 * number, b"before", a_fragment(f"{number}")))
        bench.take(a_message(2 * number + 1, poison.key(b"before"), poison.value))
    bench.take(a_message(2 * len(poisons), b"after", a_fragment("last")))
    await bench.confirm()

    letters = [row for round_ in bench.rounds for row in round_.rows.get(("app.dead-letters", 0), [])]
    told = [{name: content.decode() for name, content in letter.headers} for letter in letters]
    assert [(each["__connect.errors.offset"], each["streams.reason"]) for each in told] == [
        (str(2 * number + 1), poison.reason) for number, poison in enumerate(poisons)
    ]
    assert {(each["__connect.errors.topic"], each["__connect.errors.partition"]) for each in told} == {
        ("profiles", "0")
    }
    assert [letter.value for letter in letters] == [poison.value for poison in poisons]
    assert state(bench, b"before").fragments["profiles"].position.offset == 2 * len(poisons) - 2
    assert state(bench, b"after").fragments["profiles"].text == a_fragment("last")
    assert bench.happened[-1] == f"acknowledged {2 * len(poisons)}"
    assert bench.ends("malformed") == len(poisons)
