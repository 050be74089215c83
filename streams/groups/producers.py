"""How a producer ends: what it has not written by then it never writes.

By itself it would hold on to that for ever, since an idempotent producer gives up nothing, and write it when the broker
is back, whoever the partitions belong to by then.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

from aiokafka.errors import KafkaConnectionError

from streams.groups.sockets import reset
from streams.stopping import stopped

GRACE_SECONDS = 1.0
"""How long what is under way may still take: with the broker there, it is written."""


async def ended(producer: Any, grace_seconds: float = GRACE_SECONDS) -> None:
    """End an `AIOKafkaProducer` in bounded time; what was not confirmed has failed when this returns."""
    stopping = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait([stopping], timeout=grace_seconds)
    if not done:
        reset(producer.client)
        await stopped(producer._sender.close())
        _fail_all(producer._message_accumulator)
    await stopped(stopping)
    await stopped(producer.client.close())


def _fail_all(accumulator: Any) -> None:
    held = list(chain.from_iterable(accumulator._batches.values()))
    accumulator._pending_batches.update(held)  # where aiokafka looks for each that it once sent, also if it put it back
    accumulator.fail_all(KafkaConnectionError("the producer was ended"))
    for batch in held:
        for future in (batch.future, batch._drain_waiter):
            future.exception()  # perhaps nobody else asks, and asyncio would say so in the log
