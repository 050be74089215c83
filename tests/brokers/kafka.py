"""A real Apache Kafka for the tests: one that is named, or a container, or a node from the jars.

By hand: ``python -m tests.brokers.kafka`` prints the bootstrap address and runs until Ctrl-C or SIGTERM;
``--fetch`` only brings what a later start needs.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from tests.brokers import container, jars
from tests.brokers.cluster import Cluster
from tests.brokers.container import Container
from tests.brokers.node import Node
from tests.brokers.properties import HEAP, Options
from tests.brokers.secured import Secured

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"


class UnavailableError(Exception):
    """This machine can run no real Kafka; the text says what each way lacks."""


class Kafka(Protocol):
    """A running broker. What governs it blocks: call it in a thread from a coroutine."""

    bootstrap: str
    relayed: str
    """Where the listener is whose clients are told the advertised port; of use only where the options name one."""

    def start(self) -> None:
        """Start on the port and the data that are there."""

    def stop(self) -> None:
        """Shut down in order."""

    def kill(self) -> None:
        """End it as a power cut would."""

    def freeze(self) -> None:
        """Let it neither answer nor close a connection, until ``thaw``."""

    def thaw(self) -> None:
        """Let it go on."""

    def restart(self) -> None:
        """Stop, then start on the same port and data."""


class Foreign:
    """A broker that someone else runs: it is used, not governed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = self.relayed = bootstrap

    def _refuse(self) -> None:
        raise UnavailableError(f"{VARIABLE} names a broker that these tests must not stop")

    start = stop = kill = freeze = thaw = restart = _refuse


@contextmanager
def running(
    environ: Mapping[str, str] = os.environ, *, options: Options | None = None, heap: Sequence[str] = HEAP
) -> Iterator[Kafka]:
    """Run a real Kafka as long as the context lasts; ``UnavailableError`` when there is no way to.

    With *options* it is always one of our own: a broker that someone else runs has those that it has. *heap* is what
    the Java of one of our own is told where they say nothing.
    """
    if (named := environ.get(VARIABLE)) and options is None:
        yield Foreign(named)
        return
    broker = _choose().make(options=options or Options(heap=heap))
    with _closed_at_the_end(broker):
        yield broker


@contextmanager
def running_cluster(options: Sequence[Options] = ()) -> Iterator[Cluster]:
    """Run three nodes from the jars as long as the context lasts; ``UnavailableError`` when there is no way to."""
    if (reason := jars.missing()) is not None:
        raise UnavailableError(f"no cluster: {reason}")
    cluster = Cluster(jars.fetch(), options=options)
    with _closed_at_the_end(cluster):
        yield cluster


@contextmanager
def running_secured(*, restricted: bool = False) -> Iterator[Secured]:
    """Run one node from the jars that has secured listeners, too, as long as the context lasts; or raise as above.

    With *restricted* its user may do only what is granted.
    """
    if (reason := jars.missing()) is not None:
        raise UnavailableError(f"no secured Kafka: {reason}")
    with tempfile.TemporaryDirectory(prefix="streams-secured-") as folder:
        secured = Secured(Path(folder), jars.fetch(), restricted=restricted)
        with _closed_at_the_end(secured.node):
            yield secured


@contextmanager
def _closed_at_the_end(broker: Container | Node | Cluster) -> Iterator[None]:
    atexit.register(broker.close)  # for the ways out that skip this generator's end
    try:
        broker.open()
        yield
    finally:
        broker.close()
        atexit.unregister(broker.close)


def fetch(environ: Mapping[str, str] = os.environ) -> str:
    """Bring what ``running`` needs, so that no test waits for a download; returns what will run."""
    return f"Kafka at {named}" if (named := environ.get(VARIABLE)) else _choose().name


class Make(Protocol):
    """Returns a broker that is not yet open."""

    def __call__(self, *, options: Options | None) -> Container | Node:
        """*options* are what a test wants of it beyond a plain one."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to run a broker for which everything is there."""

    name: str
    make: Make


def _choose() -> _Way:
    lacking = [f"{VARIABLE} is not set"]
    for way in (_from_container, _from_jars):
        try:
            return way()
        except (UnavailableError, RuntimeError, subprocess.TimeoutExpired) as error:
            lacking.append(str(error))
    raise UnavailableError("no real Kafka: " + "; ".join(lacking))


def _from_container() -> _Way:
    if (reason := container.missing()) is not None:
        raise UnavailableError(reason)
    container.fetch()
    return _Way(f"Apache Kafka in a container, {container.IMAGE}", Container)


def _from_jars() -> _Way:
    if (reason := jars.missing()) is not None:
        raise UnavailableError(reason)
    return _Way(f"Apache Kafka {jars.VERSION} from its jars", partial(Node, jars.fetch()))


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
