from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from streams.delivery.lanes import Lanes, Placed


class Item(Placed):
    """An arrival with its number."""

    __slots__ = ("number",)

    def __init__(self, key: bytes, number: int) -> None:
        self.key, self.number, self.behind, self.size = key, number, None, number % 7


KEYS = st.sampled_from([b"a", b"b", b"c"])


class AnyArrivalsAndOutcomes(RuleBasedStateMachine):
    """Whatever arrives and however it goes: one in flight per key, per key in order, none lost, none twice."""

    taken = Bundle("taken")
    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[Item] = Lanes()
        self.arrived = 0
        self.left: dict[bytes, list[int]] = {}
        self.held: set[bytes] = set()
        self.served: set[bytes] = set()
        self.heads: dict[bytes, Item] = {}

    @rule(key=KEYS)
    def arrive(self, key: bytes) -> None:
        self.arrived += 1
        item = Item(key, self.arrived)
        self.lanes.add(item)
        if not self.left.setdefault(key, []):
            self.heads[key] = item
        self.left[key].append(self.arrived)

    @precondition(lambda self: self.lanes.ready)
    @rule(target=taken)
    def take(self) -> Item:
        item = self.lanes.take()
        assert item is not None
        assert item.key not in self.held
        assert item.number == self.left[item.key][0]
        assert item.number == min(left[0] for key, left in self.left.items() if left and key not in self.held)
        self.held.add(item.key)
        self.served.add(item.key)
        return item

    @rule(item=consumes(taken))
    def end(self, item: Item) -> None:
        self._end(item)

    @rule(target=waiting, item=consumes(taken))
    def wait(self, item: Item) -> Item:
        self.served.discard(item.key)
        self.lanes.wait(item)
        return item

    @rule(item=consumes(taken))
    def put_back(self, item: Item) -> None:
        self.held.discard(item.key)
        self.lanes.again(item)

    @rule(key=KEYS)
    def pull_the_second(self, key: bytes) -> None:
        """Only while nobody looks at it, and so through the head."""
        if len(left := self.left.get(key, [])) > 1:
            pulled = self.lanes.pull(self.heads[key])
            assert pulled is not None
            assert pulled.number == left.pop(1)

    @invariant()
    def the_last_of_a_lane_is_given_unless_it_is_served(self) -> None:
        for key, left in self.left.items():
            last = self.lanes.last(key)
            is_served = len(left) == 1 and key in self.served
            assert (None if last is None else last.number) == (left[-1] if left and not is_served else None)

    @rule(item=consumes(waiting))
    def try_again(self, item: Item) -> None:
        self.held.discard(item.key)
        self.lanes.again(item)

    @rule(item=consumes(waiting))
    def end_without_another_attempt(self, item: Item) -> None:
        self._end(item)

    @invariant()
    def every_lane_that_nobody_holds_is_ready(self) -> None:
        open_lanes = {key for key, left in self.left.items() if left}
        assert len(self.lanes) == len(open_lanes)
        assert self.lanes.ready == len(open_lanes - self.held)
        assert self.lanes.ready_bytes == sum(self.left[key][0] % 7 for key in open_lanes - self.held)

    def _end(self, item: Item) -> None:
        assert self.left[item.key].pop(0) == item.number
        self.held.discard(item.key)
        self.served.discard(item.key)
        if item.behind is not None:
            self.heads[item.key] = item.behind
        self.lanes.done(item)


TestAnyArrivalsAndOutcomes = AnyArrivalsAndOutcomes.TestCase
TestAnyArrivalsAndOutcomes.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


def test_a_busy_profile_does_not_fall_behind_the_others() -> None:
    lanes: Lanes[Item] = Lanes()
    for number, key in enumerate([b"a", b"a", b"b", b"a", b"c"]):
        lanes.add(Item(key, number))
    taken = []
    while (item := lanes.take()) is not None:
        taken.append(item.number)
        lanes.done(item)

    assert taken == [0, 1, 2, 3, 4]


def test_closed_lanes_give_nothing_more() -> None:
    lanes: Lanes[Item] = Lanes()
    for number, key in enumerate([b"a", b"b", b"a", b"b", b"c"]):
        lanes.add(Item(key, number))
    held, failed = lanes.take(), lanes.take()
    assert held is not None
    assert failed is not None
    lanes.close()
    lanes.done(held)
    lanes.again(failed)

    assert lanes.take() is None
    assert lanes.ready == lanes.ready_bytes == 0


def test_who_is_put_behind_the_others_comes_after_them_and_before_who_arrives_then() -> None:
    lanes: Lanes[Item] = Lanes()
    for number, key in enumerate([b"a", b"b", b"a", b"c"]):
        lanes.add(Item(key, number))
    first = lanes.take()
    assert first is not None
    lanes.wait(first)
    lanes.later(first)
    lanes.add(Item(b"d", 4))

    heads = [lanes.take() for _ in range(lanes.ready)]
    order = [head and head.key for head in heads]
    assert order == [b"b", b"c", b"a", b"d"]
    lanes.done(first)
    behind = lanes.take()
    assert behind is not None
    assert behind.number == 2
