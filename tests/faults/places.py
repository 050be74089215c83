"""Brokers of a row's own: one behind a proxy, or a cluster of three; the lab is opened on them and closed with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.brokers.cluster import Cluster
from tests.brokers.kafka import running, running_cluster
from tests.brokers.processes import free_ports
from tests.brokers.properties import Options
from tests.faults.lab import Lab
from tests.faults.proxy import Proxy


@asynccontextmanager
async def behind_a_proxy(lab: Lab, **opening: Any) -> AsyncIterator[Proxy]:
    """Open *lab* on a broker whose proxy is lent; a worker passes it when it is given ``through(proxy)``."""
    (port,) = free_ports(1)
    proxy = Proxy(port)
    with running(options=Options(advertised=port)) as broker:
        proxy.target = broker.relayed
        await proxy.open()
        try:
            await lab.open(bootstrap=broker.bootstrap, **opening)
            yield proxy
        finally:
            await lab.close()  # while there is still something to take leave of
            await proxy.close()


def through(proxy: Proxy) -> dict[str, Any]:
    """Return the settings of a worker all of whose connections to the broker pass *proxy*."""
    return {"kafka": {"bootstrapServers": proxy.bootstrap}}


@asynccontextmanager
async def on_a_cluster(lab: Lab, **opening: Any) -> AsyncIterator[Cluster]:
    """Open *lab* on three nodes, each with a copy of everything."""
    with running_cluster() as cluster:
        try:
            await lab.open(bootstrap=cluster.bootstrap, **opening)
            yield cluster
        finally:
            await lab.close()
