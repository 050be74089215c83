"""Whether a broker answers: a connection tells only that a socket is open, metadata tells that it serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

_STARTED_WITHIN_SECONDS = 90.0
_PAUSE_SECONDS = 0.1


def wait_until_it_answers(bootstrap: str, ended: Callable[[], str | None]) -> None:
    """Return when a metadata request is answered; *ended* tells why there will be no answer.

    It runs in a thread with a loop of its own, so that it serves fixtures and tests alike.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _wait(bootstrap, ended)).result()


async def _wait(bootstrap: str, ended: Callable[[], str | None]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_SECONDS
    while not await _answers(bootstrap):
        if (reason := ended()) is not None:
            raise RuntimeError(reason)
        if time.monotonic() > deadline:
            raise RuntimeError(f"no answer from {bootstrap} within {_STARTED_WITHIN_SECONDS:.0f} s")
        await asyncio.sleep(_PAUSE_SECONDS)


async def _answers(bootstrap: str) -> bool:
    if not await _listens(bootstrap):  # asked first, because aiokafka logs each refusal
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    else:
        return bool(cluster["brokers"])
    finally:
        await admin.close()


async def _listens(bootstrap: str) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
