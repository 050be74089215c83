from __future__ import annotations

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from streams.telemetry.pulse import Progress, Pulse, Sample, alive, follow


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


class Stage:
    def __init__(self) -> None:
        self.finished, self.lag = 0, 0
        self.waiting: str | None = None

    def __call__(self) -> Sample:
        return Sample(self.finished, self.lag, self.waiting)


def a_pulse() -> tuple[Clock, Stage, Pulse]:
    clock, stage = Clock(), Stage()
    pulse = Pulse(clock, stuck_after_seconds=60)
    pulse.watch("delivery of crm", stage)
    pulse.beat()
    return clock, stage, pulse


def beats(pulse: Pulse, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.time += 1
        pulse.beat()


def test_a_stage_with_work_that_finishes_nothing_is_stuck_and_lives_again_when_it_does() -> None:
    clock, stage, pulse = a_pulse()
    stage.lag = 5
    beats(pulse, clock, 60)
    assert pulse.live()[0]

    beats(pulse, clock, 1)
    good, why = pulse.live()
    assert not good
    assert "delivery of crm has work and finished nothing for 61 s" in why

    stage.finished += 1
    beats(pulse, clock, 1)
    assert pulse.live()[0]


def test_a_stage_without_work_may_rest() -> None:
    clock, _, pulse = a_pulse()
    beats(pulse, clock, 10_000)

    assert pulse.live()[0]


def test_a_stage_that_waits_for_what_it_may_wait_for_is_not_stuck_but_is_when_it_waits_no_more() -> None:
    clock, stage, pulse = a_pulse()
    stage.lag, stage.waiting = 5, "paused"
    beats(pulse, clock, 10_000)
    assert pulse.live()[0]

    stage.waiting = None
    beats(pulse, clock, 61)
    assert not pulse.live()[0]


def test_slow_work_is_work() -> None:
    clock, stage, pulse = a_pulse()
    stage.lag = 5
    for _ in range(20):
        beats(pulse, clock, 55)
        stage.finished += 1

    assert pulse.live()[0]


def test_a_loop_that_does_not_turn_is_not_alive() -> None:
    clock, _, pulse = a_pulse()
    clock.time += 61

    assert pulse.live() == (False, "the event loop has not turned for 61 s")


def test_one_stuck_stage_is_enough_and_is_named() -> None:
    clock, stage, pulse = a_pulse()
    other = Stage()
    pulse.watch("activation", other)
    stage.lag = other.lag = 1
    for _ in range(61):
        other.finished += 1
        beats(pulse, clock, 1)

    good, why = pulse.live()
    assert not good
    assert "delivery of crm" in why
    assert "activation" not in why


def test_a_stage_that_ended_is_looked_at_no_more() -> None:
    clock, stage, pulse = a_pulse()
    stage.lag = 5
    pulse.forget("delivery of crm")
    beats(pulse, clock, 100)

    assert pulse.live()[0]


def test_a_stage_that_cannot_be_looked_at_is_found_stuck_and_the_beat_goes_on() -> None:
    clock, _, pulse = a_pulse()

    def broken() -> Sample:
        raise RuntimeError("no such window")

    pulse.watch("broken", broken)
    beats(pulse, clock, 62)

    good, why = pulse.live()
    assert not good
    assert why.startswith("broken has work")


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from([None, "paused"])), min_size=1, max_size=100)
)
def test_stuck_means_work_and_no_wait_and_no_progress_all_the_time(steps: list[tuple[bool, int, str | None]]) -> None:
    progress, finished = Progress(0, 0.0), 0
    for now, (moved, lag, waiting) in enumerate(steps, 1):
        finished += moved
        progress = follow(progress, Sample(finished, lag, waiting), float(now))
    idle = 0
    for moved, lag, waiting in reversed(steps):
        if moved or not lag or waiting:
            break
        idle += 1

    good, _ = alive({"stage": progress}, beat=len(steps), now=len(steps), stuck_after_seconds=10)
    assert good is (idle <= 10)


async def test_a_blocked_loop_shows_as_lag() -> None:
    pulse = Pulse(time.monotonic, beat_seconds=0.01)
    await pulse.start()
    try:
        await asyncio.sleep(0)
        until = time.monotonic() + 0.15
        while time.monotonic() < until:
            """Hold the loop."""
        async with asyncio.timeout(90):
            while pulse.loop_lag() < 0.1:  # noqa: ASYNC110 - a beat tells nobody
                await asyncio.sleep(0)
    finally:
        await pulse.stop()


async def test_stopping_ends_the_task_and_may_be_repeated() -> None:
    pulse = Pulse(time.monotonic)
    await pulse.start()
    await pulse.stop()
    await pulse.stop()

    assert asyncio.all_tasks() == {asyncio.current_task()}
