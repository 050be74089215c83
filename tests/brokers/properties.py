"""The server properties of a Kafka node, as text files and containers want them."""

from __future__ import annotations

from collections.abc import Mapping


def server_properties(port: int, controller: int, *, log_dirs: str, host: str = "127.0.0.1") -> dict[str, str]:
    """Return what a single node needs beyond Kafka's defaults; more nodes and listeners are more of the same keys.

    *host* is where the node listens; clients are always told the loopback address.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": log_dirs,
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",  # else every first join waits three seconds
        "auto.create.topics.enable": "false",  # a typing error must be an error
        "log.cleaner.dedupe.buffer.size": "16777216",  # else 128 MiB
    }


def as_text(properties: Mapping[str, str]) -> str:
    """Return the properties as ``server.properties`` wants them."""
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def as_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the properties as the image ``apache/kafka`` wants them."""
    return {"KAFKA_" + key.upper().replace(".", "_"): value for key, value in properties.items()}
