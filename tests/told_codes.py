"""The closed lists that codes come from, each with the lines that say what to do about them."""

from __future__ import annotations

from collections.abc import Collection

from streams.codes import Advice, Denial, Mistake, Obstacle, Refusal
from streams.endpoints.reasons import AttemptReason
from streams.ends import Exclusion, Reason
from streams.engine.trust import Doubt
from streams.groups.gaps import Cause
from streams.letters.replayable import Hindrance
from streams.remedies import Remedies
from streams.remedies.attempts import ATTEMPTS
from streams.remedies.denials import DENIALS
from streams.remedies.destinations import EXCLUSIONS, STATES
from streams.remedies.losses import GAPS, SET_ASIDE
from streams.remedies.mistakes import MISTAKES
from streams.remedies.obstacles import OBSTACLES
from streams.remedies.records import RECORDS
from streams.remedies.replays import HINDRANCES
from streams.remedies.starts import STARTS
from streams.telemetry.labels import SET_ASIDE_REASONS, STATE_REASONS

LISTS: dict[str, tuple[Remedies, Collection[str]]] = {
    "starts": (STARTS, set(Refusal)),
    "mistakes": (MISTAKES, {*Mistake, *Advice}),
    "obstacles": (OBSTACLES, set(Obstacle)),
    "states": (STATES, {*STATE_REASONS} - {*AttemptReason} - {*Exclusion}),
    "attempts": (ATTEMPTS, set(AttemptReason)),
    "exclusions": (EXCLUSIONS, set(Exclusion)),
    "records": (RECORDS, set(Reason)),
    "replays": (HINDRANCES, set(Hindrance)),
    "denials": (DENIALS, set(Denial)),
    "gaps": (GAPS, set(Cause)),
    "asides": (SET_ASIDE, {*Doubt, *SET_ASIDE_REASONS}),
}
"""By the name of the README's table."""
