"""Why a document is not changed, or a change not followed."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

OBSTACLES: Remedies = {
    "lost-race": Remedy(
        "Somebody else wrote the same document first, as the message says: nothing of yours is in force.",
        "`streams destinations show NAME`, then do yours again if it is still wanted",
    ),
    "other-release": Remedy(
        "What is in force was written by another release, in a way that this one cannot read.",
        "Use that release, or a newer one",
    ),
    "draining": Remedy(
        "The destination is being deleted, and takes no change any more.",
        "Wait until `streams destinations delete NAME --drain` has ended, or discard it; then apply it as a new one",
    ),
    "account-in-use": Remedy(
        "Destinations name this account.",
        "Let them name another one, or delete them first; `streams accounts show NAME` lists them",
    ),
    "not-followed": Remedy(
        "A live worker still works by an older version of the document; the message says which, and why if it refuses.",
        "Mend the reason on that worker (often a secret), or stop it; then say the command again to wait once more",
    ),
    "step-failed": Remedy(
        "`apply --test` tried the destinations first, and a step failed: nothing was applied.",
        "Do what the step says; `streams destinations test` shows the steps alone",
    ),
    "group-in-use": Remedy(
        "A worker that is not live any more, or somebody else, is still a member of the destination's group.",
        "Say the command again when its session is over, or stop who it is",
    ),
}
