"""Fixtures that every test may use: real brokers, a unique name, a closed network, and no process left behind."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from streams.demo.broker import EmbeddedBroker, MissingExtraError
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.leftovers import leftovers, mark_descendants
from tests.network import closed_network

_left: list[str] = []


@pytest.fixture(scope="session")
def kafka() -> Iterator[real.Kafka]:
    """One real Apache Kafka for the whole session; without one, tests are skipped, and fail where ``CI=true``."""
    try:
        with real.running() as broker:
            yield broker
    except real.UnavailableError as unavailable:
        if os.environ.get("CI") == "true":
            pytest.fail(str(unavailable))
        pytest.skip(str(unavailable))


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
    """Mark what is started from now on, so that an orphan is seen at the end too."""
    mark_descendants()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when it leaves processes behind."""
    _left.extend(leftovers())
    if _left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which processes were left behind."""
    if _left:
        terminalreporter.section("processes left behind", red=True)
        terminalreporter.write_line("\n".join(_left))
