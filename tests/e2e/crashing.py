"""A worker that ends itself at a named point between table write, changelog, export and commit.

``python -m tests.e2e.crashing POINT --config F``: everything is the real worker, but for its producer, which can end
the process once the first batch for one of the two kinds of topics is confirmed, and for the points it passes. The
process ends by ``os._exit``: nothing is flushed, nothing is committed, nothing says goodbye.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from streams.activation.stage import Seams, new_producer
from streams.configuration import settings
from streams.worker import run

CODE = 66
"""The exit code of a crash that was meant."""

APPLIED = "applied"
CHANGELOG_ONLY = "changelog-only"
FIRST_EXPORTS = "first-exports"
PASSED = ("confirmed", "stored", "acknowledged")
RAISED = "raised"
"""Not a power cut, but a defect: an exception that nobody expects, of the work beside the records."""
POINTS = (APPLIED, CHANGELOG_ONLY, FIRST_EXPORTS, *PASSED)


def crash() -> None:
    """End the process as a power cut would."""
    os._exit(CODE)


class Crashing:
    """A producer that crashes the process where *point* says: once the batch that it names is confirmed."""

    def __init__(self, producer: Any, point: str) -> None:
        self._producer, self._point = producer, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[Any]:
        if self._point == APPLIED:
            crash()
        answer: Awaitable[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        if topic.endswith("-changelog") == (self._point == CHANGELOG_ONLY):
            await answer
            crash()
        return answer


def _seams(point: str) -> Seams:
    def passing(name: str) -> None:
        if point == RAISED:
            raise ZeroDivisionError("a defect, and the canary of its record")
        if name == point:
            crash()

    make: Callable[[settings.Settings], Any] = new_producer
    if point not in {*PASSED, RAISED}:
        make = lambda given: Crashing(new_producer(given), point)  # noqa: E731
    return Seams(new_producer=make, passing=passing)


def main() -> int:
    point, _, file = sys.argv[1:4]
    loaded = settings.load(Path(file), os.environ)
    return run(loaded, environ=os.environ, seams=_seams(point))


if __name__ == "__main__":
    sys.exit(main())
