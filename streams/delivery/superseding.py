"""How an arrival takes the place of an older export of its profile that nobody serves (``supersede: true``).

The older ends as superseded, at once, and its offset may be committed. A kill loses nothing by that: the newer stands
at a higher offset of the same partition and has not ended, so no commit passes it, and whoever comes next fetches it.
It may end otherwise than delivered, and then with the older one's duty: withdrawn, its profile is exported anew;
refused, it is a dead letter that says all that the older would have said.

The newer is posted once a commit has told that the older ended. Otherwise a kill right after it would bring back the
older alone, to be posted for the first time behind the newer; and an endpoint that ignores an id it has seen would
ignore the newer that follows, and keep the older. From its turn until it is posted nothing else takes its place, so
that a profile which changes all the time is not held for ever.

What the newer takes over is the age of the oldest that it stands in for, as long as it is held here: a new owner sees
the age of what it fetches.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.delivery.ending import Ends
from streams.delivery.lanes import Lanes
from streams.delivery.pending import Pending, read_export
from streams.delivery.replacing import replaces
from streams.delivery.tools import Tools
from streams.ends import ExportEnd


class Superseding:
    """Of one dispatch; where the destination has it off, all goes on in turn."""

    def __init__(self, tools: Tools, lanes: Lanes[Pending], ends: Ends) -> None:
        self._destination, self._lanes, self._ends = tools.destination, lanes, ends
        self._is_on = tools.destination.delivery.supersede
        self._held: list[Pending] = []
        self.put: Callable[[Pending], None] = self._put if self._is_on else lanes.add
        """Takes an arrival."""

    def wait(self, head: Pending) -> None:
        """Let a taken head wait; what has come behind it meanwhile takes its place, if that says all of it."""
        if self._is_on and head.behind is not None and self._replaces(head.behind, head):
            newer = self._lanes.pull(head)
            assert newer is not None
            self._replace(head, newer)
        self._lanes.wait(head)

    def hold(self, head: Pending) -> None:
        """Keep a taken head until a commit has told of all that it replaced."""
        self._held.append(head)

    def told(self) -> None:
        """Let those go on that waited for the commit that was written now."""
        held, self._held = self._held, []
        for head in held:
            if head.is_told:
                self._lanes.again(head)
            else:
                self._held.append(head)

    def _put(self, arrival: Pending) -> None:
        """Put *arrival* in the place of the last of its lane, where that waits and is all said by it; else behind it.

        Of a lane only the last is looked at: each before it is being posted, or could not be replaced.
        """
        older = self._lanes.last(arrival.key)
        if older is not None and self._replaces(arrival, older):
            self._replace(older, arrival)
        else:
            self._lanes.add(arrival)

    def _replace(self, older: Pending, newer: Pending) -> None:
        window = older.window
        age = window.age(older.record.offset)
        former = older.replaced(newer)
        window.inherits(older.record.offset, age)
        self._ends.end_placeless(former, ExportEnd.SUPERSEDED)
        older.untold = window.ends

    def _replaces(self, newer: Pending, older: Pending) -> bool:
        if newer.window is not older.window:
            return False  # the topic was given more partitions, and commits of two are two
        for each in (newer, older):
            if each.export is None:
                each.export = read_export(each.record)
            if each.export is None:
                return False  # it is to be a dead letter
        assert newer.export is not None
        assert older.export is not None
        return replaces(newer.export, older.export, self._destination)
