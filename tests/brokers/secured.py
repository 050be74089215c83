"""A Kafka node with a listener of each kind, its certificates by an authority of its own, and one user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives import serialization

from tests.brokers.acls import Acls
from tests.brokers.client import Client
from tests.brokers.node import Node
from tests.brokers.processes import free_ports
from tests.brokers.properties import BRIEF, Listener, Options

HOST = "localhost"
"""What the brokers' certificate is for; the loopback address is another host to it."""
USER, PASSWORD = "streams", "correct horse/battery+staple"
VARIABLE = "STREAMS_KAFKA_SASL_PASSWORD"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PROTOCOLS = {"SASL_SSL": "SASL_SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT", "TLS": "SSL", "MUTUAL": "SSL", "ASTRAY": "SSL"}
"""The listeners by name; MUTUAL wants a certificate of its clients, ASTRAY sends them to the loopback address."""

_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PLAIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'


class Secured:
    """The node, and what its clients need; all files are in *folder*.

    With *restricted* the user may do nothing but what `acls` grants; who comes by the plain listener may do everything.
    """

    def __init__(self, folder: Path, jars: Path, *, restricted: bool = False) -> None:
        self._restricted = restricted
        self.cafile, self.certfile, self.keyfile = (folder / name for name in ("ca.pem", "client.pem", "client.key"))
        self._keystore, self.folder = folder / "broker.pem", folder
        self._ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.cafile)
        broker, client = authority.issue_cert(HOST), authority.issue_cert(f"{USER}@example.com")
        self._keystore.write_bytes(as_pkcs8(broker) + b"".join(each.bytes() for each in broker.cert_chain_pems))
        self.certfile.write_bytes(b"".join(each.bytes() for each in client.cert_chain_pems))
        client.private_key_pem.write_to_path(self.keyfile)
        self.node = Node(jars, options=self._options)
        self.acls = Acls(jars, USER)

    def address(self, listener: str, host: str = HOST) -> str:
        """Return where a listener is."""
        return f"{host}:{self._ports[listener]}"

    def settings(self, listener: str, mechanism: str = "SCRAM-SHA-256", **more: Any) -> dict[str, Any]:
        """Return the section ``kafka`` that a client of *listener* needs; the password comes by the environment."""
        settings = {"bootstrapServers": self.address(listener), "securityProtocol": PROTOCOLS[listener]}
        if listener.startswith("SASL_"):
            settings |= {"saslMechanism": mechanism, "saslUsername": USER}
        if PROTOCOLS[listener].endswith("SSL"):
            settings["sslCafile"] = str(self.cafile)
        if listener == "MUTUAL":
            settings |= {"sslCertfile": str(self.certfile), "sslKeyfile": str(self.keyfile)}
        return settings | more

    @property
    def client(self) -> Client:
        """A test's view of the same broker, by its plain listener."""
        return Client(self.node.bootstrap)

    @property
    def _options(self) -> Options:
        listeners = [
            Listener(name, protocol, "127.0.0.1" if name == "ASTRAY" else HOST, self._ports[name])
            for name, protocol in PROTOCOLS.items()
        ]
        users = [f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in MECHANISMS if mechanism != "PLAIN"]
        return Options(listeners=listeners, overrides=self._overrides(), users=users, heap=BRIEF)

    def _overrides(self) -> Mapping[str, str]:
        overrides = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.cafile),
            "listener.name.mutual.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        }
        if self._restricted:
            overrides |= {"authorizer.class.name": _AUTHORIZER, "super.users": "User:ANONYMOUS"}
        for listener in ("sasl_ssl", "sasl_plaintext"):
            overrides[f"listener.name.{listener}.plain.sasl.jaas.config"] = _PLAIN
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                overrides[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = _SCRAM
        return overrides


def as_pkcs8(certificate: trustme.LeafCert, password: bytes | None = None) -> bytes:
    """Return a certificate's key as Java reads it, and encrypted where there is a password."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
