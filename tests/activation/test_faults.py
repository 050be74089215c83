"""A topic that refuses is asked again, less and less often, until it is sound."""

from __future__ import annotations

from streams.activation.faults import FIRST_SECONDS, LONGEST_SECONDS, Faults

TOPIC = "app.exports.crm.1"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def waited(clock: Clock, faults: Faults) -> float:
    """Return how long it takes until the topic is asked."""
    start = clock.now
    while not list(faults.due(())):
        clock.now += FIRST_SECONDS / 2
    return clock.now - start


def test_it_is_asked_again_less_and_less_often() -> None:
    clock = Clock()
    faults = Faults(clock)
    waits = []
    for _ in range(8):
        faults.refused(TOPIC, "topic-missing")
        waits.append(waited(clock, faults))

    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS]
    assert faults.reasons == {TOPIC: "topic-missing"}


def test_one_that_says_yes_and_then_refuses_is_not_asked_more_often_by_that() -> None:
    clock = Clock()
    faults = Faults(clock)
    waits = []
    for _ in range(3):
        faults.refused(TOPIC, "not-authorized")
        waits.append(waited(clock, faults))
        faults.accepted(TOPIC)

    assert waits == [1, 2, 4]
    assert TOPIC not in faults
    assert faults.is_sound(TOPIC)


def test_one_that_was_sound_for_long_begins_anew() -> None:
    clock = Clock()
    faults = Faults(clock)
    for _ in range(3):
        faults.refused(TOPIC, "topic-missing")
    faults.accepted(TOPIC)
    clock.now += LONGEST_SECONDS + 1
    faults.refused(TOPIC, "topic-missing")

    assert waited(clock, faults) == FIRST_SECONDS
    assert not faults.is_sound(TOPIC)


def test_one_that_something_may_be_owed_to_is_asked_at_once_and_only_once() -> None:
    faults = Faults(Clock())
    assert list(faults.due({TOPIC})) == [TOPIC]

    faults.accepted(TOPIC)

    assert list(faults.due({TOPIC})) == []


def test_the_topic_of_a_destination_that_is_gone_is_forgotten() -> None:
    faults = Faults(Clock())
    faults.refused(TOPIC, "topic-missing")
    faults.accepted("app.exports.ads.1")
    faults.keep({"app.exports.ads.1"})

    assert not faults
    assert faults.is_sound("app.exports.ads.1")
