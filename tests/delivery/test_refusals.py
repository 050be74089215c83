from __future__ import annotations

from streams.delivery.refusals import Refusal, Refusals

REFUSAL = Refusal("rejected", 400, 2)


def test_those_that_wait_are_accepted_and_no_later_ones() -> None:
    refusals = Refusals()
    assert not refusals
    refusals.waits((0, 7), REFUSAL)
    assert refusals.accepted((0, 7)) is None

    assert refusals.accept() == 1
    refusals.waits((0, 8), REFUSAL)
    assert (refusals.accepted((0, 7)), refusals.accepted((0, 8))) == (REFUSAL, None)


def test_one_that_has_ended_is_not_accepted() -> None:
    refusals = Refusals()
    for offset in (7, 8):
        refusals.waits((0, offset), REFUSAL)
    refusals.ended((0, 7))
    refusals.accept()
    assert refusals.accepted((0, 7)) is None

    refusals.ended((0, 8))
    assert not refusals


def test_those_of_partitions_that_went_are_forgotten() -> None:
    refusals = Refusals()
    refusals.waits((0, 7), REFUSAL)
    refusals.waits((1, 7), REFUSAL)
    refusals.keep({1})

    assert refusals.accept() == 1
    refusals.keep(set())
    assert not refusals
