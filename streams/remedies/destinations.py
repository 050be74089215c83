"""Why a destination is not served, or not sent an export."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy
from streams.remedies.attempts import ATTEMPTS

STATES: Remedies = {
    "nothing-delivered": Remedy(
        "Nothing was delivered for `delivery.faultAfterSeconds` while three or more profiles failed. It is probed.",
        "Nothing: it goes on by itself. Ask who runs the endpoint; `streams_attempts_failed_total` says how it fails",
    ),
    "storm": Remedy(
        "25 of the last 50 requests were refused: a bad deploy, here or there. No more refused exports end for now.",
        "See why: `streams dead-letters list`. Mended, it goes on by itself; if the exports are wrong, "
        "`streams destinations resume NAME --accept-refusals`",
    ),
    "topic-missing": Remedy(
        "Its exports topic is not there, or hidden from us. Nothing is lost: what is owed is exported once it is back.",
        "`streams topics apply`; find out who deleted it, or took the worker's right to describe it",
    ),
    "not-authorized": Remedy(
        "Kafka does not allow this user what is needed: a topic's or group's ACL is missing.",
        "Give the worker's user the rights again; it goes on by itself",
    ),
    "gap": Remedy("Records or offsets of some partitions are gone.", "`streams gaps list`; see the causes below"),
    "operator": Remedy("Somebody has paused it, and said why.", "`streams destinations resume NAME` when it is time"),
    "crashed": Remedy(
        "A defect of ours, or something that Kafka refuses: see the line `delivery.crashed`, or `worker.crashed`.",
        "It starts again by itself, a worker by who supervises it; if it happens again, report the line, please",
    ),
}

EXCLUSIONS: Remedies = {
    "mandatory-attribute-missing": Remedy(
        "The profile lacks an attribute that the destination calls mandatory.",
        "Nothing: it is exported when the attribute comes. If many wait, look at the profile sources",
    ),
    "required-identity-missing": Remedy(
        "The profile has no identity in a namespace that the destination requires.",
        "Nothing: it is exported when the identity comes. If many wait, look at `identityMap` on the inputs",
    ),
    "consent": Remedy(
        "The profile has not consented to what the destination needs.",
        "Nothing: it is exported once the consent is there. `streams explain` says which value decides",
    ),
    "policy": Remedy(
        "A policy forbids what the destination is for, given the labels of what it is sent.",
        "`streams policies evaluate --destination NAME` shows it from label to action; what is missed is owed, and "
        "follows when it is allowed",
    ),
    "before-since": Remedy(
        "The record is older than the destination's `since`.", "Nothing, unless `since` is not what you meant"
    ),
    "owed": Remedy(
        "Its exports topic is missing, or refuses this worker: the profile's state notes what is owed to it.",
        "Make the topic again, or give the rights back; what is owed follows by itself",
    ),
}

_OF_A_REASON = {**ATTEMPTS, **STATES, "policy": EXCLUSIONS["policy"]}


def todo(reason: str) -> str | None:
    """Return what to do about a destination that is in a state for *reason*, as plain text."""
    remedy = _OF_A_REASON.get(reason)
    return remedy and remedy.todo.replace("`", "'")
