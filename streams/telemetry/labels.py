"""The closed lists that labels take their values from.

What is in none of them is counted as ``other``: a text from outside never becomes a time series of its own.
"""

from __future__ import annotations

from streams.endpoints.reasons import AttemptReason
from streams.ends import ExportEnd, Reason
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

OTHER = "other"
NONE = ""
"""The label value of what does not apply; Prometheus takes it as an absent label."""

STATES = ("configured", "activated", "paused", "faulted", "forbidden", "draining")
"""The states of a destination."""

ATTEMPT_REASONS = tuple(map(str, AttemptReason))
"""Why an attempt did not deliver."""

STATE_REASONS = (
    *ATTEMPT_REASONS,
    *("nothing-delivered", "storm", "topic-missing", "not-authorized", "crashed", "operator", "policy", "gap"),
)
"""Why a destination is in a state that somebody should look at: what an attempt said (a document may call any status a
fault), then what else stops it."""

TOKEN_RESULTS = ("fetched", "refused", "failed")
"""How the request for an access token went: a token, a refusal of the credentials, anything else."""

SET_ASIDE_REASONS = ("corrupt", "foreign", "stale", "ahead", "behind", "changed")
"""Why a state directory is not believed."""

REASONS = (NONE, *map(str, Reason))
"""Why an export ended as it did, where that needs a reason."""

EXPECTED_ENDS: tuple[tuple[ExportEnd, str | None], ...] = (
    *((end, None) for end in ExportEnd if end is not ExportEnd.DEAD_LETTERED),
    (ExportEnd.DEAD_LETTERED, Reason.REFUSED),
    (ExportEnd.DEAD_LETTERED, Reason.EXHAUSTED),
)
"""The ends that are shown from the start, as 0: an alert on a rate needs the zero before the first one."""

OUTCOMES: dict[type[Outcome], str] = {
    Delivered: "delivered",
    Retryable: "retry",
    Refused: "refused",
    DestinationFault: "fault",
}
"""What an attempt's outcome is called."""


def known(value: str, values: tuple[str, ...]) -> str:
    """Return *value* if it is one of *values*, else ``other``."""
    return value if value in values else OTHER
