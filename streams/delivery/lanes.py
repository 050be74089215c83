"""Whose turn it is: one request at a time per profile, and of the profiles that are ready the one that came first.

A lane is the exports of one profile that are fetched and not ended. Its head is *ready*, or *taken* (somebody serves
it) or *waiting* (it will be tried again); those behind it are none of these. Pure: who serves, and when a waiting head
is ready again, is decided by the caller. Nobody looks at what is not taken, so another may be put in its place.

The oldest goes first, so that a busy profile does not fall behind the others: nothing below an export that was not even
begun can be committed, and what has ended above it has to be remembered one by one.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, Self, TypeVar


class Placed:
    """What stands in a lane; a lane is linked through its members, which costs no container per profile."""

    __slots__ = ("arrival", "behind", "key", "size", "taken")

    key: bytes
    size: int
    """In bytes."""
    behind: Self | None
    arrival: int
    """Its number among all that were added; `Lanes` gives it."""
    taken: bool
    """Whether somebody serves it; `Lanes` says so."""


T = TypeVar("T", bound=Placed)


class Lanes(Generic[T]):
    """The lanes of one assignment."""

    def __init__(self) -> None:
        self._last: dict[bytes, T] = {}
        self._ready: list[tuple[int, int, T]] = []  # a heap; each with the size that it had when it came here
        self.ready_bytes = 0
        """The sizes of the heads that can be taken, together."""
        self._arrivals = 0
        self._closed = False

    def __len__(self) -> int:
        """Return the number of lanes."""
        return len(self._last)

    @property
    def ready(self) -> int:
        """How many heads can be taken."""
        return len(self._ready)

    def add(self, item: T) -> None:
        """Put *item* behind the others of its key."""
        self._arrivals += 1
        item.arrival, item.taken = self._arrivals, False
        last = self._last.get(item.key)
        self._last[item.key] = item
        if last is None:
            self._offer(item)
        else:
            last.behind = item

    def take(self) -> T | None:
        """Return the oldest ready head; its lane gives no other until ``done`` or ``again`` is said of this one."""
        if not self._ready:
            return None
        _, size, item = heappop(self._ready)
        self.ready_bytes -= size
        item.taken = True
        return item

    def last(self, key: bytes) -> T | None:
        """Return the last of a lane if nobody serves it; None also where there is no such lane."""
        item = self._last.get(key)
        return None if item is None or item.taken else item

    def done(self, item: T) -> None:
        """Let the taken or waiting *item* go; the one behind it becomes ready."""
        if item.behind is None:
            del self._last[item.key]
        else:
            self._offer(item.behind)

    def pull(self, item: T) -> T | None:
        """Take the one behind *item* out of the lane and return it."""
        following = item.behind
        if following is not None:
            item.behind, following.behind = following.behind, None
            if item.behind is None:
                self._last[item.key] = item
        return following

    def wait(self, item: T) -> None:
        """Let the taken *item* wait until ``again`` or ``done`` is said of it; nobody serves it any more."""
        item.taken = False

    def again(self, item: T) -> None:
        """Make the taken or waiting *item* ready once more; one that did not ``wait`` keeps its place for itself."""
        self._offer(item)

    def later(self, item: T) -> None:
        """Make the taken or waiting *item* ready again, behind all that are ready now."""
        self._arrivals += 1
        self._offer(item, self._arrivals)

    def close(self) -> None:
        """From now on no head is ready; an item that is taken stays taken."""
        self._closed = True
        self._ready.clear()
        self.ready_bytes = 0

    def _offer(self, item: T, order: int | None = None) -> None:
        if not self._closed:
            heappush(self._ready, (item.arrival if order is None else order, item.size, item))
            self.ready_bytes += item.size
