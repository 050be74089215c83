"""Profiles that come one by one into a segment, so that each has exactly one export."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.crowd import read_all
from tests.faults.lab import Lab

WITHIN_SECONDS = 90.0


async def enter(lab: Lab, numbers: Sequence[int]) -> None:
    """Put in a fragment of each new profile, and when all of them are read its first membership.

    Fragments and memberships are two topics: who enters before the fragment is read has one more export when it is.
    """
    await lab.load.fragments(numbers)
    await read_all(lab, WITHIN_SECONDS)
    await lab.load.step(numbers)
