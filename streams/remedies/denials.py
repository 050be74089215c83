"""Why a worker, or a command that asks one, does not tell what is known of profiles."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

DENIALS: Remedies = {
    "no-token": Remedy(
        "What is known of profiles is behind a token, and `http.token` is not set: at the worker, or here.",
        "Set it to the same secret at the workers and in the settings of who asks",
    ),
    "wrong-token": Remedy(
        "The token that was shown is not the worker's.", "Give who asks the `http.token` that the workers have"
    ),
    "wrong-request": Remedy(
        "What was asked is not what a worker of this release takes.", "Use the command of the workers' release"
    ),
    "no-owner": Remedy(
        "No live worker has the partition, or any: none runs activation, or a rebalance or a recovery is under way.",
        "`streams status`; try again in a moment",
    ),
    "worker-unreachable": Remedy(
        "Nothing answers at the address that the worker reports, which is loopback by default.",
        "Ask from the worker's host, or let it listen (`http.host`) and say where others reach it (`http.advertise`)",
    ),
    "worker-too-old": Remedy(
        "The worker does not know what it was asked: another release runs there, or something else listens.",
        "Let all workers run one release; look at the address in `streams status`",
    ),
    "profile-unknown": Remedy(
        "No record of this profile has been read, or it was forgotten and removed.",
        "Compare the id with the key of its records; where producers place keys differently, `streams inputs check` "
        "shows it",
    ),
    "destination-unknown": Remedy(
        "Nothing is exported to a destination of this name: it is not applied, is draining, or the worker has not "
        "followed yet.",
        "`streams destinations list`",
    ),
    "not-answered": Remedy(
        "The worker did not answer in time, or failed to.", "Try again; the worker's log has the line `http.failed`"
    ),
}
