"""Prepared requests end as `aiohttp.ClientSession`'s do, whatever an endpoint does, and it gets the same from them.

Each scenario is run both ways: what became of every request, what came to the endpoint, and which connections it came
on must be the same.
"""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from streams.endpoints.plain import PlainRequests
from streams.endpoints.prepared import PreparedRequests
from tests.endpoints.scenarios import SCENARIOS, seen

OF_TRANSPORTS = [name for name in SCENARIOS if name.startswith(("body-large", "tls", "reset", "read-timeout"))]
"""Those in which a loop's transports differ."""


def both(name: str, new_loop: type[asyncio.AbstractEventLoop]) -> None:
    """Run a scenario both ways and compare."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        plain = runner.run(seen(SCENARIOS[name], PlainRequests))
        prepared = runner.run(seen(SCENARIOS[name], PreparedRequests))

    assert prepared == plain
    assert len(plain.ends) == len(SCENARIOS[name].posted)


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_ways_come_to_the_same(name: str) -> None:
    both(name, uvloop.Loop)


@pytest.mark.parametrize("name", OF_TRANSPORTS)
def test_both_ways_come_to_the_same_in_the_standard_librarys_loop(name: str) -> None:
    both(name, asyncio.SelectorEventLoop)
