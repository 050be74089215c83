"""A real Apache Kafka for the tests: one that is named, or a container, or a node from the jars.

By hand: ``python -m tests.brokers.kafka`` prints the bootstrap address and runs until Ctrl-C or SIGTERM;
``--fetch`` only brings what a later start needs.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from tests.brokers import container, jars
from tests.brokers.container import Container
from tests.brokers.node import Node

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"


class UnavailableError(Exception):
    """This machine can run no real Kafka; the text says what each way lacks."""


class Kafka(Protocol):
    """A running broker. ``stop``, ``kill``, ``start`` and ``restart`` block: call them in a thread from a coroutine."""

    bootstrap: str

    def start(self) -> None:
        """Start on the port and the data that are there."""

    def stop(self) -> None:
        """Shut down in order."""

    def kill(self) -> None:
        """End it as a power cut would."""

    def restart(self) -> None:
        """Stop, then start on the same port and data."""


class Foreign:
    """A broker that someone else runs: it is used, not governed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def _refuse(self) -> None:
        raise UnavailableError(f"{VARIABLE} names a broker that these tests must not stop")

    start = stop = kill = restart = _refuse


@contextmanager
def running(environ: Mapping[str, str] = os.environ) -> Iterator[Kafka]:
    """Run a real Kafka as long as the context lasts; ``UnavailableError`` when there is no way to."""
    if named := environ.get(VARIABLE):
        yield Foreign(named)
        return
    broker = _choose()
    atexit.register(broker.close)  # for the ways out that skip this generator's end
    try:
        broker.open()
        yield broker
    finally:
        broker.close()
        atexit.unregister(broker.close)


def fetch(environ: Mapping[str, str] = os.environ) -> str:
    """Bring what ``running`` needs, so that no test waits for a download; returns what will run."""
    if named := environ.get(VARIABLE):
        return f"Kafka at {named}"
    if container.missing() is None:
        container.fetch()
        return f"Kafka in a container, {container.IMAGE}"
    if (reason := _missing()) is not None:
        raise UnavailableError(reason)
    jars.fetch()
    return f"Apache Kafka {jars.VERSION} from its jars"


def _choose() -> Container | Node:
    if container.missing() is None:
        return Container()
    if (reason := _missing()) is not None:
        raise UnavailableError(reason)
    return Node(jars.fetch())


def _missing() -> str | None:
    no_container, no_jars = container.missing(), jars.missing()
    if no_container is None or no_jars is None:
        return None
    return f"no real Kafka: {VARIABLE} is not set; {no_container}; {no_jars}"


def main(arguments: list[str]) -> int:
    """Run until a signal, or only fetch."""
    try:
        if arguments == ["--fetch"]:
            sys.stdout.write(fetch() + "\n")
            return 0
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with running() as kafka:
            sys.stdout.write(kafka.bootstrap + "\n")
            sys.stdout.flush()
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except UnavailableError as unavailable:
        sys.stderr.write(f"{unavailable}\n")
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
