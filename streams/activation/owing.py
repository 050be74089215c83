"""What a profile's state says of exports whose topic refuses them: they are owed, until it takes them again. Pure.

Nothing of the export is kept but which record it was of: what is exported then is the profile as it stands.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.activation.profiles import Profile
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


def postpone(step: Step, profile: Profile, position: Position, refuses: Callable[[str], bool]) -> None:
    """Note as owed, in place of exporting it, what a record sends to incarnations whose topic *refuses*."""
    refused = {each.destination.incarnation for each in step.exports if refuses(each.destination.incarnation)}
    if not refused:
        return
    for incarnation in refused:
        owe(profile, incarnation, position)
    step.written = True
    step.exports = [each for each in step.exports if each.destination.incarnation not in refused]
    step.considered = [
        (destination, RecordEnd.EXCLUDED, Exclusion.OWED)
        if destination.incarnation in refused
        else (destination, end, exclusion)
        for destination, end, exclusion in step.considered
    ]
    if not step.exports:
        step.end = RecordEnd.EXCLUDED
