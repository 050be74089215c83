from __future__ import annotations

from streams.delivery.pace import Pace
from tests.waiting import until


async def test_a_hold_takes_all_requests_and_the_longer_one_counts() -> None:
    raised = list[int]()
    pace = Pace(8, lambda: raised.append(pace.limit))
    pace.hold(0.02)
    pace.hold(0.0)
    assert pace.limit == 0

    await until(lambda: bool(raised))
    assert raised == [8]


async def test_a_fault_leaves_one_probe_until_it_recovers() -> None:
    raised = list[int]()
    pace = Pace(8, lambda: raised.append(pace.limit))
    pace.fault()
    assert pace.limit == 1

    pace.recover()
    assert (pace.limit, raised) == (8, [8])


async def test_a_hold_outlasts_a_recovery_and_a_fault_outlasts_a_hold() -> None:
    raised = list[int]()
    pace = Pace(8, lambda: raised.append(pace.limit))
    pace.fault()
    pace.hold(0.01)
    await until(lambda: bool(raised))
    assert raised == [1]

    pace.hold(0.01)
    pace.recover()
    assert pace.limit == 0
    await until(lambda: len(raised) == 2)
    assert raised == [1, 8]


async def test_a_closed_pace_is_not_raised_again() -> None:
    pace = Pace(8, lambda: None)
    pace.fault()
    pace.close()
    pace.recover()

    assert pace.limit == 0
