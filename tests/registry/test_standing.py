"""One writer wins each version, all readers agree on it, and neither compaction nor tidying changes that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from streams.groups.entries import Entries, Entry
from streams.registry.records import DESTINATION, encode, name_of
from streams.registry.standing import Record, beginnings, has_won, in_force, record_of, superseded, winners
from tests.registry.versions import a_version

Row = tuple[str, bytes | None]
"""A record of the topic: its key and its value, None for a tombstone."""


def records(rows: list[Row], name: str = "crm") -> list[Record]:
    entries = Entries()
    for key, value in rows:
        entries.read(key.encode(), value)
    found = (record_of(entry) for entry in entries.under(beginnings()))
    return [record for record in found if record is not None and record.name == name]


def row(version: int, by: str, name: str = "crm") -> Row:
    return f"{name_of(DESTINATION, name, version)}/{by}", encode(a_version(version, by))


def writer(rows: list[Row], name: str = "crm") -> str | None:
    record = in_force(records(rows, name))
    return None if record is None or record.value is None else record.value.by


def test_of_one_version_the_first_counts_and_the_highest_version_is_in_force() -> None:
    rows = [row(1, "ann"), row(2, "bob"), row(2, "eve"), row(1, "late"), row(9, "other", name="ads")]

    assert writer(rows) == "bob"
    assert [record.value.by for record in winners(records(rows)) if record.value] == ["ann", "bob"]
    assert [has_won(records(rows), row(*each)[0]) for each in ((1, "ann"), (2, "bob"), (2, "eve"), (1, "late"))] == [
        *(True, True, False, False)
    ]
    assert writer([]) is None


def test_versions_are_numbers() -> None:
    assert writer([row(9, "nine"), row(10, "ten")]) == "ten"


def test_what_another_release_wrote_is_in_force_though_it_cannot_be_read() -> None:
    rows: list[Row] = [row(1, "ann"), ("destination/crm/2/x", b'{"version": 2, "life": "frozen"}')]
    record = in_force(records(rows))

    assert record is not None
    assert (record.version, record.value) == (2, None)


def test_a_value_under_the_key_of_another_version_is_not_read() -> None:
    (record,) = records([("destination/crm/5/x", encode(a_version(4)))])

    assert (record.version, record.value) == (5, None)


@given(
    st.builds("/".join, st.lists(st.text(max_size=4), min_size=1, max_size=5))
    | st.sampled_from(["tenure/a/1/x", "account/a/b/x", "account/a/1", "account/a/²/x", "destination/a/b/1/x"])
)
def test_what_is_no_document_is_none(key: str) -> None:
    assert record_of(Entry(key, 1, {"version": 1})) is None


@dataclass
class Operators:
    """Several that write, look and tidy, step by step, in an order that is drawn; each reads all that stands."""

    log: list[Row] = field(default_factory=list)
    told: dict[str, bool] = field(default_factory=dict)
    """By key whether its writer was told that it has won."""

    def writing(self, by: str, times: int) -> Iterator[None]:
        """Write so many versions, each based on what was in force when it was begun."""
        for time in range(times):
            base = in_force(records(self.log))
            yield
            key, value = row((base.version if base else 0) + 1, f"{by}{time}")
            self.log.append((key, value))
            yield
            self.told[key] = has_won(records(self.log), key)
            yield
            if not self.told[key]:
                self.log.append((key, None))

    def tidying(self, times: int) -> Iterator[None]:
        """Take away what is superseded, one record after another; a crash may end it in between."""
        for _ in range(times):
            for key in superseded(records(self.log)):
                self.log.append((key, None))
                yield
            yield


def compacted(log: list[Row], kept: list[bool]) -> list[Row]:
    """Return the log without some of the records that a later one of the same key replaced."""
    last = {key: index for index, (key, _) in enumerate(log)}
    return [each for index, each in enumerate(log) if last[each[0]] == index or kept[index % len(kept)]]


Choices = list[tuple[int, int]]
"""Who acts, and for how many steps before another one does."""


def played(choices: Choices) -> Operators:
    operators = Operators()
    acting = [operators.writing(by, 3) for by in "abc"] + [operators.tidying(4), operators.tidying(4)]
    for who, steps in choices:
        for _ in range(steps):
            next(acting[who], None)
    return operators


CHOICES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 8)), min_size=3, max_size=20)
LATE: Choices = [(0, 1), (1, 6), (3, 2), (0, 2)]
"""The first looks, the second writes twice, its first version is taken away, and then the first writes the same one."""
HALF_TAKEN_AWAY: Choices = [(0, 1), (1, 3), (0, 1), (1, 3), (3, 1), (0, 1)]
"""Two write the same version and one of them the next; the late one looks when one record has been taken away."""
MORE_TAKEN_AWAY: Choices = [(0, 1), (1, 5), (0, 1), (1, 4), (3, 2), (0, 1)]
"""The same, with one more version, and two records taken away."""
KEPT = st.lists(st.booleans(), min_size=1, max_size=30)


@given(CHOICES, KEPT, st.integers(0, 60))
def test_compaction_does_not_change_who_won(choices: Choices, kept: list[bool], read: int) -> None:
    log = played(choices).log
    rest = log[:read], log[read:]  # compacted at some moment, and read on behind it
    whole = in_force(records(log))
    after = in_force(records([*compacted(rest[0], kept), *rest[1]]))

    assert (whole and whole.key) == (after and after.key)
    assert (whole and whole.value) == (after and after.value)


@given(CHOICES)
@example(LATE)
@example(HALF_TAKEN_AWAY)
@example(MORE_TAKEN_AWAY)
def test_of_each_version_one_writer_at_most_is_told_that_it_won_and_the_last_one_is_in_force(
    choices: Choices,
) -> None:
    operators = played(choices)
    won = [int(key.split("/")[2]) for key, has_won in operators.told.items() if has_won]
    standing = in_force(records(operators.log))

    assert len(won) == len({*won})
    assert standing is None or standing.version >= max(won, default=0)
    if standing is not None and standing.key in operators.told:
        assert operators.told[standing.key]


@given(CHOICES)
def test_what_was_in_force_is_never_followed_by_an_older_one(choices: Choices) -> None:
    log, seen = played(choices).log, [0]
    for length in range(1, len(log) + 1):
        standing = in_force(records(log[:length]))
        seen.append(standing.version if standing else 0)

    assert seen == sorted(seen)
