"""Which partitioner explains where keys are, by the placements of real producers."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from streams.activation.partitioners import murmur2
from streams.sampling.placement import placement
from tests.activation.test_partitioners import JAVA, LIBRDKAFKA, MURMUR2_RANDOM, PARTITIONS, PLACES


def placed_by(producer: int) -> Collection[tuple[bytes, int]]:
    """Return where a real producer has put the keys."""
    return {(key.encode(), places[producer]) for key, places in PLACES.items()}


@pytest.mark.parametrize(
    ("producer", "explained", "setting", "agrees"),
    [
        (JAVA, "murmur2", "murmur2", True),
        (JAVA, "murmur2", "crc32", False),
        (JAVA, "murmur2", "any", None),
        (MURMUR2_RANDOM, "murmur2", "murmur2", True),
        (LIBRDKAFKA, "crc32", "crc32", True),
        (LIBRDKAFKA, "crc32", "murmur2", False),
    ],
)
def test_the_partitioner_of_each_producer_is_found(
    producer: int, explained: str, setting: str, *, agrees: bool | None
) -> None:
    found = placement(placed_by(producer), PARTITIONS, setting)

    assert (found.explained, found.agrees, found.keys) == (explained, agrees, len(PLACES))


def test_keys_that_neither_explains_are_told_so() -> None:
    found = placement({(f"key-{n}".encode(), n % PARTITIONS) for n in range(200)}, PARTITIONS, "any")

    assert found.explained == "neither"
    assert max(found.murmur2, found.crc32) < 0.3


def test_a_few_keys_that_are_elsewhere_do_not_hide_the_partitioner() -> None:
    keys = [f"key-{n}".encode() for n in range(200)]
    placed = {(key, (murmur2(key) + (n < 5)) % PARTITIONS) for n, key in enumerate(keys)}

    assert placement(placed, PARTITIONS, "any").explained == "murmur2"


@pytest.mark.parametrize(("keys", "partitions"), [(0, 12), (5, 12), (200, 1), (9, 4)])
def test_too_few_keys_or_one_partition_tell_nothing(keys: int, partitions: int) -> None:
    placed = {(key, murmur2(key) % partitions) for key in (f"key-{n}".encode() for n in range(keys))}

    assert placement(placed, partitions, "murmur2").explained == "cannot tell"
    assert placement(placed, partitions, "murmur2").agrees is None
