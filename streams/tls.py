"""The TLS of Kafka's connections: always verified, and open to who must see what is written.

asyncio's and uvloop's transports keep what they encrypt to themselves, and write it when they see fit. A session of
this context shows it, so that a guard can write it to the socket by itself.
"""

from __future__ import annotations

import ssl
from typing import Any


class Session(ssl.SSLObject):
    """One connection's TLS; what it has encrypted is taken out of it by ``encrypted``."""

    outgoing: ssl.MemoryBIO

    def encrypted(self, data: bytes) -> bytes:
        """Return *data* as it must go over the wire, behind all that was returned before; raises SSLError."""
        left = memoryview(data)
        while left:
            left = left[self.write(left) :]
        return self.outgoing.read()


class Context(ssl.SSLContext):
    """A client's context: the other side's certificate and host name are verified, which nothing switches off."""

    sslobject_class = Session

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> Session:
        """Return a session that shows what it writes to *outgoing*."""
        session = super().wrap_bio(incoming, outgoing, *args, **options)
        assert isinstance(session, Session)
        session.outgoing = outgoing
        return session
