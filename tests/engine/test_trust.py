"""What is believed of a state directory, and what each error of RocksDB is taken for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from streams.engine.trust import (
    DistrustedError,
    Doubt,
    LockedError,
    Origin,
    UnusableError,
    check_age,
    check_offsets,
    judged,
)


def doubt_of(check: Callable[..., None], *arguments: object) -> Doubt | None:
    """Return why *check* does not believe; None if it does."""
    try:
        check(*arguments)
    except DistrustedError as doubt:
        return doubt.why
    return None


OURS = Origin("crm", "crm-profiles-changelog", 3, "cluster-a")


@pytest.mark.parametrize(
    "other",
    [
        replace(OURS, app="other"),
        replace(OURS, changelog="other-profiles-changelog"),
        replace(OURS, partition=4),
        replace(OURS, cluster="cluster-b"),
    ],
)
def test_a_state_of_another_is_not_ours(other: Origin) -> None:
    with pytest.raises(DistrustedError) as raised:
        OURS.check(other.encode())

    assert raised.value.why is Doubt.FOREIGN


@pytest.mark.parametrize("record", [None, OURS.encode(), replace(OURS, cluster=None).encode()])
def test_a_state_that_nothing_contradicts_is_ours(record: bytes | None) -> None:
    OURS.check(record)
    replace(OURS, cluster=None).check(record)


def test_an_origin_that_cannot_be_read_is_not_ours() -> None:
    with pytest.raises(DistrustedError, match="known way"):
        OURS.check(b"{")


@pytest.mark.parametrize(("used", "believed"), [(1000, True), (501, True), (499, False), (1501, False), (1499, True)])
def test_a_state_is_believed_for_half_of_what_tombstones_are_kept(used: float, believed: bool) -> None:
    assert doubt_of(check_age, used, 1000.0, 1000.0) is (None if believed else Doubt.STALE)


@pytest.mark.parametrize(
    ("offset", "beginning", "end", "why"),
    [
        (None, 5, 9, None),
        (8, 0, 9, None),
        (9, 0, 9, Doubt.AHEAD),
        (9, 0, 0, Doubt.AHEAD),
        (4, 5, 9, None),
        (3, 5, 9, Doubt.BEHIND),
    ],
)
def test_a_state_must_end_within_its_changelog(offset: int | None, beginning: int, end: int, why: Doubt | None) -> None:
    assert doubt_of(check_offsets, offset, beginning, end) is why


def test_how_many_offsets_the_brokers_have_lost_is_told() -> None:
    with pytest.raises(DistrustedError, match="lost its last 90 offsets"):
        check_offsets(99, 0, 10)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("IO error: lock hold by current process, acquire time 1: /s/0/LOCK: No locks available", LockedError),
        ("IO error: While lock file: /s/0/LOCK: Resource temporarily unavailable", LockedError),
        ("Corruption: block checksum mismatch: stored = 1, computed = 2 in /s/0/000009.sst", DistrustedError),
        ("IO error: No such file or directory: While opening a file: /s/0/MANIFEST-000005", DistrustedError),
        ("IO error: No space left on device: While appending to file: /s/0/000008.log", UnusableError),
        ("IO error: While appending to file: /s/0/000004.log: File too large", UnusableError),
        ("Corruption: IO error: Too many open files: /s/0/000004.sst", UnusableError),
        ("Read-only file system (os error 30)", UnusableError),
        ("something else", Exception),
    ],
)
def test_an_error_of_rocksdb_is_what_its_text_says(text: str, kind: type[Exception]) -> None:
    assert type(judged(Exception(text))) is kind
