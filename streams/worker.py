"""One worker process: its services run together until it is told to stop, and it ends with an exit code."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import structlog
import uvloop
from faust import Worker as FaustWorker
from mode import Worker as ModeWorker

from streams.activation.stage import Seams
from streams.assembly import STAGES, Assembly, Given, assemble
from streams.configuration.problems import ConfigurationError, Problem
from streams.configuration.references import References
from streams.configuration.settings import Settings, masked
from streams.crashes import told
from streams.engine import UnknownVersion, check_versions
from streams.preconditions import RefusedError
from streams.refusals import AccessError
from streams.registry.registry import LostError
from streams.telemetry import logs
from streams.topics.plan import TopicError

STOPPED, CRASHED, REFUSED = 0, 1, 2
"""The exit codes; the last one is of a worker that does not start, or go on, since what it is given is wrong."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What tells a worker to stop."""

HEARING_SECONDS = 0.01
"""The loop hears a signal when it next waits, which it does for so long."""

YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS = 50_000, 20, 100
"""When the garbage collector looks. A round has some ten thousand objects, which live until the broker confirms it and
are rarely in a cycle; to look at them after every 700 new ones, as Python does, is a fifth of the worker's CPU."""


def run(
    settings: Settings,
    *,
    stages: frozenset[str] = STAGES,
    only: frozenset[str] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    seams: Seams | None = None,
    warnings: Sequence[Problem] = (),
) -> int:
    """Run the worker until SIGTERM or SIGINT, or until it crashes; return the exit code.

    0 = stopped as told, 1 = crashed, 2 = did not start: the brokers refuse us, a topic is missing or wrong, the state
    directory or the port cannot be had, or Faust is one it does not know; or stopped by itself, in order, since an
    input has another number of partitions than when it was started.

    *only* names the destinations to deliver; activation exports for all of them in any case. *environ* is asked for
    secrets, and for ``NO_COLOR``. *warnings* are what the documents probably do not mean; each has a line of the log.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    logging = logs.configure(settings.log.level, settings.log.format, now=time.time, environ=environ)
    for secret in settings.secrets_of_its_own:
        logging.masks.hide(secret)
    try:
        check_versions()
        _announce(settings, warnings)
        given = Given(
            settings=settings,
            stages=stages,
            only=only,
            references=References(environ, settings.secrets.directory),
            seams=seams or Seams(),
            logging=logging,
        )
        assembly = _unless_told_to_stop(_ready(given), loop)
        code = STOPPED if assembly is None else _execute(assembly, loop)
        if assembly is not None and assembly.watch is not None and assembly.watch.problems:
            raise TopicError(assembly.watch.problems)
        structlog.get_logger().info("worker.stopped", code=code)
        return code
    except (AccessError, ConfigurationError, RefusedError, LostError, TopicError, UnknownVersion) as error:
        structlog.get_logger().error("worker.refused", problems=str(error).splitlines())
        return REFUSED
    except Exception as error:
        structlog.get_logger().critical("worker.crashed", **told(error))
        return CRASHED
    finally:
        logging.close()


def _announce(settings: Settings, warnings: Sequence[Problem]) -> None:
    logs.announce(masked(settings))
    for each in warnings:
        structlog.get_logger().warning("document.warning", where=each.where, problem=each.told, code=each.code)


async def _ready(given: Given) -> Assembly:
    assembly = await assemble(given)
    _collect_rarely()
    return assembly


def _unless_told_to_stop(assembling: Coroutine[Any, Any, Assembly], loop: asyncio.AbstractEventLoop) -> Assembly | None:
    """Return the assembly, None where a signal comes before: a broker that is away is waited for, for ever.

    The last step of it is long, and no signal is heard meanwhile: it is heard after, and then nothing is started.
    """
    task, heard = loop.create_task(assembling), list[int]()

    def hear(number: int) -> None:
        heard.append(number)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, hear, number)
    try:
        assembly = loop.run_until_complete(task)
        loop.run_until_complete(asyncio.sleep(HEARING_SECONDS))
        if not heard:
            return assembly
        loop.run_until_complete(assembly.journaling.stop())
    except asyncio.CancelledError:
        pass
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return None


def _collect_rarely() -> None:
    """Leave alone what stays for good, and look at the rest in large steps."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS)


def _execute(assembly: Assembly, loop: asyncio.AbstractEventLoop) -> int:
    supervisor = _supervisor(assembly, loop)
    try:
        supervisor.execute_from_commandline()
    except SystemExit as end:
        if supervisor.crash_reason is not None:
            raise supervisor.crash_reason from end
        return int(end.code or STOPPED)
    return STOPPED


def _supervisor(assembly: Assembly, loop: asyncio.AbstractEventLoop) -> ModeWorker:
    """Return what starts the services in order, stops them on a signal and ends with an exit code."""
    every = (
        *(assembly.journaling, assembly.health, *assembly.reporting),
        *(assembly.activation, assembly.deliveries, assembly.following, assembly.pruning, assembly.watch),
    )
    services = [service for service in every if service is not None]
    options = {"loop": loop, "redirect_stdouts": False, "override_logging": False, "quiet": True}
    if assembly.activation is None:
        return ModeWorker(*services, **options)
    worker = FaustWorker(assembly.activation.engine.app, *services, **options)
    worker.spinner = None  # it draws on the stream of the log
    return worker
