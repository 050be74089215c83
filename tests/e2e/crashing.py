"""A worker that ends itself at a named point between table write, changelog, export and commit.

``python -m tests.e2e.crashing POINT --config F``: everything is the real worker, but for its producer, which can
withhold one of the two kinds of topics, and for the points it passes. The process ends by ``os._exit``: nothing is
flushed, nothing is committed, nothing says goodbye.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from streams.activation.stage import Seams, new_producer
from streams.configuration import documents, settings
from streams.configuration.references import References
from streams.worker import run

CODE = 66
"""The exit code of a crash that was meant."""

APPLIED = "applied"
CHANGELOG_ONLY = "changelog-only"
EXPORTS_ONLY = "exports-only"
PASSED = ("confirmed", "stored", "acknowledged")
POINTS = (APPLIED, CHANGELOG_ONLY, EXPORTS_ONLY, *PASSED)


def crash() -> None:
    """End the process as a power cut would."""
    os._exit(CODE)


class Withholding:
    """A producer that crashes the process where *point* says; a batch that was let through is confirmed first."""

    def __init__(self, producer: Any, point: str) -> None:
        self._producer, self._point = producer, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[Any]:
        if self._point == APPLIED:
            crash()
        let_through = topic.endswith("-changelog") == (self._point == CHANGELOG_ONLY)
        if let_through:
            await (await self._producer.send_batch(batch, topic, partition=partition))
            crash()
        return _never()


def _never() -> asyncio.Future[Any]:
    """Stand for a batch that is not sent: the one that is let through ends the process."""
    return asyncio.get_running_loop().create_future()


def _seams(point: str) -> Seams:
    def passing(name: str) -> None:
        if name == point:
            crash()

    make: Callable[[settings.Settings], Any] = new_producer
    if point not in PASSED:
        make = lambda given: Withholding(new_producer(given), point)  # noqa: E731
    return Seams(new_producer=make, passing=passing)


def main() -> int:
    point, _, file = sys.argv[1:4]
    loaded = settings.load(Path(file), os.environ)
    references = References(os.environ, loaded.secrets.directory)
    return run(loaded, documents.load(loaded.documents, references), seams=_seams(point))


if __name__ == "__main__":
    sys.exit(main())
