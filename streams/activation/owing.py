"""What a profile's state says of exports that may not be made now: they are owed, until they may. Pure.

Their topic refuses them, or a policy forbids their destination. Nothing of the export is kept but which record it was
of: what is exported then is the profile as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from streams.activation.profiles import Profile, Told
from streams.activation.rendering import Step
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position


def owe(profile: Profile, incarnation: str, position: Position) -> None:
    """Note that an incarnation is owed an export, by the record at *position*."""
    profile.owed = {**(profile.owed or {}), incarnation: position}


def acquit(profile: Profile, incarnation: str, position: Position) -> bool:
    """Note that an incarnation has what it was owed; False if it is owed something newer, or nothing."""
    if profile.owed is None or profile.owed.get(incarnation) != position:
        return False
    profile.owed = {each: owed for each, owed in profile.owed.items() if each != incarnation} or None
    return True


def told_of(profile: Profile, incarnations: Set[str]) -> dict[str, Told]:
    """Return what *incarnations* were told of a profile so far."""
    return {each: profile.told[each] for each in incarnations if each in profile.told}


def untell(profile: Profile, incarnations: Set[str], told: Mapping[str, Told]) -> None:
    """Let *incarnations* have been told what they were *told* before a record that nothing is exported of.

    So nobody is sent the withdrawal of a profile that they never heard of.
    """
    for each in incarnations & profile.told.keys():
        if each in told:
            profile.told[each] = told[each]
        else:
            del profile.told[each]


def postpone(step: Step, profile: Profile, position: Position, prevents: Callable[[str], Exclusion | None]) -> None:
    """Note as owed, in place of exporting it, what a record sends to incarnations where something *prevents* that."""
    named = {each.destination.incarnation for each in step.exports}
    prevented = {each: exclusion for each in named if (exclusion := prevents(each)) is not None}
    if not prevented:
        return
    for incarnation in prevented:
        owe(profile, incarnation, position)
    step.written = True
    step.exports = [each for each in step.exports if each.destination.incarnation not in prevented]
    step.considered = [
        (destination, RecordEnd.EXCLUDED, prevented[destination.incarnation])
        if destination.incarnation in prevented
        else (destination, end, exclusion)
        for destination, end, exclusion in step.considered
    ]
    if not step.exports:
        step.end = RecordEnd.EXCLUDED


def acquit_unheard(profile: Profile) -> None:
    """Let nothing be owed of a profile that is forgotten to who was never told of it: nothing is to be taken back."""
    if profile.owed is not None and profile.forgotten is not None and profile.is_blank:
        told = profile.forgotten.told
        profile.owed = {each: owed for each, owed in profile.owed.items() if each in told} or None
