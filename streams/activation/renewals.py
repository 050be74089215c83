"""What a destination is sent of a profile as it stands, whatever led there: because it is asked for, or owed. Pure.

It takes the place of exports that are lost to the destination, nobody knows which, so it says all that they could have
said: each mapped attribute that is present, the identities, and all mapped memberships with exits of any age. Of a
profile that a null forgot it is the withdrawal once more; of one that lives again, the withdrawal and then what is
known now. A destination none of whose segments the profile was ever in is sent nothing. ``since`` is no limit: what is
asked for was exported before, and an operator who asks means it.

While mandatory attributes are missing an entry waits, here too, and the destination is sent nothing (design law 3.8).
But one of the lost exports may have been an exit, and an exit never waits: where the destination was told of the
profile before, and the profile has left a mapped segment since, it is sent what that exit was, with the attributes that
there are. A segment that the profile has entered anew meanwhile is shown as left: its entry is what waits.

Without the consent that a destination needs it is sent the withdrawal, once more or for the first time, where it was
told of the profile, and else nothing. So it is where an entry waits and the last that the destination was told is that
the profile has left: the withdrawal may be what was lost.
"""

from __future__ import annotations

from streams.activation.consent_withdrawals import withdrawn
from streams.activation.deciding import Case, seen_by, waits_for
from streams.activation.forgetting import all_exited
from streams.activation.profiles import Forgotten, Memberships, Profile
from streams.activation.projection import Segment
from streams.activation.rendering import Rendered, Step, rendered, tell
from streams.activation.slots import without_reentries
from streams.activation.targets import Cause, Target, Trigger
from streams.activation.unions import View
from streams.activation.withdrawals import mapped, withdrawal_of
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position


def renewed(target: Target, view: View, trigger: Trigger, position: Position, now_ms: int) -> Step:
    """Return what follows from renewing what *target* was told; *position* is of the record that asks, or is owed."""
    profile = view.profile
    step = Step(RecordEnd.NOT_TRIGGERED, written=False)
    exclusion = None
    if (forgotten := profile.forgotten) is not None and target.incarnation in forgotten.told:
        step.exports += _withdrawal(target, profile, forgotten, position, now_ms)
    if known := _known(target, profile.memberships):
        export, exclusion = _of_now(target, view, known, trigger, position, now_ms)
        step.exports += [] if export is None else [export]
    step.written = bool(step.exports)
    if step.exports or exclusion:
        step.end = RecordEnd.ACTIVATED if step.exports else RecordEnd.EXCLUDED
    step.considered = [(target.destination, step.end, exclusion if step.end is RecordEnd.EXCLUDED else None)]
    return step


def _of_now(
    target: Target, view: View, known: list[Segment], trigger: Trigger, position: Position, now_ms: int
) -> tuple[Rendered | None, Exclusion | None]:
    """Return what is sent of the profile as it is now, or why nothing is."""
    profile, told = view.profile, view.profile.told.get(target.incarnation)
    case = Case(target, trigger, seen_by(target, view), view, position)
    is_given, exclusion = target.permission(view).given, waits_for(case)
    shown = _shown(target, profile, known, waits=exclusion is not None) if is_given else None
    if shown is not None:
        return _full(case, shown, known, now_ms), None
    if target.consents is not None and told is not None and not (is_given and told.inside):
        profile.revision = max(profile.revision + 1, now_ms)
        return withdrawn(Cause(target, Trigger.CONSENT, known), view, position, now_ms), None
    return None, exclusion if is_given else Exclusion.CONSENT


def _known(target: Target, memberships: Memberships) -> list[Segment]:
    return [each for each in mapped(target) if each[1] in memberships.get(each[0], {})]


def _withdrawal(
    target: Target, profile: Profile, forgotten: Forgotten, position: Position, now_ms: int
) -> list[Rendered]:
    """Return the withdrawal of what was forgotten; none where nothing of it is mapped any more."""
    known = _known(target, forgotten.memberships)
    if not known:
        return []
    profile.revision = max(profile.revision + 1, now_ms)
    body = withdrawal_of(target, forgotten, all_exited(forgotten), changed=known, now_ms=now_ms)
    return [rendered(Cause(target, Trigger.FORGOTTEN), body, profile.revision, position)]


def _shown(target: Target, profile: Profile, known: list[Segment], *, waits: bool) -> Memberships | None:
    """Return the memberships to be shown; None where nothing but entries is there to be told, and they have to wait."""
    inside = [each for each in known if profile.memberships[each[0]][each[1]].inside]
    if not inside or not waits:
        return profile.memberships
    left = [each for each in inside if each[1] in profile.exits.get(each[0], {})]
    has_left = left or len(inside) < len(known)
    if not has_left or target.incarnation not in profile.told:
        return None
    return without_reentries(profile, left)


def _full(case: Case, shown: Memberships, known: list[Segment], now_ms: int) -> Rendered:
    target, view = case.target, case.view
    view.profile.revision = max(view.profile.revision + 1, now_ms)
    ids = target.permission(view).identities
    body, inside = target.projection.body(case.seen, shown, ids, changed=known, now_ms=now_ms)
    tell(target, view, ids, inside=inside, trigger=case.trigger)
    return rendered(Cause(target, case.trigger), body, view.profile.revision, case.position)
