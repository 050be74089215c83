"""The section ``kafka`` of the worker's settings: how the brokers are reached, and what must hold between its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from streams.brokers import Brokers, Login
from streams.codes import Mistake
from streams.configuration.certificates import load
from streams.configuration.fields import Model
from streams.configuration.names import Commas, Integer, Line, Server
from streams.configuration.sections import Located
from streams.configuration.unseen import Unseen
from streams.configuration.validation import Flaw, refuse
from streams.secrets import Secret
from streams.tls import Context


def _not_empty(servers: tuple[str, ...]) -> tuple[str, ...]:
    refuse([] if servers else [Flaw("is empty", "name at least one broker", code=Mistake.MISSING_VALUE)])
    return servers


class Kafka(Model):
    """How the brokers are reached."""

    bootstrap_servers: Annotated[tuple[Server, ...], Commas, AfterValidator(_not_empty)] = Field(
        default=("localhost:9092",), description="The brokers to ask first, as host:port."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How connections are secured; with SSL the brokers' certificates and host names are verified.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How we log in, where SASL is used."
    )
    sasl_username: Line | None = Field(default=None, description="The user that we log in as.")
    sasl_password: Unseen | None = Field(
        default=None,
        description="A reference to the user's password; in the environment, the password itself may stand.",
    )
    ssl_cafile: Located | None = Field(
        default=None,
        description="The authorities, as PEM, whose certificates the brokers may have; the system's, when not given.",
    )
    ssl_certfile: Located | None = Field(
        default=None, description="Our own certificate with those above it, as PEM, where the brokers want one."
    )
    ssl_keyfile: Located | None = Field(default=None, description="The key of that certificate, as PEM.")
    ssl_key_password: Unseen | None = Field(
        default=None, description="The password of an encrypted key, given as saslPassword is."
    )
    replication_factor: Annotated[Integer, Field(ge=1, le=32_767)] | None = Field(
        default=None, description="Replicas of the topics that are created; none = what the broker does by default."
    )

    _brokers: Brokers = PrivateAttr()

    @property
    def brokers(self) -> Brokers:
        """What every client is made from."""
        return self._brokers

    @property
    def secrets(self) -> list[Secret]:
        """What must not be seen."""
        return [secret for secret in (self.sasl_password, self.ssl_key_password) if secret is not None]

    @model_validator(mode="after")
    def _can_be_reached(self) -> Kafka:
        flaws = [*_login_flaws(self), *_tls_flaws(self)]
        self._brokers = Brokers(self.bootstrap_servers, _context(self, flaws), _login(self))
        refuse(flaws)
        return self


def _login_flaws(kafka: Kafka) -> Iterator[Flaw]:
    """Refuse a part of a login without the others, and one where none is asked for."""
    values = {
        "saslMechanism": kafka.sasl_mechanism,
        "saslUsername": kafka.sasl_username,
        "saslPassword": kafka.sasl_password,
    }
    protocol = kafka.security_protocol
    secured = "SASL_SSL" if protocol == "SSL" else "SASL_SSL or SASL_PLAINTEXT"
    for key, value in values.items():
        if protocol.startswith("SASL_") and value is None:
            yield Flaw("is missing", f"{protocol} needs {', '.join(values)}", (key,), Mistake.MISSING_VALUE)
        if not protocol.startswith("SASL_") and value is not None:
            yield _beside(f"is given, but {protocol} has no login", _elsewhere(secured), key)


def _tls_flaws(kafka: Kafka) -> Iterator[Flaw]:
    """Refuse a certificate without its key, and any of both where there is no TLS."""
    values = {
        "sslCafile": kafka.ssl_cafile,
        "sslCertfile": kafka.ssl_certfile,
        "sslKeyfile": kafka.ssl_keyfile,
        "sslKeyPassword": kafka.ssl_key_password,
    }
    given, protocol = {key for key, value in values.items() if value is not None}, kafka.security_protocol
    if not protocol.endswith("SSL"):
        secured = "SASL_SSL" if protocol == "SASL_PLAINTEXT" else "SSL or SASL_SSL"
        yield from (_beside(f"is given, but {protocol} has no TLS", _elsewhere(secured), key) for key in sorted(given))
        return
    if "sslCertfile" in given and "sslKeyfile" not in given:
        yield _beside("has no key", "name sslKeyfile too: the same file, if it holds both", "sslCertfile")
    if "sslKeyfile" in given and "sslCertfile" not in given:
        yield _beside("has no certificate", "name sslCertfile too: the same file, if it holds both", "sslKeyfile")
    if "sslKeyPassword" in given and "sslKeyfile" not in given:
        yield _beside("has no key that it could open", "name sslKeyfile, or leave it out", "sslKeyPassword")


def _beside(what: str, remedy: str, key: str) -> Flaw:
    return Flaw(what, remedy, (key,), Mistake.CONTRADICTION)


def _elsewhere(protocols: str) -> str:
    return f"set securityProtocol to {protocols}, or leave it out"


def _context(kafka: Kafka, flaws: list[Flaw]) -> Context | None:
    """Return the TLS of the connections; what is wrong with its files is added to *flaws*."""
    if not kafka.security_protocol.endswith("SSL"):
        return None
    password = None if kafka.ssl_key_password is None else kafka.ssl_key_password.reveal()
    context, found = load(kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile, password)
    flaws += found
    return context


def _login(kafka: Kafka) -> Login | None:
    if kafka.sasl_mechanism is None or kafka.sasl_username is None or kafka.sasl_password is None:
        return None
    return Login(kafka.sasl_mechanism, kafka.sasl_username, kafka.sasl_password)
