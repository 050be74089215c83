"""Whether an export that became a dead letter is written once more, as it was recorded. Pure.

It may have been long ago. What it says must not come back where something newer was said since: neither what the
profile was then, nor a person that was forgotten. So it is ``overtaken`` in all cases but these:

- It is the last export of its profile to this destination, as the revision tells; it may be written again and again.
- It is the withdrawal of a profile that was forgotten, and nothing was exported since. It says that the person has
  left, and nothing else; that the endpoint has not taken it is why somebody replays it.

Nothing of the state is changed by it: what the destination was told is what it was told before. Where its exports topic
refuses, the export is owed like any other, and what follows is the profile as it then stands.

What was allowed when the export was recorded may be forbidden now (design law 3.9). To a destination that policies
forbid nothing is replayed, and nothing is owed by it: the dead letter stands, and may be replayed once it is allowed.
Without the consent that it needs only the withdrawal itself is written again. What follows in place of another export
is what a re-export sends (``streams.activation.renewals``): who was told of the profile learns that it is gone.
"""

from __future__ import annotations

from streams.activation.profiles import Profile
from streams.activation.rendering import Rendered, Step
from streams.activation.renewals import renewed
from streams.activation.targets import Target, Trigger
from streams.activation.unions import View
from streams.ends import Exclusion, RecordEnd
from streams.exports import Meta, Position
from streams.profile_commands import Replay


def replayed(target: Target, view: View, replay: Replay, position: Position, now_ms: int) -> Step:
    """Return what follows from the command at *position* that asks to replay an export of a profile to *target*."""
    if target.destination.forbidden is not None:
        excluded = RecordEnd.EXCLUDED
        return Step(excluded, written=False, considered=[(target.destination, excluded, Exclusion.POLICY)])
    if not is_last(view.profile, target.incarnation, replay.meta):
        return Step(RecordEnd.OVERTAKEN, written=False)
    if not (target.permission(view).given or _is_withdrawal(view.profile, target.incarnation, replay.meta)):
        return renewed(target, view, Trigger.CONSENT, position, now_ms)
    export = Rendered(target.destination, bytes(replay.body), replay.id, replay.meta, replay.replays)
    activated = RecordEnd.ACTIVATED
    return Step(activated, written=False, exports=[export], considered=[(target.destination, activated, None)])


def is_last(profile: Profile, incarnation: str, meta: Meta) -> bool:
    """Whether an incarnation was told nothing of *profile* since the export that *meta* is of, and may be told that."""
    told = profile.told.get(incarnation)
    if told is not None:
        return meta.revision >= told.revision
    return meta.trigger == Trigger.FORGOTTEN and _is_last_withdrawal(profile, meta)


def _is_withdrawal(profile: Profile, incarnation: str, meta: Meta) -> bool:
    """Whether the last export of a profile says no more than that it is gone."""
    told = profile.told.get(incarnation)
    return told is None or (meta.trigger == Trigger.CONSENT and meta.revision == told.revision and not told.inside)


def _is_last_withdrawal(profile: Profile, meta: Meta) -> bool:
    """Whether a withdrawal is of the null that forgot the profile last, as far as that is still known."""
    forgotten = profile.forgotten
    return forgotten is None or meta.source == forgotten.position.text or meta.revision >= profile.revision
