"""What a record changes of a profile, and which destinations are sent what because of it. Pure: no clock, no I/O.

Applying is idempotent and emitting repeatable: a record that a slot still names as its writer is done again, exported
even if nothing seems to change, since the value from before it is gone. A record that no slot names any more was
replaced by later ones, which take over its duty: they stand in the same topic and are done again after it, or they say
the opposite of the segment, which is exported anyway. Only an entry may have to wait: so the exit that it replaced
stays named, in a slot of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.activation.events import Change
from streams.activation.paths import Paths
from streams.activation.profiles import Memberships, Profile, Told
from streams.activation.projection import Projection
from streams.activation.slots import without_reentries, write
from streams.activation.triggers import Cause, Target, Trigger, Triggers
from streams.activation.unions import Merge, Unions, Values, View
from streams.destinations import Destination
from streams.ends import Exclusion, RecordEnd
from streams.exports import Meta, Position, export_id, namespace_of

Considered = tuple[Destination, RecordEnd, Exclusion | None]


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """An export to be written for a destination."""

    destination: Destination
    body: bytes
    id: str
    meta: Meta

    def __repr__(self) -> str:
        return f"Rendered({self.destination.incarnation}, {self.id})"


class Step(msgspec.Struct):
    """How a record ended; *written* says that the profile's state changed and must be kept.

    *considered* has one entry for each destination that the record could concern: that maps a segment it names, or in
    one of whose segments the profile is while its identities or attributes are written.
    """

    end: RecordEnd
    written: bool
    exports: list[Rendered] = []
    considered: list[Considered] = []


class Activation:
    """Applies records to profiles, for a fixed set of destinations.

    *sources* is the configured order of the sources of identities and fragments; *merge* says which fragment wins
    where several differ (``streams.unions``). Raises ValueError if a destination's attributes collide.
    """

    def __init__(self, destinations: Sequence[Destination], sources: Sequence[str], *, merge: Merge) -> None:
        projections = [Projection(destination) for destination in destinations]
        paths = Paths([attribute.source for projection in projections for attribute in projection.attributes])
        places = {path: place for place, path in enumerate(paths.paths)}
        targets = [
            Target(
                destination,
                projection,
                places=tuple(places[attribute.source] for attribute in projection.attributes),
                by_writing=destination.triggers == "written",
                incarnation=destination.incarnation,
                namespace=namespace_of(destination.incarnation),
            )
            for destination, projection in zip(destinations, projections, strict=True)
        ]
        self._unions = Unions(paths, sources, merge)
        self._triggers = Triggers(targets, paths, self._unions)

    def apply(self, profile: Profile, change: Change, position: Position, now_ms: int) -> Step:
        """Apply a record to *profile*, and return what follows.

        *now_ms* is the clock, in milliseconds since 1970. When nothing is written, the profile is as it was.
        """
        written = write(profile, change, position)
        if not written:
            return Step(RecordEnd.OVERTAKEN, written=False)
        profile.revision = max(profile.revision + 1, now_ms)
        step = Step(RecordEnd.NOT_TRIGGERED, written=True)
        view = View(profile, self._unions)
        causes = self._triggers.causes(view, written)
        if any(cause.trigger is not None for cause in causes):
            _export(step, view, causes, position, now_ms)
        else:
            step.considered = [(cause.target.destination, RecordEnd.NOT_TRIGGERED, None) for cause in causes]
        return step


def _export(step: Step, view: View, causes: Sequence[Cause], position: Position, now_ms: int) -> None:
    values, profile = view.values, view.profile
    for cause in causes:
        target = cause.target
        seen = [values[place] for place in target.places]
        end, exclusion = _decide(cause, seen)
        step.considered.append((target.destination, end, exclusion))
        if end is RecordEnd.ACTIVATED:
            body, inside = target.projection.body(
                seen, _shown(profile, cause, seen), view.identities, changed=cause.changed, now_ms=now_ms
            )
            profile.told[target.incarnation] = Told(profile.revision, inside)
            id_ = export_id(target.namespace, position, body)
            step.exports.append(Rendered(target.destination, body, id_, _meta(cause, profile.revision, position)))
    if step.exports:
        step.end = RecordEnd.ACTIVATED
    elif any(end is RecordEnd.EXCLUDED for _, end, _ in step.considered):
        step.end = RecordEnd.EXCLUDED


def _shown(profile: Profile, cause: Cause, seen: Values) -> Memberships:
    """Return the memberships that an export shows: those of now, but no entry that waits in place of its exit."""
    if not cause.reentered or cause.target.projection.is_complete(seen):
        return profile.memberships
    return without_reentries(profile, cause.reentered)


def _meta(cause: Cause, revision: int, position: Position) -> Meta:
    assert cause.trigger is not None, "only what is triggered is exported"
    return Meta(
        version=cause.target.destination.version,
        revision=revision,
        trigger=cause.trigger.value,
        source=position.text,
        time=None if cause.time_us is None else cause.time_us // 1_000,
        segments=tuple([segment_id for _, segment_id in cause.changed]),
        recorded=position.timestamp,
    )


def _decide(cause: Cause, seen: Values) -> tuple[RecordEnd, Exclusion | None]:
    """Return the end of a record for one destination: an entry waits for mandatory attributes, an exit never does."""
    if cause.trigger is None:
        return RecordEnd.NOT_TRIGGERED, None
    if cause.trigger is not Trigger.EXITED and not cause.target.projection.is_complete(seen):
        return RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING
    return RecordEnd.ACTIVATED, None
