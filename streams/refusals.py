"""Why a broker cannot be talked to: what no waiting mends is told apart from a broker that is not up yet."""

from __future__ import annotations

import os
import socket
import ssl
from asyncio import IncompleteReadError
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.brokers import Brokers
from streams.codes import Refusal, coded

KNOCK_SECONDS = 5.0
"""How long a broker may take to let us in, or to say no."""

_ANOTHER_HOST, _EXPIRED, _NOT_YET_VALID = (62, 64), 10, 9
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
"""OpenSSL's numbers for why a certificate does not hold (X509_V_ERR_...)."""

_KEPT_OUT = (KafkaError, OSError, TimeoutError, EOFError, ValueError, AssertionError)
"""What a connection raises; the last two where a login is answered wrongly."""

_ALERT = 0x15
"""What a record of TLS that says no begins with; read as Kafka's frame it announces some 350 MB."""

_UNSUITED = (
    "closed the connection without an answer: see whether kafka.securityProtocol, {protocol}, is what this listener "
    "wants, and whether it wants a certificate of ours (kafka.sslCertfile, kafka.sslKeyfile)"
)


class AccessError(Exception):
    """The brokers refuse us, and would tomorrow; the text says why and what mends it, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a broker could not be talked to, with the code of its line; *certain* if waiting does not mend it."""

    why: str
    certain: bool = False


async def knocked(brokers: Brokers) -> Trouble | None:
    """Return what keeps us out of all *brokers*; None once one of them lets us in."""
    troubles = []
    for server in brokers.servers:
        trouble = await _knock(brokers, server)
        if trouble is None:
            return None
        troubles.append(Trouble(f"{server} {trouble.why}", trouble.certain))
    certain = [trouble for trouble in troubles if trouble.certain]
    return Trouble("; ".join(trouble.why for trouble in certain or troubles), bool(certain))


async def _knock(brokers: Brokers, server: str) -> Trouble | None:
    try:
        async with _connected(brokers, server):
            return None
    except _KEPT_OUT as error:
        return trouble_of(error, brokers)


async def beyond(brokers: Brokers) -> Trouble:
    """Return what keeps us out although one of *brokers* lets us in: those that it names may not."""
    trouble = Trouble(coded("the cluster is not ready yet", Refusal.CLUSTER_NOT_READY))
    for server in brokers.servers:
        try:
            named = await _named(brokers, server)
        except _KEPT_OUT as error:
            found = trouble_of(error, brokers)
            trouble = Trouble(f"{server} {found.why}", found.certain)
        else:
            return await knocked(replace(brokers, servers=named)) or trouble
    return trouble


async def _named(brokers: Brokers, server: str) -> tuple[str, ...]:
    """Return the cluster's brokers as *server* names them to its clients."""
    async with _connected(brokers, server) as connection:
        answer = await connection.send(MetadataRequest([]))
    return tuple(f"{host}:{port}" for _, host, port, *_ in answer.brokers)


def _connected(brokers: Brokers, server: str) -> AbstractAsyncContextManager[Any]:
    host, _, port = server.rpartition(":")
    return brokers.connected(host.strip("[]"), int(port), timeout_seconds=KNOCK_SECONDS)


def trouble_of(error: BaseException, brokers: Brokers) -> Trouble:
    """Return what *error*, of a connection to one of *brokers*, says."""
    if isinstance(error, KafkaError) and error.__cause__ is not None:
        return trouble_of(error.__cause__, brokers)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _sure(*_of_certificate(error))
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, brokers)
    if isinstance(error, IncompleteReadError) and (error.expected or 0) >> 24 == _ALERT:
        remedy = "set kafka.securityProtocol to SSL or SASL_SSL, or name a listener without TLS"
        return _sure(f"wants TLS, which {brokers.protocol} has not: {remedy}", Refusal.TLS_WANTED)
    if isinstance(error, IncompleteReadError | ConnectionResetError | BrokenPipeError):
        return _unsuited(brokers)
    return _of_login(error, brokers) or Trouble(coded(_of_network(error), Refusal.BROKER_AWAY))


def _sure(why: str, code: Refusal) -> Trouble:
    return Trouble(coded(why, code), certain=True)


def _unsuited(brokers: Brokers) -> Trouble:
    return Trouble(coded(_UNSUITED.format(protocol=brokers.protocol), Refusal.LISTENER_UNSUITED))


def _of_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, Refusal]:
    if error.verify_code in _ANOTHER_HOST:
        return (
            f"has a certificate for another host ({error.verify_message}): name it in kafka.bootstrapServers and the "
            "broker's advertised.listeners, as its certificate does"
        ), Refusal.CERTIFICATE_HOST
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return (
            f"has a certificate of an authority that is not trusted ({error.verify_message}): name the authority's "
            "certificate in kafka.sslCafile"
        ), Refusal.CERTIFICATE_UNTRUSTED
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        why = f"has a certificate that does not hold now ({error.verify_message}): renew it, or set the clock"
        return why, Refusal.CERTIFICATE_EXPIRED
    why = f"has a certificate that does not hold ({error.verify_message}): mend it on the broker"
    return why, Refusal.CERTIFICATE_INVALID


def _of_tls(error: ssl.SSLError, brokers: Brokers) -> Trouble:
    reason = error.reason or ""
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        remedy = "name in kafka.sslCertfile and kafka.sslKeyfile one of an authority that the broker trusts"
        return _sure(f"refuses our certificate, or that we show none ({reason}): {remedy}", Refusal.CERTIFICATE_REFUSED)
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        remedy = "name a listener with TLS, or set kafka.securityProtocol to one without"
        return _sure(f"speaks no TLS ({reason}): {remedy}", Refusal.TLS_NOT_SPOKEN)
    if "PROTOCOL_VERSION" in reason or "HANDSHAKE_FAILURE" in reason:
        return _sure(f"refuses our TLS ({reason}): let the listener take TLS 1.2 or 1.3", Refusal.TLS_VERSION)
    return _unsuited(brokers)


def _of_login(error: BaseException, brokers: Brokers) -> Trouble | None:
    login = brokers.login
    if login is None:
        return None
    if isinstance(error, SaslAuthenticationFailed):
        return _sure(
            f"refuses the login of {login.username!r} by {login.mechanism}: mend kafka.saslUsername and "
            "kafka.saslPassword, or make that user for that mechanism on the broker",
            Refusal.LOGIN_REFUSED,
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        why = f"takes no login by {login.mechanism}: set kafka.saslMechanism to one that it takes"
        return _sure(why, Refusal.LOGIN_MECHANISM)
    if isinstance(error, IllegalSaslStateError):
        plain = "PLAINTEXT" if brokers.tls is None else "SSL"
        why = f"asks for no login: set kafka.securityProtocol to {plain}, or name a listener with SASL"
        return _sure(why, Refusal.LOGIN_NOT_ASKED)
    if isinstance(error, ValueError | AssertionError):
        return _sure(f"answers a login by {login.mechanism} wrongly: is it a broker of yours?", Refusal.LOGIN_BROKEN)
    return None


def _of_network(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return f"has a name that cannot be resolved ({error.strerror})"
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    number = error.errno if isinstance(error, OSError) else None
    return f"cannot be reached ({os.strerror(number) if number else type(error).__name__})"
