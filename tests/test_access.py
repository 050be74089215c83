"""Every Kafka client reaches secured brokers: none is made but from the one value; what keeps one out is said."""

from __future__ import annotations

import ast
import asyncio
import datetime
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiokafka import TopicPartition
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

import streams
from streams.brokers import Brokers, Login
from streams.engine.app import App
from streams.engine.settings import EngineSettings
from streams.groups.gaps import Birth
from streams.groups.journal import Journal
from streams.refusals import AccessError, Trouble, knocked
from streams.secrets import Secret
from streams.tls import Context
from streams.topics.cluster import wait_for_broker
from tests.brokers.secured import MECHANISMS, Secured
from tests.reaching import secured_brokers

CLIENTS = {"AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient", "AIOKafkaClient", "AIOKafkaConnection"}
LISTENERS = [
    *(("SASL_SSL", mechanism) for mechanism in MECHANISMS),
    *(("SASL_PLAINTEXT", mechanism) for mechanism in MECHANISMS if mechanism != "PLAIN"),
    *(("TLS", ""), ("MUTUAL", "")),
]


def constructions() -> Iterator[tuple[str, ast.Call]]:
    """Yield every place where a client of aiokafka's is made, by the name of its module."""
    root = Path(streams.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {*CLIENTS, "create_conn"}:
                yield path.relative_to(root).as_posix(), node


def test_no_client_is_made_but_from_the_brokers_and_each_takes_their_access() -> None:
    found = list(constructions())

    assert {module for module, _ in found} == {"brokers.py"}
    assert len(found) == 4
    for _, call in found:
        assert "self._access" in [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg is None]


LOGIN, TLS = Login("SCRAM-SHA-512", "someone", Secret("canary")), Context(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize("tls", [None, TLS], ids=["in the clear", "TLS"])
@pytest.mark.parametrize("login", [None, LOGIN], ids=["no login", "login"])
async def test_what_faust_makes_its_clients_with_is_the_same(tls: Context | None, login: Login | None) -> None:
    brokers = Brokers(("one:1", "two:2"), tls, login)
    conf = App(EngineSettings(id="unit", brokers=brokers, partitions=1)).conf
    theirs = credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context)

    assert [f"{url.host}:{url.port}" for url in conf.broker] == ["one:1", "two:2"]
    assert {key: value for key, value in theirs.items() if value is not None} == {
        key: value for key, value in brokers._access.items() if value is not None
    }


def test_a_password_is_not_shown_with_the_brokers() -> None:
    assert "canary" not in f"{Brokers(('one:1',), None, LOGIN)!r} {LOGIN}"


@pytest.mark.kafka
@pytest.mark.parametrize(("listener", "mechanism"), LISTENERS)
async def test_admin_producer_and_consumer_work_on_each_listener(
    secured: Secured, unique: str, listener: str, mechanism: str
) -> None:
    await secured.client.create_topic(unique, 1)
    brokers, partition = secured_brokers(secured, listener, mechanism), TopicPartition(unique, 0)
    await wait_for_broker(brokers, within_seconds=20)
    producer, consumer = brokers.producer(acks="all"), brokers.consumer(auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    try:
        await producer.send_and_wait(unique, b"value", partition=0)
        consumer.assign([partition])
        record = await asyncio.wait_for(consumer.getone(), 90)
    finally:
        await producer.stop()
        await consumer.stop()

    assert record.value == b"value"


@pytest.mark.kafka
async def test_the_journal_is_kept_over_tls_with_a_login(secured: Secured, unique: str) -> None:
    await secured.client.create_topic(unique, 1, cleanup_policy="compact")
    journal = Journal(secured_brokers(secured, "SASL_SSL"), unique)
    await journal.start()
    try:
        await journal.record_births("shop", {("orders", 0): Birth(1, 2, 3)})
        assert journal.birth("shop", ("orders", 0)) == Birth(1, 2, 3)
    finally:
        await journal.stop()


def _without_certificate(secured: Secured) -> Brokers:
    return replace(secured_brokers(secured, "MUTUAL"), tls=secured_brokers(secured, "TLS").tls)


REFUSED: dict[str, tuple[Callable[[Secured], Brokers], str]] = {
    "wrong password": (
        lambda it: secured_brokers(it, "SASL_SSL", password="canary"),
        "refuses the login of 'streams' by SCRAM-SHA-256: mend kafka.saslUsername and kafka.saslPassword",
    ),
    "wrong password, PLAIN": (
        lambda it: secured_brokers(it, "SASL_SSL", "PLAIN", password="canary"),
        "refuses the login of 'streams' by PLAIN",
    ),
    "authority unknown": (
        lambda it: secured_brokers(it, "SASL_SSL", sslCafile=None),
        "name the authority's certificate in kafka.sslCafile",
    ),
    "another host": (
        lambda it: secured_brokers(it, "TLS", bootstrapServers=it.address("TLS", "127.0.0.1")),
        "has a certificate for another host",
    ),
    "no certificate of ours": (_without_certificate, "name in kafka.sslCertfile and kafka.sslKeyfile"),
    "plain client on TLS": (
        lambda it: Brokers((it.address("TLS"),)),
        "wants TLS, which PLAINTEXT has not: set kafka.securityProtocol to SSL or SASL_SSL",
    ),
    "login in the clear on TLS": (
        lambda it: secured_brokers(it, "SASL_PLAINTEXT", bootstrapServers=it.address("SASL_SSL")),
        "wants TLS, which SASL_PLAINTEXT has not",
    ),
    "login where none is asked for": (
        lambda it: secured_brokers(it, "SASL_SSL", bootstrapServers=it.address("TLS")),
        "asks for no login: set kafka.securityProtocol to SSL",
    ),
}


@pytest.mark.kafka
@pytest.mark.parametrize("case", REFUSED)
async def test_who_is_refused_is_told_why_and_does_not_wait(secured: Secured, case: str) -> None:
    make, told = REFUSED[case]
    with pytest.raises(AccessError) as caught:
        await wait_for_broker(make(secured), within_seconds=20)

    assert told in str(caught.value)
    assert re.search(r" \[[a-z-]+\]$", str(caught.value)), "the code of its line"
    assert "canary" not in str(caught.value)


UNSUITED: dict[str, Callable[[Secured], Brokers]] = {
    "TLS on a plain listener": lambda it: secured_brokers(it, "TLS", bootstrapServers=it.node.bootstrap),
    "no login where one is asked for": lambda it: Brokers((it.address("SASL_PLAINTEXT"),)),
}


@pytest.mark.kafka
@pytest.mark.parametrize("case", UNSUITED)
async def test_who_is_let_in_and_then_cut_off_waits_and_is_told_what_may_be_wrong(secured: Secured, case: str) -> None:
    with pytest.raises(TimeoutError, match=r"closed the connection without an answer: see whether kafka\.security"):
        await wait_for_broker(UNSUITED[case](secured), within_seconds=1.5)


@pytest.mark.kafka
async def test_one_broker_that_lets_us_in_is_enough(secured: Secured) -> None:
    brokers = secured_brokers(secured, "SASL_SSL")
    stranger = secured.address("SASL_SSL", "127.0.0.1")

    assert await knocked(replace(brokers, servers=(stranger, *brokers.servers))) is None


@pytest.mark.kafka
async def test_a_cluster_whose_brokers_go_by_names_that_their_certificates_have_not_is_refused(
    secured: Secured,
) -> None:
    with pytest.raises(
        AccessError, match=r"127\.0\.0\.1:\d+ has a certificate for another host.*advertised\.listeners"
    ):
        await wait_for_broker(secured_brokers(secured, "ASTRAY"), within_seconds=20)


async def test_a_certificate_that_has_expired_is_refused() -> None:
    authority, long_ago = trustme.CA(), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), Context(ssl.PROTOCOL_TLS_CLIENT)
    expired = authority.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1))
    expired.configure_cert(served)
    authority.configure_trust(trusting)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=served)
    async with server:
        trouble = await knocked(Brokers((f"127.0.0.1:{server.sockets[0].getsockname()[1]}",), trusting))

    assert trouble is not None
    assert trouble.certain
    assert "has a certificate that does not hold now (certificate has expired): renew it" in trouble.why


async def test_a_broker_that_is_away_is_waited_for() -> None:
    trouble = await knocked(Brokers(("127.0.0.1:1",), login=LOGIN))

    assert trouble == Trouble("127.0.0.1:1 cannot be reached (Connection refused) [broker-away]", certain=False)
