"""What can be replayed is chosen before anybody is asked: the newest export of each profile, where it still may go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.dead_letters import Stage
from streams.ends import Reason
from streams.exports import Meta, encode_meta, export_id, namespace_of
from streams.letters.letter import DeadLetter
from streams.letters.replayable import Choice, Hindrance, Kind, replay_of
from streams.letters.verdicts import ASKED, REPLAYABLE, WRITTEN, Line, Verdicts
from streams.profile_commands import Replay
from streams.registry.records import Version
from streams.remedies.replays import told
from tests.deliverables import ARecord
from tests.letters.letters_of import a_letter

IN_FORCE = {
    "crm": Version(version=3, written_at=0, by="ada", min_version=2),
    "ads": Version(version=1, written_at=0, by="ada", life="draining"),
    "old": Version(version=1, written_at=0, by="ada", life="deleted"),
    "new": Version(version=1, written_at=0, by="ada", number=2),
}
CRM = Kind("crm", "refused")


def an_export(
    key: bytes | None = b"p1", *, revision: int = 5, version: int = 2, incarnation: str = "crm.1", **others: Any
) -> ARecord:
    """Return an export as activation writes it."""
    body = b'{"revision": %d}' % revision
    meta = Meta(version=version, revision=revision, trigger="entered", source=f"profiles-0-{revision}")
    id_ = export_id(namespace_of(incarnation), meta.source, body)
    headers = [("streams.id", id_.encode()), ("streams.meta", encode_meta(meta))]
    topic = f"app.exports.{incarnation}"
    return ARecord(**{"offset": 1, "key": key, "value": body, "headers": headers, "topic": topic, **others})


def a_choice(*letters: DeadLetter) -> Choice:
    choice = Choice("app", "ada", IN_FORCE.get)
    for letter in letters:
        choice.consider(letter)
    return choice


def test_a_replay_is_what_the_letter_has() -> None:
    export = an_export(partition=3, headers=[*an_export().headers, ("streams.replays", b"2")])
    replay = replay_of(a_letter(export, offset=9), "app", "ada@desk")

    assert isinstance(replay, Replay)
    assert (bytes(replay.body), replay.id.encode()) == (export.value, export.headers[0][1])
    assert (replay.destination, replay.replays, replay.letter, replay.by) == ("crm.1", 3, "3:9", "ada@desk")


OF_ACTIVATION: dict[str, Any] = {"stage": Stage.ACTIVATION, "reason": Reason.INVALID_JSON, "destination": None}


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (a_letter(ARecord(topic="profiles"), **OF_ACTIVATION), Hindrance.NOT_AN_EXPORT),
        (a_letter(an_export(topic="other.exports.crm.1")), Hindrance.NOT_AN_EXPORT),
        (a_letter(an_export(value=b"x" * 8 * 1024 * 1024)), Hindrance.WITHOUT_BYTES),
        (a_letter(an_export(value=None)), Hindrance.NOT_AS_WRITTEN),
        (a_letter(an_export(None)), Hindrance.NOT_AS_WRITTEN),
        (a_letter(an_export(value=b'{"revision": 6}')), Hindrance.NOT_AS_WRITTEN),
        (a_letter(an_export(topic="app.exports.crm.2")), Hindrance.NOT_AS_WRITTEN),
        (a_letter(an_export(headers=[]), reason=Reason.INVALID_EXPORT), Hindrance.NOT_AS_WRITTEN),
        (a_letter(an_export(incarnation="none.1")), Hindrance.DESTINATION_GONE),
        (a_letter(an_export(incarnation="old.1")), Hindrance.DESTINATION_GONE),
        (a_letter(an_export(incarnation="new.1")), Hindrance.DESTINATION_GONE),
        (a_letter(an_export(incarnation="ads.1")), Hindrance.DESTINATION_DRAINING),
    ],
    ids=lambda value: value if isinstance(value, Hindrance) else "",
)
def test_what_cannot_be_replayed_says_why(letter: DeadLetter, why: Hindrance) -> None:
    choice = a_choice(letter)

    assert (choice.hindered, choice.offsets) == ({(Kind(letter.destination, letter.reason), why): 1}, set())
    assert told(why)


@given(
    st.lists(
        st.sampled_from([b"", b"null", b"{}", b"\xff", b'{"version":1}', b"[" * 2_000, encode_meta(Meta(1, 1, "", ""))])
    ),
    st.lists(st.binary(max_size=3)),
)
def test_whatever_headers_it_has_no_letter_stops_the_others(metas: list[bytes], ids: list[bytes]) -> None:
    headers = [*(("streams.meta", each) for each in metas), *(("streams.id", each) for each in ids)]

    assert replay_of(a_letter(an_export(headers=headers)), "app", "ada") is Hindrance.NOT_AS_WRITTEN


def test_of_each_profile_and_destination_the_newest_export_is_replayed() -> None:
    choice = a_choice(
        a_letter(an_export(revision=5), offset=0),
        a_letter(an_export(revision=9), offset=1, reason=Reason.EXHAUSTED),
        a_letter(an_export(revision=7), offset=2),
        a_letter(an_export(b"p2"), offset=3),
        a_letter(an_export(incarnation="new.2"), offset=4, destination="new"),
    )

    assert choice.offsets == {1, 3, 4}
    assert choice.incarnations == {"crm.1", "new.2"}
    assert choice.replayable == {Kind("crm", "exhausted"): 1, CRM: 1, Kind("new", "refused"): 1}
    assert choice.hindered == {(CRM, Hindrance.NEWER_LETTER): 2}


def test_an_export_that_failed_twice_is_replayed_once_and_counts_on() -> None:
    again = an_export(headers=[*an_export().headers, ("streams.replays", b"1")])

    assert a_choice(a_letter(an_export(), offset=0), a_letter(again, offset=1)).offsets == {1}


def test_those_that_are_not_posted_any_more_are_counted() -> None:
    choice = a_choice(a_letter(an_export(version=1)), a_letter(an_export(b"p2"), offset=1))

    assert (choice.narrowed, choice.offsets) == ({"crm.1": 1}, {0, 1})


def test_the_verdicts_are_told_what_is_replayed_first() -> None:
    verdicts, choice = Verdicts(), a_choice(a_letter(an_export()), a_letter(an_export(incarnation="ads.1"), offset=1))
    verdicts.chosen(choice)
    verdicts.replayable(choice)

    assert verdicts.lines() == [
        Line("crm", "refused", REPLAYABLE, 1),
        Line("crm", "refused", Hindrance.DESTINATION_DRAINING, 1),
    ]
    assert (verdicts.total(REPLAYABLE), verdicts.hindrances()) == (1, [Hindrance.DESTINATION_DRAINING])


@pytest.mark.parametrize(("is_taken", "unwritten"), [(True, Hindrance.OVERTAKEN), (False, ASKED)])
def test_what_is_not_on_its_topic_is_overtaken_once_its_owner_has_taken_it(is_taken: bool, unwritten: str) -> None:
    verdicts = Verdicts()
    verdicts.answered({"a": CRM, "b": CRM, "c": CRM}, {"b"}, is_taken=is_taken)

    assert sorted(verdicts.lines()) == sorted([Line(*CRM, unwritten, 2), Line(*CRM, WRITTEN, 1)])


def test_nothing_of_a_profile_is_in_a_replay_s_text() -> None:
    replay = replay_of(a_letter(an_export(b"Ada")), "app", "by")

    assert isinstance(replay, Replay)
    assert "Ada" not in repr(replay)
    assert '"revision"' not in repr(replay)
