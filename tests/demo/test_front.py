"""What clients and the embedded broker say is mended in two places; whatever else is said passes as it came."""

from __future__ import annotations

import struct

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from hypothesis import given
from hypothesis import strategies as st

from streams.brokers import Brokers
from streams.demo.broker import EmbeddedBroker
from streams.demo.front import WAIT_MS, Interpreter

CORRELATION = struct.pack(">i", 7)
ASKED = b"\x00\x16\x00\x00" + CORRELATION + b"\x00\x02me"


def ask(transactional: bytes) -> bytes:
    return Interpreter().request(ASKED + transactional + struct.pack(">i", 60_000))


@pytest.mark.parametrize(
    ("text", "compact"),
    [
        (b"\xff\xff", b"\x00"),
        (b"\x00\x00", b"\x01"),
        (b"\x00\x02tx", b"\x03tx"),
        (struct.pack(">h", 249) + b"x" * 249, b"\xfa\x01" + b"x" * 249),
    ],
)
def test_a_question_is_put_into_the_version_that_is_understood(text: bytes, compact: bytes) -> None:
    head = b"\x00\x16\x00\x03" + CORRELATION + b"\x00\x02me" + b"\x00"

    assert ask(text) == head + compact + struct.pack(">iqh", 60_000, -1, -1) + b"\x00"


def test_an_answer_is_put_into_the_version_that_was_asked() -> None:
    interpreter, body = Interpreter(), struct.pack(">ihqh", 0, 0, 4711, 0)
    interpreter.request(ASKED + b"\xff\xff" + struct.pack(">i", 60_000))

    assert interpreter.answer(CORRELATION + b"\x00" + body + b"\x00") == CORRELATION + body
    assert interpreter.answer(CORRELATION + b"next") == CORRELATION + b"next"


@pytest.mark.parametrize(("asked", "waited"), [(500, WAIT_MS), (10, 10), (0, 0)])
@pytest.mark.parametrize("client", [b"\x00\x02me", b"\xff\xff"])
def test_a_fetch_waits_no_longer_than_a_record_may_be_late(client: bytes, asked: int, waited: int) -> None:
    head = struct.pack(">hh", 1, 4) + CORRELATION + client + struct.pack(">i", -1)
    rest = b"\x00\x00\x00\x01 and the rest"

    assert Interpreter().request(head + struct.pack(">i", asked) + rest) == head + struct.pack(">i", waited) + rest


def test_a_fetch_in_a_form_that_is_not_known_passes_as_it_came() -> None:
    frame = struct.pack(">hh", 1, 12) + CORRELATION + b"\x00\x02me" + bytes(32)

    assert Interpreter().request(frame) == frame


@given(st.integers(0, 70).filter(lambda key: key not in {1, 22}), st.integers(0, 20), st.binary(max_size=64))
def test_every_other_message_passes_as_it_came(key: int, version: int, rest: bytes) -> None:
    interpreter, frame = Interpreter(), struct.pack(">hh", key, version) + CORRELATION + rest

    assert interpreter.request(frame) == frame
    assert interpreter.answer(frame[4:]) == frame[4:]


@pytest.mark.embedded
async def test_an_idempotent_producer_writes_batches_to_the_embedded_broker(
    embedded: EmbeddedBroker, unique: str
) -> None:
    admin = Brokers((embedded.bootstrap,)).admin()
    await admin.start()
    try:
        await admin.create_topics([NewTopic(unique, 1, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=embedded.bootstrap, enable_idempotence=True, linger_ms=20)
    await producer.start()
    try:
        sent = [await producer.send(unique, str(number).encode(), partition=0) for number in range(50)]
        for each in sent:
            await each
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(unique, bootstrap_servers=embedded.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        got = [(await consumer.getone()).value for _ in range(50)]
    finally:
        await consumer.stop()

    assert got == [str(number).encode() for number in range(50)]
