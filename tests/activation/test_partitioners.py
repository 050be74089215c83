"""Where the producers of others put a key, and what becomes of a record that is elsewhere."""

from __future__ import annotations

import os

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as their_murmur2

from streams.activation.decoding import decoder
from streams.activation.events import Change, Malformed
from streams.activation.partitioners import murmur2, placed
from streams.ends import Reason
from streams.engine import Message
from tests.records import INPUTS, NOW_MS, a_fragment

PARTITIONS = 12
PLACES: dict[str, tuple[int, int, int]] = {
    "a": (4, 4, 3),
    "21": (0, 0, 4),
    "abc": (3, 3, 6),
    "foobar": (6, 6, 5),
    "a-little-bit-longer-string": (11, 11, 2),
    "profile-1": (2, 2, 4),
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301": (11, 11, 6),
    "14575006536349286404619648085736425115": (9, 9, 11),
    "ada@example.com": (5, 5, 0),
    "Zoë": (10, 10, 2),
    "用户": (0, 0, 1),
    "0": (8, 8, 5),
}
"""By key the partition, of twelve, that three producers chose: the Java client 4.3.1 by default, and librdkafka 2.16.0
by ``murmur2_random`` and by its default, ``consistent_random``."""
JAVA, MURMUR2_RANDOM, LIBRDKAFKA = range(3)


def decoded(partitioner: str, key: bytes | None, partition: int, value: bytes | None = b"{}") -> Change | Malformed:
    decode = placed(decoder(INPUTS["profiles"]), partitioner, PARTITIONS)
    return decode(Message("profiles", partition, 0, NOW_MS, key, value, (), assignment=1), NOW_MS)


def taken(partitioner: str, producer: int) -> int:
    """Return how many of the keys are taken where a producer put them; the others must be told of."""
    found = [decoded(partitioner, key.encode(), places[producer]) for key, places in PLACES.items()]
    refused = [each.reason for each in found if isinstance(each, Malformed)]
    assert set(refused) <= {Reason.WRONG_PARTITION}
    return len(found) - len(refused)


@pytest.mark.parametrize(
    ("partitioner", "java", "murmur2_random", "librdkafka"),
    [("murmur2", 12, 12, 0), ("crc32", 0, 0, 12), ("any", 12, 12, 12)],
)
def test_a_setting_takes_the_keys_of_its_producers_and_refuses_those_of_others(
    partitioner: str, java: int, murmur2_random: int, librdkafka: int
) -> None:
    assert taken(partitioner, JAVA) == java
    assert taken(partitioner, MURMUR2_RANDOM) == murmur2_random
    assert taken(partitioner, LIBRDKAFKA) == librdkafka


def test_the_hash_is_that_of_other_implementations_for_keys_of_any_length() -> None:
    for length in range(300):
        key = os.urandom(length)
        assert murmur2(key) == their_murmur2(key) & 0x7FFFFFFF
    assert DefaultPartitioner()(b"profile-1", list(range(PARTITIONS)), []) == PLACES["profile-1"][JAVA]


@pytest.mark.parametrize("key", [None, b""])
@pytest.mark.parametrize("partitioner", ["murmur2", "crc32", "any"])
def test_a_record_without_a_key_lacks_a_key_wherever_it_is(partitioner: str, key: bytes | None) -> None:
    for partition in range(PARTITIONS):
        found = decoded(partitioner, key, partition)
        assert isinstance(found, Malformed)
        assert found.reason is Reason.NULL_KEY


def test_a_null_on_a_wrong_partition_forgets_nobody() -> None:
    found = decoded("murmur2", b"profile-1", 3, None)

    assert isinstance(found, Malformed)
    assert found.reason is Reason.WRONG_PARTITION
    assert "murmur2 puts its key on partition 2" in found.detail
    assert "profile-1" not in found.detail


def test_where_nothing_is_checked_nothing_is_asked_of_a_record() -> None:
    decode = decoder(INPUTS["profiles"])

    assert placed(decode, "any", PARTITIONS) is decode
    assert not isinstance(decoded("murmur2", b"profile-1", 2, a_fragment(a=1)), Malformed)
