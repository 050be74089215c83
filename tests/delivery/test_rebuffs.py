from __future__ import annotations

from streams.delivery.rebuffs import Rebuffs


def test_a_profile_is_alone_in_it_once_another_was_delivered_in_between() -> None:
    rebuffs = Rebuffs()
    assert not rebuffs.rebuffed(b"a", 5)
    assert not rebuffs.rebuffed(b"a", 5)
    assert not rebuffs.is_selective

    rebuffs.delivered(b"b")
    assert rebuffs.rebuffed(b"a", 6)
    assert rebuffs.rebuffed(b"a", 6), "its next export need not prove it again"
    assert rebuffs.is_selective


def test_a_profile_that_was_delivered_itself_is_not_alone_in_it() -> None:
    rebuffs = Rebuffs()
    rebuffs.rebuffed(b"a", 5)
    rebuffs.delivered(b"a")

    assert not rebuffs.rebuffed(b"a", 6)
    assert not rebuffs.is_selective


def test_different_profiles_are_counted_until_one_is_delivered() -> None:
    rebuffs = Rebuffs()
    for key in (b"a", b"b", b"b", b"c"):
        rebuffs.rebuffed(key, 0)
    assert rebuffs.since_delivery == 3

    rebuffs.delivered(b"d")
    assert rebuffs.since_delivery == 0


def test_who_met_it_alone_is_suspected_until_it_is_delivered_itself() -> None:
    rebuffs = Rebuffs()
    rebuffs.rebuffed(b"a", 0)
    rebuffs.probed(b"a")
    assert not rebuffs.is_selective

    rebuffs.rebuffed(b"a", 1)
    rebuffs.probed(b"b")
    assert rebuffs.is_selective
    rebuffs.delivered(b"a")
    assert not rebuffs.is_selective


def test_of_several_that_met_it_none_is_suspected() -> None:
    rebuffs = Rebuffs()
    rebuffs.rebuffed(b"a", 0)
    rebuffs.rebuffed(b"b", 0)
    rebuffs.probed(b"c")

    assert not rebuffs.is_selective


def test_only_so_many_profiles_are_remembered() -> None:
    rebuffs = Rebuffs(limit=2)
    for key in (b"a", b"b", b"c"):
        rebuffs.rebuffed(key, 0)

    assert [rebuffs.rebuffed(key, 1) for key in (b"b", b"c", b"a")] == [True, True, False]


def test_however_many_profiles_meet_it_some_are_remembered() -> None:
    rebuffs = Rebuffs(limit=5)
    for number in range(1_000):
        rebuffs.rebuffed(b"%d" % number, 0)

    assert rebuffs.since_delivery == 5
