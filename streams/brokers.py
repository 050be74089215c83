"""Where the brokers are and how one logs in to them: the one value from which every Kafka client is made.

No other module constructs a client, so none can be forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection

from streams.metadata import create_nothing
from streams.secrets import Secret
from streams.tls import Context

create_nothing()

CLOSE_SECONDS = 1.0
"""How long the other side's farewell is waited for, with which TLS ends."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the brokers, by SASL; *mechanism* is ``PLAIN`` or ``SCRAM-SHA-...``."""

    mechanism: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Brokers:
    """The brokers to ask first, each ``host:port``, and what their listeners want: TLS, a login, both or neither."""

    servers: tuple[str, ...]
    tls: Context | None = None
    login: Login | None = None

    def __str__(self) -> str:
        return ",".join(self.servers)

    @property
    def protocol(self) -> str:
        """Kafka's name of what the listeners want."""
        transport = "PLAINTEXT" if self.tls is None else "SSL"
        return transport if self.login is None else f"SASL_{transport}"

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """Return a producer that is not started."""
        return AIOKafkaProducer(bootstrap_servers=list(self.servers), **self._access, **options)

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        """Return a consumer that is not started."""
        return AIOKafkaConsumer(bootstrap_servers=list(self.servers), **self._access, **options)

    def admin(self, **options: Any) -> AIOKafkaAdminClient:
        """Return an admin client that is not started."""
        return AIOKafkaAdminClient(bootstrap_servers=list(self.servers), **self._access, **options)

    @asynccontextmanager
    async def connected(self, host: str, port: int, *, timeout_seconds: float) -> AsyncIterator[AIOKafkaConnection]:
        """Lend a connection to one broker that has let us in; raises what keeps us out, which a client would hide."""
        milliseconds = int(timeout_seconds * 1000)
        connection = AIOKafkaConnection(host, port, request_timeout_ms=milliseconds, **self._access)
        try:
            await connection.connect()
            yield connection
        finally:
            closed = connection.close()
            if connection._protocol is not None:  # it came as far as to have something that closes
                await asyncio.wait([closed], timeout=CLOSE_SECONDS)

    @property
    def _access(self) -> dict[str, Any]:
        access: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.login is not None:
            access |= {
                "sasl_mechanism": self.login.mechanism,
                "sasl_plain_username": self.login.username,
                "sasl_plain_password": self.login.password.reveal(),
            }
        return access
