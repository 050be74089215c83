"""Fixtures that every test may use: real brokers, a unique name, a closed network, and no process left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from streams.demo.broker import EmbeddedBroker, MissingExtraError
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.brokers.properties import BRIEF
from tests.brokers.secured import Secured
from tests.leftovers import leftovers, mark_descendants
from tests.loops import Watching
from tests.network import closed_network

T = TypeVar("T")

_ROOT = Path(__file__).parent.parent
_CACHES = frozenset({".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".coverage", "build", "__pycache__"})
"""What tools keep in the repository's root."""

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy is no defect
settings.register_profile("suite", settings.get_profile("explore"), derandomize=True)  # one commit, one answer
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

_loops = Watching()
asyncio.set_event_loop_policy(_loops)
_left: list[str] = []
_before: set[str] = set()


@contextmanager
def _or_skipped(running: AbstractContextManager[T]) -> Iterator[T]:
    try:
        with running as broker:
            yield broker
    except real.UnavailableError as unavailable:
        if os.environ.get("CI") == "true":
            pytest.fail(str(unavailable))
        pytest.skip(str(unavailable))


@pytest.fixture(scope="session")
def kafka() -> Iterator[real.Kafka]:
    """One real Apache Kafka for the whole session; without one, tests are skipped, and fail where ``CI=true``."""
    with _or_skipped(real.running(heap=BRIEF)) as broker:
        yield broker


@pytest.fixture(scope="session")
def secured() -> Iterator[Secured]:
    """One real Apache Kafka with secured listeners for the whole session; skipped, or failed, as ``kafka``."""
    with _or_skipped(real.running_secured()) as broker:
        yield broker


@pytest.fixture(scope="session")
def restricted() -> Iterator[Secured]:
    """One as ``secured`` whose user may do only what a test grants; skipped, or failed, as ``kafka``."""
    with _or_skipped(real.running_secured(restricted=True)) as broker:
        yield broker


@pytest.fixture
def client(kafka: real.Kafka) -> Client:
    """Topics, records and offsets on the real Kafka."""
    return Client(kafka.bootstrap)


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedBroker]:
    """Start an embedded broker of the test's own, empty."""
    broker = EmbeddedBroker()
    try:
        await broker.start()
    except MissingExtraError as missing:
        pytest.skip(str(missing))
    try:
        yield broker
    finally:
        await broker.stop()


@pytest.fixture
def unique() -> str:
    """Return a short name that no other test has: for apps, topics and groups."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="session", autouse=True)
def _closed_network() -> Iterator[None]:
    with closed_network(except_for=os.environ.get(real.VARIABLE)):
        yield


def pytest_sessionstart() -> None:
    """Mark what is started from now on, so that an orphan is seen at the end too; note what is in the root.

    A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    mark_descendants()
    _before.update(_in_root())


def _in_root() -> frozenset[str]:
    return frozenset(path.name for path in _ROOT.iterdir()) - _CACHES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test on a real Kafka take twice as long before it counts as hanging: whole workers start in it."""
    for item in items:
        if item.get_closest_marker("kafka") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(360))


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Note the event loops that a test has left open: a Faust app that is made has one, though it never starts."""
    if left := _loops.left_open():
        _left.append(f"{nodeid}: event loops that nobody closed: {left}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when it leaves event loops or processes behind, or files in the repository's root."""
    _left.extend(leftovers())
    if hasattr(session.config, "workeroutput"):  # one of several processes, which have one root
        session.config.workeroutput["left"] = _left
        return
    _left.extend(f"{_ROOT / name}" for name in sorted(_in_root() - _before))
    if _left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Note what a process that ran a part of the tests has left behind."""
    _left.extend(getattr(node, "workeroutput", {}).get("left", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left behind."""
    if _left:
        terminalreporter.section("left behind", red=True)
        terminalreporter.write_line("\n".join(_left))
