"""What a record changes of a profile, and which destinations are sent what because of it. Pure: no clock, no I/O.

Applying is idempotent and emitting repeatable: a record that a slot still names as its writer is done again, exported
even if nothing seems to change, since the value from before it is gone. A record that no slot names any more was
replaced by later ones, which take over its duty: they stand in the same topic and are done again after it, or they say
the opposite of the segment, which is exported anyway. Only an entry may have to wait: so the exit that it replaced
stays named, in a slot of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.activation.asked import Asked
from streams.activation.consent_withdrawals import withdrawn
from streams.activation.consents import PATH, Consents
from streams.activation.deciding import Case, exclusion_of, seen_by, withdraws
from streams.activation.events import Change, FragmentChange, Membership
from streams.activation.expiries import exits_named, expire, next_due
from streams.activation.forgetting import (
    all_exited,
    exits_of,
    forget,
    forgets,
    is_from_before,
    remember,
    tells_lost_exits,
)
from streams.activation.paths import Paths
from streams.activation.profiles import Forgotten, Profile
from streams.activation.projection import Projection
from streams.activation.rendering import Rendered, Step, full, rendered
from streams.activation.renewals import renewed
from streams.activation.replays import replayed
from streams.activation.slots import Written, is_same_record, write
from streams.activation.targets import Cause, Target, Trigger
from streams.activation.triggers import Triggers
from streams.activation.unions import Merge, Unions, View
from streams.activation.withdrawals import by_exits, by_null, withdrawal_of
from streams.destinations import Destination
from streams.ends import RecordEnd
from streams.exports import Position, namespace_of
from streams.profile_commands import Expire, ReExport, Replay


class Activation:
    """Applies records to profiles, for a fixed set of destinations.

    *sources* is the configured order of the sources of identities and fragments; *merge* says which fragment wins
    where several differ (``streams.unions``). Raises ValueError if a destination's attributes collide.
    """

    def __init__(self, destinations: Sequence[Destination], sources: Sequence[str], *, merge: Merge) -> None:
        projections = [Projection(destination) for destination in destinations]
        consents = {each.consent: Consents(each.consent) for each in destinations if each.consent is not None}
        mapped = [attribute.source for projection in projections for attribute in projection.attributes]
        paths = Paths([*mapped, PATH] if consents else mapped)
        places = {path: place for place, path in enumerate(paths.paths)}
        targets = [
            Target(
                destination,
                projection,
                places=tuple(places[attribute.source] for attribute in projection.attributes),
                by_writing=destination.triggers == "written",
                incarnation=destination.incarnation,
                namespace=namespace_of(destination.incarnation),
                since=_fixed(destination),
                consents=None if destination.consent is None else consents[destination.consent],
                consents_at=places.get(PATH, 0),
            )
            for destination, projection in zip(destinations, projections, strict=True)
        ]
        keys = (each.source for projection in projections for each in projection.attributes if each.deduplication_key)
        self._keys = {".".join(source): places[source] for source in keys}
        self._targets = targets
        self._asking = frozenset(target.incarnation for target in targets if target.consents is not None)
        self._by_incarnation = {target.incarnation: target for target in targets}
        self._unions = Unions(paths, sources, merge)
        self._triggers = Triggers(targets, paths, self._unions)

    def apply(self, profile: Profile, change: Change, position: Position, now_ms: int) -> Step:
        """Apply a record to *profile*, and return what follows.

        *now_ms* is the clock, in milliseconds since 1970. When nothing is written, the profile is as it was.
        """
        forgotten = profile.forgotten
        if forgotten is not None and is_from_before(forgotten, position):
            return self._repeat(profile, forgotten, change, position, now_ms)
        if type(change) is FragmentChange and change.fragment is None and forgets(profile, change, position):
            return self._forget(profile, position, now_ms)
        written = write(profile, change, position)
        if not written:
            return Step(RecordEnd.OVERTAKEN, written=False)
        if profile.due is not None and profile.due <= now_ms:
            profile.due = next_due(profile)
        return self._follow(profile, written, position, now_ms)

    def _follow(self, profile: Profile, written: Written, position: Position, now_ms: int) -> Step:
        """Return what follows from what the record at *position* has written."""
        profile.revision = max(profile.revision + 1, now_ms)
        step = Step(RecordEnd.NOT_TRIGGERED, written=True)
        view = View(profile, self._unions, written.identities)
        causes = self._triggers.causes(view, written)
        if any(cause.trigger is not None for cause in causes):
            _export(step, view, causes, position, now_ms)
        else:
            step.considered = [(cause.target.destination, RecordEnd.NOT_TRIGGERED, None) for cause in causes]
        return step

    def version(self, incarnation: str) -> int | None:
        """Return the version that an incarnation is rendered by; None if it is none of the destinations."""
        target = self._by_incarnation.get(incarnation)
        return None if target is None else target.destination.version

    def target(self, incarnation: str) -> Target:
        """Return how a destination is seen here; KeyError if it is none of ours."""
        return self._by_incarnation[incarnation]

    def view(self, profile: Profile) -> View:
        """Return what is known of *profile*, as it is seen here."""
        return View(profile, self._unions)

    def renew(self, profile: Profile, incarnation: str, trigger: Trigger, position: Position, now_ms: int) -> Step:
        """Send one of the destinations the profile as it stands (``streams.activation.renewals``)."""
        return renewed(self._by_incarnation[incarnation], View(profile, self._unions), trigger, position, now_ms)

    def obey(self, profile: Profile, asked: Asked, position: Position, now_ms: int) -> Step:
        """Do what a command asks, whose record stands at *position*; its destination, if it has one, is one of ours."""
        if isinstance(asked.command, Expire):
            return self.expire(profile, asked.command, position, now_ms)
        if isinstance(asked.command, Replay):
            target = self._by_incarnation[asked.command.destination]
            return replayed(target, self.view(profile), asked.command, position, now_ms)
        return self.re_export(profile, asked, position, now_ms)

    def expire(self, profile: Profile, command: Expire, position: Position, now_ms: int) -> Step:
        """Do to *profile* what time alone does (``streams.activation.expiries``), and tell who has left by it."""
        forgotten = profile.forgotten
        if forgotten is not None and is_from_before(forgotten, position):
            return self._repeat(profile, forgotten, exits_named(command), position, now_ms)
        done = expire(profile, command, position, now_ms)
        if not done:
            return Step(RecordEnd.OVERTAKEN, written=False)
        profile.due = next_due(profile)
        step = Step(RecordEnd.NOT_TRIGGERED, written=True)
        if done.written:
            step = self._follow(profile, done.written, position, now_ms)
        step.ended, step.dropped = done.ended, done.dropped
        return step

    def re_export(self, profile: Profile, asked: Asked, position: Position, now_ms: int) -> Step:
        """Send a destination the profile as it stands, since a command asks for it.

        A withdrawal that it carries counts where nothing else is known, or where it tells of exits only, which
        happened, and of one that is not known any more: the others are in what is sent anyway.
        """
        assert isinstance(asked.command, ReExport), "no other command asks for that"
        incarnation, lost = asked.command.destination, asked.withdrawn
        counts = lost is not None and (profile.is_blank or self._is_lost(profile, incarnation, lost.memberships))
        if lost is not None and counts:
            said = self._by_incarnation[incarnation].projection.said_by(bytes(asked.command.withdrawal))
            remember(profile, position, incarnation, lost.memberships, said)
        step = self.renew(profile, incarnation, Trigger.RE_EXPORT, position, now_ms)
        step.written = step.written or counts
        return step

    def _is_lost(self, profile: Profile, incarnation: str, exits: Sequence[Membership]) -> bool:
        """Whether what an export said of exits is in nothing that is sent anyway.

        What a missing consent had said exited the profile may still be in; it is told of that as it is now.
        """
        if self._by_incarnation[incarnation].consents is not None and incarnation in profile.told:
            exits = [each for each in exits if each.segment_id not in profile.memberships.get(each.namespace, {})]
        return tells_lost_exits(profile, exits)

    def _forget(self, profile: Profile, position: Position, now_ms: int) -> Step:
        """Apply a null that forgets the profile (``streams.activation.forgetting``)."""
        view = View(profile, self._unions)
        keys = {path: value for path, place in self._keys.items() if (value := view.values[place]) is not None}
        is_news = forget(profile, position, view.identities, keys, self._asking)
        assert profile.forgotten is not None, "that is what it was for"
        causes = list(by_null(self._targets, profile.forgotten)) if is_news else []
        return self._withdrawn(profile, profile.forgotten, causes, position, now_ms)

    def _repeat(self, profile: Profile, forgotten: Forgotten, change: Change, position: Position, now_ms: int) -> Step:
        """Do again what a record from before a null is still the one to do."""
        if is_same_record(forgotten.position, position):
            causes = list(by_null(self._targets, forgotten, again=True))
            return self._withdrawn(profile, forgotten, causes, position, now_ms)
        causes = list(by_exits(self._targets, forgotten, exits_of(forgotten, change, position)))
        if not causes:
            return Step(RecordEnd.OVERTAKEN, written=False)
        return self._withdrawn(profile, forgotten, causes, position, now_ms)

    def _withdrawn(
        self, profile: Profile, forgotten: Forgotten, causes: Sequence[Cause], position: Position, now_ms: int
    ) -> Step:
        """Withdraw the profile where a cause triggers; where it was exported anew since, that export follows again."""
        profile.revision = max(profile.revision + 1, now_ms)
        step = Step(RecordEnd.NOT_TRIGGERED, written=True)
        exited, sent = all_exited(forgotten), []
        for cause in causes:
            target, end = cause.target, RecordEnd.NOT_TRIGGERED
            if cause.trigger is not None:
                body = withdrawal_of(target, forgotten, exited, changed=cause.changed, now_ms=now_ms)
                step.exports.append(rendered(cause, body, profile.revision, position))
                step.end = end = RecordEnd.ACTIVATED
                if target.incarnation in profile.told:
                    sent.append(cause)
            step.considered.append((target.destination, end, None))
        if sent:
            profile.revision += 1
            view = View(profile, self._unions)
            for cause in sent:
                again = Cause(cause.target, cause.trigger)
                step.exports.append(_anew(again, view, position, now_ms))
        return step


def _fixed(destination: Destination) -> int | None:
    """Return from when on records trigger exports; "now" must have become a time before."""
    if destination.since == "now":
        raise ValueError(f"destination {destination.name}: it is not said when its now was")
    return destination.since


def _anew(cause: Cause, view: View, position: Position, now_ms: int) -> Rendered:
    """Return what a target that was told of the profile as it is now is told of it once more."""
    if cause.target.permission(view).given:
        return full(cause, seen_by(cause.target, view), view, position, now_ms)
    return withdrawn(cause, view, position, now_ms)


def _export(step: Step, view: View, causes: Sequence[Cause], position: Position, now_ms: int) -> None:
    for cause in causes:
        target, end, exclusion = cause.target, RecordEnd.NOT_TRIGGERED, None
        if cause.trigger is not None:
            seen = seen_by(target, view)
            case = None if target.is_open else Case(target, cause.trigger, seen, view, position, cause.repeated)
            if case is None or (exclusion := exclusion_of(case)) is None:
                step.exports.append(full(cause, seen, view, position, now_ms))
            elif withdraws(case):
                step.exports.append(withdrawn(cause, view, position, now_ms))
                exclusion = None
            end = RecordEnd.ACTIVATED if exclusion is None else RecordEnd.EXCLUDED
        step.considered.append((target.destination, end, exclusion))
    if step.exports:
        step.end = RecordEnd.ACTIVATED
    elif any(end is RecordEnd.EXCLUDED for _, end, _ in step.considered):
        step.end = RecordEnd.EXCLUDED
