from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.asking import Asked
from streams.delivery.revisions import Revisions


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(1, 9)), max_size=20))
def test_an_older_revision_never_follows_a_newer_one(exports: list[tuple[bytes, int]]) -> None:
    revisions, highest = Revisions(), dict[bytes, int]()
    for key, revision in exports:
        assert revisions.overtaken(key, revision) == (revision < highest.get(key, 0))
        if not revisions.overtaken(key, revision):
            revisions.delivered(key, revision)
            highest[key] = revision


def test_only_the_most_recently_delivered_profiles_are_remembered() -> None:
    revisions = Revisions(limit=2)
    for key in (b"a", b"b", b"a", b"c"):
        revisions.delivered(key, 5)

    assert [revisions.overtaken(key, 4) for key in (b"a", b"b", b"c")] == [True, False, True]


def test_what_ended_elsewhere_is_remembered_by_its_highest_revision() -> None:
    revisions = Revisions()
    for revision in (5, 3):
        revisions.skipped(b"a", revision)

    assert revisions.overtaken(b"a", 4)
    assert not revisions.overtaken(b"a", 5)


def test_long_keys_are_remembered_too_and_apart() -> None:
    revisions = Revisions()
    keys = [b"k" * length for length in (31, 32, 63, 64, 65, 66, 100_000)]
    for number, key in enumerate(keys):
        revisions.delivered(key, number + 10)

    assert [revisions.overtaken(key, number + 9) for number, key in enumerate(keys)] == [True] * len(keys)
    assert [revisions.overtaken(key, number + 10) for number, key in enumerate(keys)] == [False] * len(keys)


def test_what_is_remembered_does_not_grow_with_the_length_of_the_keys() -> None:
    revisions, asked = Revisions(limit=100), Asked(limit=100)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100):
            key = b"%d" % number + bytes(100_000)
            revisions.delivered(key, 1)
            asked.asked(key, 1)
        del key
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(asked) == 100
    assert after - before < 1_000_000
