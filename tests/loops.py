"""Event loops that a test leaves open; else the warning fails whichever test runs when one is collected."""

from __future__ import annotations

import asyncio


class Watching(asyncio.DefaultEventLoopPolicy):
    """Makes loops as ever, and knows those that are open."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[asyncio.AbstractEventLoop] = []

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a new loop."""
        loop = super().new_event_loop()
        self._made.append(loop)
        return loop

    def left_open(self) -> int:
        """Return how many loops are open that were made since the last call, and close them."""
        made, self._made = self._made, []
        left = [loop for loop in made if not (loop.is_closed() or loop.is_running())]
        for loop in left:
            loop.close()
        return len(left)
