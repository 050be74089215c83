"""The server properties of a Kafka node, as text files and containers want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HEAP = ("-Xms256m", "-Xmx512m")
BRIEF = ("-Xms128m", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a node that lives for minutes: to compile its code as for years takes more than it brings, half of its start."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A further listener: its name, Kafka's protocol, the host that clients are told, and its port."""

    name: str
    protocol: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a test wants of a node beyond a plain one; *overrides* are server properties.

    *users* are made when the storage is formatted, as Kafka's tool takes them.

    With *advertised*, the node has a second listener, whose clients are told to come back to that port of the loopback
    address: whoever relays from there to the listener sees all that these clients say, and nobody else's.
    """

    advertised: int | None = None
    listeners: Sequence[Listener] = ()
    users: Sequence[str] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    heap: Sequence[str] = HEAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a node listens: its clients, its controller, and the clients that come by the advertised port."""

    clients: int
    controller: int
    relayed: int


def server_properties(
    ports: Ports,
    *,
    log_dirs: str,
    host: str = "127.0.0.1",
    options: Options | None = None,
    node: int = 1,
    controllers: Sequence[int] = (),
) -> dict[str, str]:
    """Return what a node needs beyond Kafka's defaults.

    *host* is where it listens; clients are always told the loopback address. *controllers* are the controllers' ports
    of all nodes of a cluster, the first node's first; none for a node that is alone.
    """
    options = options or Options()
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": _voters(controllers or [ports.controller]),
        "controller.listener.names": "CONTROLLER",
        **_listeners(ports, host, options),
        "log.dirs": log_dirs,
        **_copies(len(controllers) or 1),
        "offsets.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",  # else every first join waits three seconds
        "auto.create.topics.enable": "false",  # a typing error must be an error
        "log.cleaner.dedupe.buffer.size": "16777216",  # else 128 MiB
        **options.overrides,
    }


def _voters(controllers: Sequence[int]) -> str:
    return ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))


def _listeners(ports: Ports, host: str, options: Options) -> dict[str, str]:
    listeners = [f"PLAINTEXT://{host}:{ports.clients}", f"CONTROLLER://127.0.0.1:{ports.controller}"]
    told, protocols = [f"PLAINTEXT://127.0.0.1:{ports.clients}"], ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
    if options.advertised is not None:
        listeners.append(f"RELAYED://{host}:{ports.relayed}")
        told.append(f"RELAYED://127.0.0.1:{options.advertised}")
        protocols.append("RELAYED:PLAINTEXT")
    for each in options.listeners:
        listeners.append(f"{each.name}://{host}:{each.port}")
        told.append(f"{each.name}://{each.host}:{each.port}")
        protocols.append(f"{each.name}:{each.protocol}")
    return {
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(told),
        "listener.security.protocol.map": ",".join(protocols),
    }


def _copies(nodes: int) -> dict[str, str]:
    """Return how often everything is kept: on each node, and confirmed when all but one have it."""
    copies, confirmed = str(nodes), str(max(1, nodes - 1))
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": confirmed,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": confirmed,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": confirmed,
    }


def as_text(properties: Mapping[str, str]) -> str:
    """Return the properties as ``server.properties`` wants them."""
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def as_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the properties as the image ``apache/kafka`` wants them."""
    return {"KAFKA_" + key.upper().replace(".", "_"): value for key, value in properties.items()}
