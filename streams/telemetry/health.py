"""The HTTP server of a worker: ``/livez``, ``/readyz`` and ``/metrics``, open; what is known of profiles, guarded.

It asks the probes it was given and decides nothing. Whether a destination is well is no part of either answer: a
restart would not mend an endpoint, and a worker with one dead endpoint still serves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from streams.telemetry.guarded import Guarded

Probe = Callable[[], tuple[bool, str]]
"""Answers whether it is so, and why or why not."""


class Health:
    """Serves on *host* and *port* between ``start`` and ``stop``; port 0 takes a free one, which ``port`` tells.

    ``/readyz`` tells *details* beside status and reason: plain data for JSON.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        live: Probe,
        ready: Probe,
        registry: CollectorRegistry,
        details: Callable[[], Mapping[str, Any]] = dict,
        guarded: Guarded | None = None,
    ) -> None:
        self.host, self.port, self._guarded = host, port, guarded
        self._live, self._ready, self._registry, self._details = live, ready, registry, details
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        self._runner = web.AppRunner(self._application(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the server and its connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        if self._guarded is not None:
            self._guarded.add_to(application)
        return application

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer(*self._live())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(*self._ready(), self._details())

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=encode(self._registry), headers={hdrs.CONTENT_TYPE: content_type})


def _answer(good: bool, reason: str, details: Mapping[str, Any] = MappingProxyType({})) -> web.Response:
    """Return a probe's answer: 200 or 503, and why."""
    body = orjson.dumps({"status": "ok" if good else "failing", "reason": reason, **details})
    return web.Response(status=200 if good else 503, body=body, content_type="application/json")
