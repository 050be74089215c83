"""A membership ends by itself once, by a command that acts only where the record that it saw still counts."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.activation.asked import Asked, decode
from streams.activation.events import Status
from streams.activation.expiries import MOST_AT_ONCE, expiry, next_due
from streams.activation.owing import owe
from streams.activation.profiles import EXITED_KEPT_MS, MembershipSlot, Profile, decode_profile, encode_profile
from streams.activation.rendering import Step
from streams.ends import Exclusion, RecordEnd
from streams.engine import Message
from streams.exports import Position
from streams.profile_commands import Due, Expire, ReExport, encode_command
from tests.activation.test_profiles import VERSION_3
from tests.records import (
    KEY,
    NOW_MS,
    Life,
    a_destination,
    a_fragment,
    a_membership,
    a_time,
    an_activation,
    an_attribute,
)

END = NOW_MS + 5_000
AFTER = END + 1
SHOWN = "2023-11-14T22:13:25Z"
"""END as it is told."""
MONTH_LATER = NOW_MS + EXITED_KEPT_MS + 10_000
SAME = Position("qualifications", 0, 0, NOW_MS)


def asked(life: Life, now: int = AFTER) -> Expire:
    """Return what the owner asks of itself, once nothing can be read again."""
    command = expiry(life.profile, now, lambda _: True)
    assert command is not None
    return command


def obey(life: Life, command: Expire, *, offset: int = 0, now: int = AFTER) -> Step:
    step = life.activation.obey(life.profile, Asked(command), Position("commands", 0, offset, now), now)
    life.exports += step.exports
    return step


def a_member(**more: Any) -> Life:
    """Return one who is in until END."""
    life = Life(**more)
    life.take("qualifications", a_membership(until_ms=END))
    return life


def segment(life: Life, name: str = "a") -> Any:
    return life.last["segmentMembership"]["ups"][name]


def test_a_membership_ends_when_its_time_has_come_and_not_before() -> None:
    life = a_member()

    assert expiry(life.profile, END - 1, lambda _: True) is None
    assert next_due(life.profile) == life.profile.due == END
    assert asked(life, END) == Expire(memberships=(Due("ups", "a", "qualifications-0-0"),))


def test_the_exit_is_told_with_the_end_as_its_time() -> None:
    life = a_member()

    step = obey(life, asked(life))

    assert (step.end, step.ended, len(step.exports)) == (RecordEnd.ACTIVATED, 1, 1)
    assert segment(life) == {"lastQualificationTime": SHOWN, "status": "exited"}
    meta = step.exports[0].meta
    assert (meta.trigger, meta.source, meta.time, meta.segments) == ("exited", "commands-0-0", END, ("a",))
    assert not life.profile.told["crm.1"].inside
    slot = life.profile.memberships["ups"]["a"]
    assert (slot.inside, slot.position) == (False, Position("commands", 0, 0, AFTER))


def test_several_that_are_due_end_together() -> None:
    life = Life(an_activation(a_destination(segments=["a", "b"])))
    for name in ("a", "b"):
        life.take("qualifications", a_membership(name, until_ms=END))

    step = obey(life, asked(life))

    assert (step.ended, len(step.exports)) == (2, 1)
    assert segment(life, "a") == segment(life, "b")
    assert step.exports[0].meta.segments == ("a", "b")


def test_a_command_is_never_larger_than_a_record_may_be() -> None:
    life = Life()
    for number in range(MOST_AT_ONCE + 1):
        life.profile.memberships.setdefault("ups", {})[f"{number}"] = MembershipSlot(Status.REALIZED, 0, SAME, 1)

    assert len(asked(life).memberships) == MOST_AT_ONCE
    obey(life, asked(life))
    assert len(asked(life).memberships) == 1


def test_a_command_that_is_read_again_sends_the_same_again() -> None:
    life = a_member()
    command = asked(life)
    first = obey(life, command)

    again = obey(life, command, now=AFTER + 60_000)

    assert [(each.id, each.body) for each in again.exports] == [(each.id, each.body) for each in first.exports]
    assert again.ended == 0


def test_a_second_command_for_the_same_does_nothing() -> None:
    """As after a rebalance: the owner before had asked already."""
    life = a_member()
    command = asked(life)
    obey(life, command)
    before = encode_profile(life.profile)

    step = obey(life, command, offset=1)

    assert (step.end, step.written, step.exports) == (RecordEnd.OVERTAKEN, False, [])
    assert encode_profile(life.profile) == before


def test_a_command_for_a_membership_that_was_renewed_does_nothing() -> None:
    life = a_member()
    command = asked(life)
    life.take("qualifications", a_membership(second=1, until_ms=END + 60_000))

    assert obey(life, command).end is RecordEnd.OVERTAKEN
    assert life.profile.memberships["ups"]["a"].inside
    assert next_due(life.profile) == END + 60_000


def test_a_command_does_nothing_to_a_later_record_of_which_something_is_due_too() -> None:
    """That one has a command of its own; whoever reads this one again must find it as it was."""
    life = a_member()
    command = asked(life)
    life.take("qualifications", a_membership(second=1, until_ms=END), now=END - 1)

    assert obey(life, command).end is RecordEnd.OVERTAKEN
    assert obey(life, asked(life), offset=1).end is RecordEnd.ACTIVATED


def test_a_command_that_comes_too_early_does_nothing() -> None:
    """Another worker's clock may have been ahead."""
    life = a_member()

    assert obey(life, asked(life), now=END - 1).end is RecordEnd.OVERTAKEN
    assert life.profile.memberships["ups"]["a"].inside


def test_a_command_for_what_is_not_known_does_nothing() -> None:
    life = Life()

    assert obey(life, Expire(memberships=(Due("ups", "a", "qualifications-0-0"),))).end is RecordEnd.OVERTAKEN
    assert life.profile == Profile()


def test_a_newer_event_that_comes_after_the_end_counts() -> None:
    """The event was later than the one that had the end, though it comes late itself."""
    life = a_member()
    obey(life, asked(life))

    step = life.take("qualifications", a_membership(second=1), now=AFTER + 1)

    assert step.end is RecordEnd.ACTIVATED
    assert segment(life) == {"lastQualificationTime": a_time(1).replace(".000000", ""), "status": "realized"}


def test_the_same_event_again_does_not_bring_anybody_back() -> None:
    life = a_member()
    obey(life, asked(life))

    late = life.take("qualifications", a_membership(), now=AFTER + 1)
    again = life.take("qualifications", a_membership(until_ms=END), offset=0, now=AFTER + 1)
    copy = life.take("qualifications", a_membership(until_ms=END), offset=2, now=AFTER + 1)

    assert [late.end, again.end, copy.end] == [RecordEnd.OVERTAKEN] * 3


def test_who_was_entered_anew_after_the_end_is_shown_so_when_the_command_is_read_again() -> None:
    life = Life(an_activation(a_destination(attributes=[an_attribute("email", mandatory=True)])))
    life.take("profiles", a_fragment(email="one@example.com"))
    life.take("qualifications", a_membership(until_ms=END))
    command = asked(life)
    obey(life, command)
    life.take("profiles", a_fragment(), now=AFTER + 1)
    assert life.take("qualifications", a_membership(second=1), now=AFTER + 2).end is RecordEnd.EXCLUDED  # it waits

    again = obey(life, command, now=AFTER + 3)

    assert len(again.exports) == 1
    assert segment(life) == {"lastQualificationTime": SHOWN, "status": "exited"}


def test_a_membership_that_comes_when_it_is_over_is_never_told_as_in() -> None:
    life = Life()

    step = life.take("qualifications", a_membership(until_ms=END), now=AFTER)
    again = life.take("qualifications", a_membership(until_ms=END), offset=0, now=AFTER)

    assert [step.end, again.end] == [RecordEnd.NOT_TRIGGERED, RecordEnd.NOT_TRIGGERED]
    assert not life.profile.memberships["ups"]["a"].inside
    assert life.exports == []


def test_a_membership_that_comes_when_it_is_over_ends_the_one_before() -> None:
    life = Life()
    life.take("qualifications", a_membership())

    step = life.take("qualifications", a_membership(second=1, until_ms=END), now=AFTER)

    assert step.exports[0].meta.trigger == "exited"
    assert segment(life) == {"lastQualificationTime": SHOWN, "status": "exited"}


def test_a_membership_that_comes_when_it_is_over_takes_over_what_an_exit_had_to_tell() -> None:
    """The exit's export may have been lost in a crash, and its record, read again, finds no slot that names it."""
    life = Life()
    life.take("exits", a_membership())

    step = life.take("qualifications", a_membership(second=1, until_ms=END), now=AFTER)

    assert [each.meta.trigger for each in step.exports] == ["exited"]
    assert life.take("exits", a_membership(), offset=0, now=AFTER).end is RecordEnd.OVERTAKEN


def test_a_record_that_is_read_again_after_the_end_tells_of_the_exit() -> None:
    """No command is needed any more, and the one that may be under way does nothing."""
    life = a_member()
    command = asked(life)

    again = life.take("qualifications", a_membership(until_ms=END), offset=0, now=AFTER)

    assert [each.meta.trigger for each in again.exports] == ["exited"]
    assert segment(life)["status"] == "exited"
    assert obey(life, command).end is RecordEnd.OVERTAKEN


def test_an_end_of_a_profile_that_was_forgotten_since_is_told_as_a_withdrawal() -> None:
    """Also where the command is read again after the null, and its exit may not have been written."""
    life = a_member()
    life.take("profiles", a_fragment(person={"email": "one@example.com"}))
    command = asked(life)
    obey(life, command)
    life.take("profiles", None, now=AFTER + 1)

    again = obey(life, command, now=AFTER + 2)

    assert segment(life) == {"lastQualificationTime": SHOWN, "status": "exited"}
    assert "person" not in life.last
    assert [each.meta.trigger for each in again.exports] == ["exited"]


def test_a_lost_export_of_the_end_is_not_told_of_twice() -> None:
    """Delivery asks with the body that it did not post; the state knows of that exit, by the time that it shows."""
    life = a_member()
    step = obey(life, asked(life))
    withdrawal = step.exports[0].body
    value = encode_command(ReExport(destination="crm.1", withdrawal=msgspec.Raw(withdrawal)))
    request = decode(Message("commands", 0, 1, AFTER, KEY, value, (), assignment=1), AFTER)
    assert isinstance(request, Asked)

    life.activation.obey(life.profile, request, Position("commands", 0, 1, AFTER), AFTER)

    assert life.profile.forgotten is None


def test_an_end_counts_for_since_by_when_it_happened() -> None:
    life = Life(an_activation(a_destination(since=NOW_MS + 1)))
    step = life.take("qualifications", a_membership(until_ms=END))
    assert step.considered[0][2] is Exclusion.BEFORE_SINCE

    assert obey(life, asked(life)).end is RecordEnd.ACTIVATED


def an_exit() -> Life:
    life = Life()
    life.take("qualifications", a_membership())
    life.take("exits", a_membership(second=1))
    life.take("profiles", a_fragment(person={"email": "one@example.com"}))
    return life


def test_an_exit_leaves_the_state_after_thirty_days() -> None:
    life = an_exit()
    revision = life.profile.revision
    assert expiry(life.profile, NOW_MS + EXITED_KEPT_MS, lambda _: True) is None

    step = obey(life, asked(life, NOW_MS + EXITED_KEPT_MS + 1), now=MONTH_LATER)

    assert (step.end, step.written, step.dropped, step.exports) == (RecordEnd.NOT_TRIGGERED, True, 1, [])
    assert life.profile.memberships == {}
    assert (life.profile.due, life.profile.revision) == (None, revision)
    assert not life.profile.is_blank


def test_an_exit_stays_while_a_record_may_be_read_again_that_it_has_overtaken() -> None:
    life = an_exit()
    seen: list[Position] = []

    def may_drop(position: Position) -> bool:
        seen.append(position)
        return False

    assert expiry(life.profile, MONTH_LATER, may_drop) is None
    assert seen == [Position("exits", 0, 0, NOW_MS)]


def test_an_exit_stays_while_something_is_owed() -> None:
    """The exit may be what is owed."""
    life = an_exit()
    command = asked(life, MONTH_LATER)
    owe(life.profile, "crm.1", Position("exits", 0, 0, NOW_MS))

    assert expiry(life.profile, MONTH_LATER, lambda _: True) is None
    assert obey(life, command, now=MONTH_LATER).end is RecordEnd.OVERTAKEN


def test_an_exit_that_was_replaced_meanwhile_is_not_dropped() -> None:
    life = an_exit()
    command = asked(life, MONTH_LATER)
    life.take("exits", a_membership(second=2), timestamp=MONTH_LATER, now=MONTH_LATER)

    assert obey(life, command, now=MONTH_LATER).end is RecordEnd.OVERTAKEN
    assert life.profile.memberships["ups"]["a"].time_us % 60_000_000 == 2_000_000


def test_the_exit_before_an_entry_leaves_the_state_likewise() -> None:
    life = an_exit()
    life.take("qualifications", a_membership(second=2))
    assert life.profile.exits["ups"].keys() == {"a"}

    step = obey(life, asked(life, MONTH_LATER), now=MONTH_LATER)

    assert (step.dropped, life.profile.exits) == (1, {})
    assert life.profile.memberships["ups"]["a"].inside


def test_what_ended_by_itself_leaves_the_state_thirty_days_after_its_command() -> None:
    life = a_member()
    obey(life, asked(life))

    assert next_due(life.profile) == AFTER + EXITED_KEPT_MS + 1
    obey(life, asked(life, AFTER + EXITED_KEPT_MS + 1), offset=1, now=AFTER + EXITED_KEPT_MS + 1)

    assert life.profile.is_blank


def test_a_profile_of_the_release_before_is_looked_at() -> None:
    old = decode_profile(VERSION_3)

    assert old.due == 0
    assert next_due(old) == old.exits["ups"]["b"].position.timestamp + EXITED_KEPT_MS + 1


def test_the_moment_of_a_profile_is_found_anew_when_it_has_passed() -> None:
    """So that a membership that is renewed every day does not keep the moment of the first."""
    life = a_member()
    life.take("qualifications", a_membership(second=1, until_ms=END + 60_000), now=END - 1)
    assert life.profile.due == END

    life.take("profiles", a_fragment(), now=END)

    assert life.profile.due == END + 60_000


def test_a_profile_of_which_nothing_is_due_says_so() -> None:
    life = Life()
    life.take("qualifications", a_membership())
    life.take("profiles", a_fragment())

    assert life.profile.due is None
    assert next_due(life.profile) is None
