"""Why a partition stands still, and why a state directory is set aside."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

_NOTHING = "Nothing: the state is built anew from the changelog; remove `*.set-aside-*` when nobody needs it"

GAPS: Remedies = {
    "retention": Remedy(
        "The records between the committed offset and the partition's beginning were deleted, unread.",
        "`streams gaps accept`; give the topic a longer retention",
    ),
    "offsets-lost": Remedy(
        "The group's offsets are gone: deleted, or expired since no worker ran for long.",
        "`streams gaps accept`, with `--resume end` if you know that all was done",
    ),
    "shortened": Remedy(
        "The partition ends below the committed offset: the topic was made anew, or the brokers lost data.",
        "`streams gaps accept` once you know which",
    ),
}

SET_ASIDE: Remedies = {
    "corrupt": Remedy("The directory is damaged.", f"Look at the disk. {_NOTHING}"),
    "foreign": Remedy(
        "It is of another app, changelog, partition or cluster.",
        f"Give each worker a `state.directory` of its own. {_NOTHING}",
    ),
    "stale": Remedy("It was not in use for too long: tombstones may be gone unread.", _NOTHING),
    "ahead": Remedy(
        "It knows more than its changelog: the topic was made anew, or the brokers have lost data.",
        "Keep the directory until you know which: it may be the only copy",
    ),
    "behind": Remedy("Its changelog begins after what it knows.", _NOTHING),
    "changed": Remedy("Its last row is another one in the changelog.", "As with `ahead`"),
}
