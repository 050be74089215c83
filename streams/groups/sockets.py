"""What keeps a worker that may have lost its partitions from writing for them: checks where bytes are written.

It knows aiokafka's internals: every request passes ``AIOKafkaConnection.send``, every connection ``_get_conn``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import CloseReason
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    TxnOffsetCommitRequest,
)

from streams.groups.lease import Lease
from streams.groups.writers import LeaseLapsedError, Writer, forget_at_close

WRITES = (
    *(ProduceRequest, OffsetCommitRequest),
    *(AddPartitionsToTxnRequest, AddOffsetsToTxnRequest, TxnOffsetCommitRequest, EndTxnRequest),
)
"""Requests that only who holds the partitions may make; all others may pass, or the lease would never be renewed."""

__all__ = ["WATCH_SECONDS", "WRITES", "LeaseLapsedError", "guard", "reset", "watch"]

WATCH_SECONDS = 0.1
"""How soon a lapse is noticed, beside the check of each request."""


def guard(client: AIOKafkaClient, lease: Lease) -> None:
    """Let no request of ``WRITES`` be written to a socket of *client* unless *lease* is held at that moment."""
    connect = client._get_conn

    async def guarded(*args: Any, **options: Any) -> Any:
        connection = await connect(*args, **options)
        if connection is not None:
            _guard(connection, lease)
        return connection

    client._get_conn = guarded
    for connection in client._conns.values():
        _guard(connection, lease)


def _guard(connection: Any, lease: Lease) -> None:
    if not connection.connected():
        return
    if not isinstance(connection._writer, Writer):
        connection._writer = Writer(connection)
        connection.send = _telling(connection._writer, connection.send)
    if lease not in connection._writer.leases:
        connection._writer.leases.append(lease)


def _telling(writer: Writer, send: Callable[..., Any]) -> Callable[..., Any]:
    """Return a *send* that tells the writer whether it is a write."""

    def sent(request: Any, expect_response: bool = True) -> Any:
        writer.needs_lease = isinstance(request, WRITES)
        return send(request, expect_response=expect_response)

    return sent


def reset(client: AIOKafkaClient) -> None:
    """Reset the connections of *client*: what lies in buffers, the kernel's too, never arrives; it connects anew."""
    for connection in list(client._conns.values()):
        if connection.connected():
            _reset(connection)


def _reset(connection: Any) -> None:
    transport = connection._writer.transport
    forget_at_close(transport)
    transport.abort()
    connection.close(reason=CloseReason.CONNECTION_BROKEN)


async def watch(
    lease: Lease,
    clients: Callable[[], Iterable[AIOKafkaClient]],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Reset what *clients* returns whenever the lease lapses, once per lapse; runs until it is cancelled."""
    was_held = False
    while True:
        held = lease.held
        if was_held and not held:
            for client in clients():
                reset(client)
        was_held = held
        await sleep(WATCH_SECONDS)
