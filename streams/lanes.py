"""Whose turn it is: one request at a time per profile, profiles in the order in which they became ready.

A lane is the exports of one profile that are fetched and not ended. Its head is *ready*, or *taken* (somebody serves
it) or *waiting* (it will be tried again); those behind it are none of these. Pure: who serves, and when a waiting head
is ready again, is decided by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Self, TypeVar


class Placed:
    """What stands in a lane; a lane is linked through its members, which costs no container per profile."""

    __slots__ = ("behind", "key")

    key: bytes
    behind: Self | None


T = TypeVar("T", bound=Placed)


class Lanes(Generic[T]):
    """The lanes of one assignment."""

    def __init__(self) -> None:
        self._last: dict[bytes, T] = {}
        self._ready: deque[T] = deque()
        self._keep: Callable[[T], bool] | None = None

    def __len__(self) -> int:
        """Return the number of lanes."""
        return len(self._last)

    @property
    def ready(self) -> int:
        """How many heads can be taken."""
        return len(self._ready)

    def add(self, item: T) -> None:
        """Put *item* behind the others of its key."""
        last = self._last.get(item.key)
        self._last[item.key] = item
        if last is None:
            self._ready.append(item)
        else:
            last.behind = item

    def take(self) -> T | None:
        """Return the next ready head; its lane gives no other until ``done`` or ``again`` is said of this one."""
        return self._ready.popleft() if self._ready else None

    def done(self, item: T) -> None:
        """Let the taken or waiting *item* go; the one behind it becomes ready."""
        if item.behind is None:
            del self._last[item.key]
        else:
            self._offer(item.behind)

    def again(self, item: T) -> None:
        """Make the taken or waiting *item* ready once more, behind the lanes that are ready now."""
        self._offer(item)

    def close(self, keep: Callable[[T], bool]) -> None:
        """From now on drop what *keep* refuses, and what stands behind it; an item that is taken stays taken."""
        self._keep = keep
        ready, self._ready = self._ready, deque()
        for item in ready:
            self._offer(item)

    def _offer(self, item: T) -> None:
        if self._keep is None or self._keep(item):
            self._ready.append(item)
        else:
            del self._last[item.key]
