"""What a destination is sent of a profile as it stands: all that it may know, and nothing that has to wait."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from streams.activation.asked import Asked, decode
from streams.activation.forgetting import forget
from streams.activation.profiles import EXITED_KEPT_MS, Told
from streams.activation.rendering import Step
from streams.activation.targets import Trigger
from streams.destinations import Destination
from streams.ends import Exclusion, RecordEnd
from streams.engine import Message
from streams.exports import Position
from streams.profile_commands import ReExport, encode_command
from tests.records import NOW_MS, Life, a_destination, a_fragment, a_membership, a_time, an_activation, an_attribute

LATER = NOW_MS + EXITED_KEPT_MS + 60_000
"""When exits of now no longer show."""


def a_life(*destinations: Destination) -> Life:
    return Life(an_activation(*(destinations or (a_destination(segments=["a", "b"]),))))


def asked(withdrawal: Any = None, destination: str = "crm.1") -> Asked:
    raw = msgspec.Raw() if withdrawal is None else msgspec.Raw(json.dumps(withdrawal).encode())
    value = encode_command(ReExport(destination=destination, withdrawal=raw))
    found = decode(Message("commands", 0, 7, NOW_MS, b"k", value, (), assignment=1), NOW_MS)
    assert isinstance(found, Asked)
    return found


def re_export(life: Life, request: Asked | None = None, *, offset: int = 7, now: int = NOW_MS) -> Step:
    step = life.activation.re_export(life.profile, request or asked(), Position("commands", 0, offset, now), now)
    life.exports += step.exports
    return step


def said(step: Step, number: int = -1) -> dict[str, str]:
    """Return the statuses that an export says, by segment."""
    memberships = json.loads(step.exports[number].body)["segmentMembership"].get("ups", {})
    return {segment: entry["status"] for segment, entry in memberships.items()}


def test_all_that_is_mapped_is_said_exits_of_any_age_too() -> None:
    life = a_life()
    life.take("profiles", a_fragment(person={"email": "m"}, unmapped=1, identityMap={"ecid": [{"id": "1"}]}))
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("b", 1))
    life.take("qualifications", a_membership("unmapped", 1))

    step = re_export(life, now=LATER)

    assert said(step) == {"a": "realized", "b": "exited"}
    assert (life.last["person"], life.last["identityMap"]) == ({"email": "m"}, {"ecid": [{"id": "1"}]})
    (export,) = step.exports
    assert (export.meta.trigger, export.meta.source, export.meta.segments) == ("re-export", "commands-0-7", ())
    assert step.considered == [(export.destination, RecordEnd.ACTIVATED, None)]
    assert life.profile.told["crm.1"] == Told(export.meta.revision, inside=True, trigger="re-export")


def test_the_revision_rises_and_the_same_command_done_again_has_the_same_id() -> None:
    life = a_life()
    before = life.take("qualifications", a_membership("a", 1)).exports[0].meta.revision

    first, again = re_export(life).exports[0], re_export(life).exports[0]

    assert before < first.meta.revision < again.meta.revision
    assert first.id == again.id
    assert re_export(life, offset=8).exports[0].id != first.id


def test_nothing_is_sent_of_one_that_was_never_in_a_mapped_segment() -> None:
    life = a_life()
    life.take("profiles", a_fragment(person={"email": "m"}))
    life.take("qualifications", a_membership("unmapped", 1))
    revision = life.profile.revision

    step = re_export(life)

    assert (step.end, step.written, step.exports) == (RecordEnd.NOT_TRIGGERED, False, [])
    assert life.profile.revision == revision


def test_since_is_no_limit() -> None:
    life = a_life(a_destination(since=NOW_MS + 1))
    life.take("qualifications", a_membership("a", 1))
    assert not life.exports

    assert said(re_export(life)) == {"a": "realized"}


MANDATORY = a_destination(segments=["a", "b"], attributes=[an_attribute("email", mandatory=True)])


def test_an_entry_waits_here_too() -> None:
    life = a_life(MANDATORY)
    life.take("qualifications", a_membership("a", 1))

    step = re_export(life)

    assert (step.end, step.written, step.exports) == (RecordEnd.EXCLUDED, False, [])
    assert step.considered == [(MANDATORY, RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)]


def test_an_exit_that_may_be_lost_does_not_wait_for_the_entry_of_another_segment() -> None:
    life = a_life(MANDATORY)
    life.take("profiles", a_fragment(email="m"))
    life.take("qualifications", a_membership("a", 1))
    life.take("qualifications", a_membership("b", 1))
    life.take("profiles", a_fragment())
    life.take("exits", a_membership("b", 2))

    assert said(re_export(life)) == {"a": "realized", "b": "exited"}


def test_a_segment_entered_anew_whose_entry_waits_is_shown_as_left() -> None:
    life = a_life(MANDATORY)
    life.take("profiles", a_fragment(email="m"))
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("a", 2))
    life.take("profiles", a_fragment())
    assert not life.take("qualifications", a_membership("a", 3)).exports

    step = re_export(life)

    assert said(step) == {"a": "exited"}
    assert not life.profile.told["crm.1"].inside


def test_one_that_was_told_and_only_waits_is_sent_nothing() -> None:
    life = a_life(MANDATORY)
    life.take("profiles", a_fragment(email="m"))
    life.take("qualifications", a_membership("a", 1))
    life.take("profiles", a_fragment())

    assert re_export(life).exports == []


def test_exits_alone_wait_for_nothing() -> None:
    life = a_life(MANDATORY)
    life.take("exits", a_membership("a", 1))

    assert said(re_export(life)) == {"a": "exited"}


def test_a_forgotten_profile_is_withdrawn_again() -> None:
    life = a_life()
    life.take("profiles", a_fragment(person={"email": "m"}, identityMap={"ecid": [{"id": "1"}]}))
    life.take("qualifications", a_membership("a", 1))
    withdrawal = life.take("profiles", None).exports[0]

    step = re_export(life)

    assert (step.end, step.written) == (RecordEnd.ACTIVATED, True)
    assert step.exports[0].body == withdrawal.body
    assert step.exports[0].meta.trigger == Trigger.FORGOTTEN
    assert step.exports[0].meta.revision > withdrawal.meta.revision


def test_one_last_told_out_before_it_was_forgotten_is_told_so_again() -> None:
    """The null sends it nothing, so what is lost may be the exit."""
    life = a_life()
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("a", 2))
    assert not life.take("profiles", None).exports

    assert said(re_export(life)) == {"a": "exited"}


def test_who_lives_again_is_withdrawn_and_then_told_of_what_is_known_now() -> None:
    life = a_life()
    life.take("profiles", a_fragment(person={"email": "m"}))
    life.take("qualifications", a_membership("a", 1))
    life.take("profiles", None)
    life.take("qualifications", a_membership("b", 5))

    step = re_export(life)

    assert [said(step, number) for number in (0, 1)] == [{"a": "exited"}, {"b": "realized"}]
    assert step.exports[0].meta.revision < step.exports[1].meta.revision


WITHDRAWAL = {
    "segmentMembership": {
        "ups": {
            "a": {"status": "exited", "lastQualificationTime": a_time(4)},
            "b": {"status": "realized", "lastQualificationTime": a_time(5)},
            "unmapped": {"status": "exited", "lastQualificationTime": a_time(6)},
        }
    },
    "identityMap": {"ecid": [{"id": "1"}]},
}


def test_of_one_that_is_removed_the_withdrawal_is_rendered_anew_with_what_is_mapped_now() -> None:
    life = a_life()

    step = re_export(life, asked(WITHDRAWAL))

    assert (step.end, step.written) == (RecordEnd.ACTIVATED, True)
    assert said(step) == {"a": "exited", "b": "exited"}
    assert life.last.keys() == {"segmentMembership", "identityMap"}
    assert step.exports[0].meta.trigger == Trigger.FORGOTTEN
    times = {s: e["lastQualificationTime"] for s, e in life.last["segmentMembership"]["ups"].items()}
    assert times["a"].startswith("2020-05-25T00:00:04")
    assert times["b"].startswith("2023")  # it left when that was asked for

    assert re_export(life, asked(WITHDRAWAL)).exports[0].id == step.exports[0].id


def test_what_a_withdrawal_said_is_kept_only_until_the_command_cannot_be_read_again() -> None:
    life = a_life()
    re_export(life, asked(WITHDRAWAL))

    assert life.profile.is_blank
    assert life.profile.forgotten is not None
    assert life.profile.forgotten.seen == {"commands": 7}


def test_of_one_of_whom_more_is_known_a_lost_exit_is_told_before_what_is_known_now() -> None:
    life = a_life()
    life.take("qualifications", a_membership("a", 9))
    left = {"segmentMembership": {"ups": {"a": {"status": "exited", "lastQualificationTime": a_time(4)}}}}

    assert [said(re_export(life, asked(left)), number) for number in (0, 1)] == [{"a": "exited"}, {"a": "realized"}]


def test_a_lost_exit_that_is_known_is_told_once_with_what_is_known_now() -> None:
    life = a_life()
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("a", 4))
    left = {"segmentMembership": {"ups": {"a": {"status": "exited", "lastQualificationTime": a_time(4)}}}}

    step = re_export(life, asked(left))

    assert [said(step, number) for number in range(len(step.exports))] == [{"a": "exited"}]
    assert life.profile.forgotten is None


def test_a_lost_exit_before_an_entry_that_waits_is_told_once_without_it() -> None:
    life = a_life(MANDATORY)
    life.take("profiles", a_fragment(email="m"))
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("a", 2))
    life.take("profiles", a_fragment())
    life.take("qualifications", a_membership("a", 3))
    left = {"segmentMembership": {"ups": {"a": {"status": "exited", "lastQualificationTime": a_time(2)}}}}

    step = re_export(life, asked(left))

    assert [said(step, number) for number in range(len(step.exports))] == [{"a": "exited"}]


def test_what_a_lost_export_said_of_entries_does_not_count_where_more_is_known() -> None:
    life = a_life()
    life.take("qualifications", a_membership("b", 5))

    step = re_export(life, asked(WITHDRAWAL))

    assert [said(step, number) for number in range(len(step.exports))] == [{"b": "realized"}]
    assert life.profile.forgotten is None


def test_a_withdrawal_of_nothing_mapped_sends_nothing() -> None:
    life = a_life(a_destination(segments=["other"]))

    assert re_export(life, asked(WITHDRAWAL)).exports == []


def test_what_is_still_kept_of_the_forgotten_counts_more_than_the_command() -> None:
    life = a_life()
    life.take("qualifications", a_membership("a", 9))
    life.take("profiles", None)
    assert life.profile.forgotten is not None
    kept = life.profile.forgotten.memberships["ups"]["a"]

    step = re_export(life, asked(WITHDRAWAL))

    assert said(step) == {"a": "exited", "b": "exited"}
    assert life.profile.forgotten.memberships["ups"]["a"] == kept
    assert life.profile.forgotten.seen["commands"] == 7


def test_a_null_that_comes_after_such_a_withdrawal_is_no_news() -> None:
    life = a_life()
    re_export(life, asked(WITHDRAWAL))

    assert not forget(life.profile, Position("profiles", 0, 0, NOW_MS), None)


def test_nothing_is_known_and_nothing_is_sent() -> None:
    life = a_life()

    step = re_export(life)

    assert (step.end, step.written) == (RecordEnd.NOT_TRIGGERED, False)


@pytest.mark.parametrize("incarnation", ["crm.1", "ads.1"])
def test_one_destination_is_sent_it_and_no_other(incarnation: str) -> None:
    life = a_life(a_destination("crm"), a_destination("ads"))
    life.take("qualifications", a_membership("a", 1))

    step = re_export(life, asked(destination=incarnation))

    assert [export.destination.incarnation for export in step.exports] == [incarnation]
