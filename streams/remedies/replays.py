"""Why a dead letter is not replayed."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

_ANEW = "`streams re-export --profile ID --destination NAME` exports the profile as it is now, if that is wanted"

HINDRANCES: Remedies = {
    "not-an-export": Remedy(
        "It could not be read, so there is nothing to be sent.",
        "Mend where it comes from, and write it there once more",
    ),
    "without-bytes": Remedy("It was too large for its bytes to be kept.", _ANEW),
    "not-as-written": Remedy(
        "It is not as activation wrote it: its id does not stand for its bytes.",
        "Look at who may write to the exports and the dead letters",
    ),
    "destination-gone": Remedy(
        "Its destination was deleted since, or made anew, which is another one.",
        f"Nothing: what waited for it went with it. {_ANEW}",
    ),
    "destination-draining": Remedy("Its destination is being deleted, and is sent nothing more.", "Nothing"),
    "newer-letter": Remedy(
        "A newer export of the same profile to the same destination is a dead letter, too.",
        "Nothing: the newer one says all that this one does",
    ),
    "overtaken": Remedy(
        "The profile was exported to the destination since, or was forgotten; or the destination takes nothing now.",
        f"Nothing: what was exported since says more, and who was forgotten stays so. {_ANEW}",
    ),
}


def told(code: str) -> str:
    """Return what has happened and what to do about it, as plain text."""
    remedy = HINDRANCES[code]
    return f"{remedy.meaning} {remedy.todo}".replace("`", "'")
