from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
