"""Kafka's frames as they pass on the wire: which request one is, and an answer in the broker's place."""

from __future__ import annotations

import asyncio
import struct
from enum import IntEnum


class Api(IntEnum):
    """The numbers of Kafka's requests that faults are about."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14


class Code(IntEnum):
    """Error codes of Kafka's protocol, all of the kind that a client may try again."""

    REQUEST_TIMED_OUT = 7
    COORDINATOR_LOADING = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next frame, its length included; IncompleteReadError at the end."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int(struct.unpack(">i", size)[0]))


def request_api(frame: bytes) -> int:
    """Return the number of the request."""
    return int(struct.unpack_from(">h", frame, 4)[0])


def request_correlation(frame: bytes) -> int:
    """Return the number by which the answer will name the request."""
    return int(struct.unpack_from(">i", frame, 8)[0])


def answer_correlation(frame: bytes) -> int:
    """Return the number of the request that this answers."""
    return int(struct.unpack_from(">i", frame, 4)[0])


def refused_commit(frame: bytes, code: Code) -> bytes:
    """Return the answer to an OffsetCommit request (version 2 or 3) that refuses each of its partitions."""
    version = struct.unpack_from(">h", frame, 6)[0]
    if version not in (2, 3):
        raise ValueError(f"OffsetCommit version {version} is not known here")
    request = _Reader(frame, 12)
    for take in (request.text, request.text, lambda: request.skip(4), request.text, lambda: request.skip(8)):
        take()  # client id; group, generation, member, retention time
    body = struct.pack(">i", request_correlation(frame)) + (struct.pack(">i", 0) if version == 3 else b"")
    body += struct.pack(">i", topics := request.number())
    for _ in range(topics):
        body += request.text() + struct.pack(">i", partitions := request.number())
        for _ in range(partitions):
            body += struct.pack(">ih", request.number(), code)
            request.skip(8)  # the offset
            request.text()  # its metadata
    return struct.pack(">i", len(body)) + body


class _Reader:
    """Walks through a frame."""

    def __init__(self, frame: bytes, at: int) -> None:
        self._frame, self._at = frame, at

    def skip(self, count: int) -> None:
        self._at += count

    def number(self) -> int:
        (number,) = struct.unpack_from(">i", self._frame, self._at)
        self._at += 4
        return int(number)

    def text(self) -> bytes:
        """Return a string with its length, as it stands; a null one has length -1."""
        (length,) = struct.unpack_from(">h", self._frame, self._at)
        begin = self._at
        self._at += 2 + max(0, length)
        return self._frame[begin : self._at]
