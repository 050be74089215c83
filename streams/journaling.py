"""The journal as a service of the worker, so that it outlives all that asks it."""

from __future__ import annotations

from typing import Any

from mode import Service

from streams.groups.journal import Journal


class Journaling(Service):  # type: ignore[misc]  # mode is untyped
    """Stops a journal, which follows its topic already: stages are put together by what it says."""

    def __init__(self, journal: Journal, **options: Any) -> None:
        super().__init__(**options)
        self._journal = journal

    async def on_stop(self) -> None:
        """Stop following."""
        await self._journal.stop()
