"""What a destination is sent of a profile that does not consent to it: that it is gone, once, and then nothing. Pure.

A withdrawal has the trigger ``consent`` and carries the identities with which the destination was told of the profile,
all its mapped memberships, exited, and the deduplication keys, whatever record it is that finds the consent missing. No
record of before may be needed to say the same once more after a crash, so what a record does goes by the consent as it
is now and by what the destination was told, as the state has it:

=========  ===============  ================  ==========================================================================
consent    told before      the record is     what the record does, if it concerns the destination
=========  ===============  ================  ==========================================================================
denied     "in"             new, or repeated  sends the withdrawal, also before ``since``, also while an entry would
                                              wait; an exit is sent as that, since attributes must not leave any more
denied     "out"            repeated          sends it again, with the same id and the same bytes: whether what said
                                              "out" has left before the crash is not known. So does a record that came
                                              later: if it stands in the place of the one that withdrew, it has its duty
denied     "out"            new               is excluded: that the profile is gone was said already
denied     nothing          new, or repeated  is excluded, an exit too: nobody there knows the profile
given      anything         new, or repeated  what it does without consent; that the consent is there again, or goes to
                                              other identities, is a trigger of its own. One that is repeated exports
                                              in full in place of a withdrawal that it once was: newer than that
given      "out"            repeated          where an entry has to wait it sends the withdrawal again, as above:
                                              nothing newer could tell that the profile is gone
forgotten  "in"             the null          is told by the null's withdrawal, with no other identities than it knows
forgotten  "out"            the null, new     is sent nothing: nothing is known there any more
forgotten  "out"            the null again    is sent the null's withdrawal: that by the consent may be lost, and the
                                              records that had sent it are from before the null
forgotten  nothing          the null, an exit is sent nothing
=========  ===============  ================  ==========================================================================

Where the withdrawal is owed, or asked for once more, it is what a re-export sends (``streams.activation.renewals``).
"""

from __future__ import annotations

from streams.activation.identities import NONE
from streams.activation.profiles import Told
from streams.activation.rendering import Rendered, rendered
from streams.activation.slots import exited_by
from streams.activation.targets import Cause, Trigger
from streams.activation.unions import View
from streams.activation.withdrawals import are_inside
from streams.exports import Position


def withdrawn(cause: Cause, view: View, position: Position, now_ms: int) -> Rendered:
    """Return the withdrawal for a target that was told of the profile, and note that it is told."""
    target, profile = cause.target, view.profile
    told = profile.told[target.incarnation]
    known = _known(told, view)
    changed = list(dict.fromkeys([*cause.changed, *are_inside(target, profile.memberships)]))
    exited = exited_by(profile.memberships, position)
    seen = target.seen(view.values)
    body = target.projection.withdrawal(seen, exited, known, changed=changed, now_ms=now_ms)
    profile.told[target.incarnation] = Told(profile.revision, False, Trigger.CONSENT.value, known or NONE)
    return rendered(Cause(target, Trigger.CONSENT, changed, cause.time_us), body, profile.revision, position)


def _known(told: Told, view: View) -> bytes | None:
    """Return the identities that the target knows: those that it was told, which no record may add to."""
    if told.identities is None:
        return view.identities_before
    return None if told.identities == NONE else told.identities
