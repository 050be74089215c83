"""What one request carries where an endpoint takes several exports at a time: their bodies, joined, and a key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from streams.destinations import Batch
from streams.exports import Posted, named

_NAMESPACE = UUID("0b5d9c3e-6f0a-5d43-8a55-3e1f7c9d2b60").bytes
"""The root of all keys of batches. It never changes: what an endpoint has seen it would not know again."""

_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


@dataclass(frozen=True, slots=True)
class Joined:
    """A batch as it is posted. The same members in the same order have the same id and the same body."""

    id: str
    body: bytes = field(repr=False)
    traceparent: str | None = None


class Batching:
    """How a destination's exports travel together; *max_body* is what a request's body may hold at most, if limited."""

    def __init__(self, bounds: Batch, max_body: int | None = None) -> None:
        self.max_exports, self.linger_seconds = bounds.max_exports, bounds.linger_seconds
        self._max_bytes = bounds.max_bytes if max_body is None else min(bounds.max_bytes, max_body)
        self._format = bounds.format
        self._frame = 1 if bounds.format == "array" else 0  # beside one byte per member: its comma, or end of line

    def filled(self, count: int, size: int) -> int:
        """Return how many requests *count* exports, whose bodies have *size* bytes, fill at least."""
        return max(count // self.max_exports, self._length(count, size) // self._max_bytes)

    def fits(self, count: int, size: int, more: int) -> bool:
        """Whether *count* exports of *size* bytes leave room for one of *more* bytes; a first one has its room."""
        if not count:
            return True
        return count < self.max_exports and self._length(count + 1, size + more) <= self._max_bytes

    def joined(self, members: Sequence[Posted]) -> Joined:
        """Return *members*, at least one, as one request.

        Also one alone has a key of its own: its bytes are not those that its export's id stands for. So has each
        format.
        """
        key = named(_NAMESPACE, "\n".join([self._format, *[each.id for each in members]]).encode())
        trace = members[0].traceparent if len(members) == 1 else None
        return Joined(key, self._body([each.body for each in members]), trace)

    def _length(self, count: int, size: int) -> int:
        return size + count + self._frame

    def _body(self, bodies: list[bytes]) -> bytes:
        if self._format == "array":
            return b"[" + b",".join(bodies) + b"]"
        # Activation writes each body on one line. Elsewhere JSON has the ends of lines between its parts only.
        lines = [body.translate(_LINE_ENDS) if b"\n" in body or b"\r" in body else body for body in bodies]
        return b"\n".join(lines) + b"\n"


def content_type(batch: Batch | None) -> str:
    """Return what a destination's requests are, None where each carries one export."""
    return "application/x-ndjson" if batch is not None and batch.format == "ndjson" else "application/json"


def frame_bytes(batch: Batch | None) -> int:
    """Return how much larger a request is than the one export that it carries."""
    if batch is None:
        return 0
    return 2 if batch.format == "array" else 1


def half(count: int) -> int:
    """Return how many of a batch that was refused go first; the others follow."""
    return (count + 1) // 2
