"""Three Kafka nodes from the jars, each partition on all of them, so that a leader can be lost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.brokers.node import Node, new_ports
from tests.brokers.properties import Options

NODES = 3
HEAP = ("-Xms128m", "-Xmx384m")
_PORT_CLASHES = 3


class Cluster:
    """Nodes 1 to 3, which are started, stopped, killed and frozen each by itself: ``cluster.node(2).kill()``."""

    def __init__(self, jars: Path, *, options: Sequence[Options] = ()) -> None:
        """*options* are one per node, or none; the heap is always the small one."""
        given = options or [Options()] * NODES
        small = [Options(advertised=each.advertised, overrides=each.overrides, heap=HEAP) for each in given]
        self.nodes = [Node(jars, options=each, number=number) for number, each in enumerate(small, 1)]

    @property
    def bootstrap(self) -> str:
        """All nodes' addresses, as clients are given them."""
        return ",".join(node.bootstrap for node in self.nodes)

    def node(self, number: int) -> Node:
        """Return a node by its number, as ``Client.leaders`` tells it."""
        return self.nodes[number - 1]

    def open(self) -> None:
        """Format and start all; returns when each answers a metadata request."""
        for clashes in range(_PORT_CLASHES):
            self._format()
            try:
                self._start()
            except RuntimeError:
                if clashes + 1 == _PORT_CLASHES or not any(node.clashed for node in self.nodes):
                    raise
                for node in self.nodes:
                    node.kill()
            else:
                return

    def close(self) -> None:
        """End all nodes and remove everything they wrote."""
        for node in self.nodes:
            node.close()

    def _format(self) -> None:
        ports = [new_ports() for _ in self.nodes]
        controllers = [each.controller for each in ports]
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(lambda pair: pair[0].format(pair[1], controllers), zip(self.nodes, ports, strict=True)))

    def _start(self) -> None:
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait()
