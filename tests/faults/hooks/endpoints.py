"""What switches off the measures against an endpoint that misbehaves, or is in trouble."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import aiohttp

from streams.delivery.pace import Pace
from streams.delivery.progress import Progress
from streams.delivery.rates import Rate
from streams.delivery.rebuffs import Rebuffs
from streams.delivery.storms import Storm
from streams.endpoints import prepared
from streams.endpoints.endpoint import Endpoint
from streams.endpoints.retry_after import Asked
from streams.endpoints.wires import Wire
from tests.faults.hooks.replacing import replaced

GREEDY_BYTES = 16 * 1024 * 1024
"""What is read of an answer without a limit; more would be the machine's trouble."""


def no_patience() -> None:
    """Read no ``Retry-After``."""
    replaced(Endpoint, "_asked", lambda *_: Asked())


def no_second_sending() -> None:
    """Take a connection that was closed while it was idle for one that was lost."""
    replaced(Wire, "lost_while_idle", property(lambda _: False))


def read_answers() -> None:
    """Read answers whole, into memory."""

    async def drain(content: aiohttp.StreamReader) -> None:
        held = bytearray()
        with suppress(aiohttp.ClientError, OSError):
            while len(held) < GREEDY_BYTES and not content.at_eof():
                held += await content.readany()

    replaced(prepared, "drain", drain)


def no_storm_guard() -> None:
    """Refuse records one by one, however many of them."""
    replaced(Storm, "refused", lambda _: False)


def many_probes() -> None:
    """Send at fault as many requests at a time as at any other time."""

    def fault(self: Any) -> None:
        self.at_fault = True

    replaced(Pace, "fault", fault)
    replaced(Pace, "hold", lambda *_: None)


def running_clock() -> None:
    """Let the time of a record that fails run out, whether or not anything is delivered."""
    replaced(Progress, "elapsed", lambda _, now: now)


def no_clock_of_their_own() -> None:
    """Let the time of a record that holds up all others stand, as that of any other does while nothing is delivered."""
    replaced(Progress, "held_up", lambda *_: None)


def blame_the_destination() -> None:
    """Take a 401, 403 or 410 for the destination's trouble, whatever of it is delivered."""
    replaced(Rebuffs, "rebuffed", lambda *_: False)


def no_rate() -> None:
    """Send as many requests a second as one can."""
    replaced(Rate, "limit", lambda *_: None)
