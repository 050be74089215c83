"""Which hook switches which measure off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.faults.hooks import activation, delivery, endpoints, engine, groups

SWITCHES: Mapping[str, Callable[[], None]] = {
    "commit-in-flight": engine.commit_in_flight,
    "acknowledge-early": activation.acknowledge_early,
    "open-early": engine.open_early,
    "no-keep-alive": engine.no_keep_alive,
    "short-poll": engine.short_poll,
    "unbounded-release": engine.unbounded_release,
    "any-assignment": engine.any_assignment,
    "live-set": engine.live_set,
    "forget-acknowledged": engine.forget_acknowledged,
    "acknowledge-failed": engine.acknowledge_failed,
    "faulty-handle": activation.faulty_handle,
    "exports-first": activation.exports_first,
    "store-early": activation.store_early,
    "no-idempotence": activation.no_idempotence,
    "forget-owed": activation.forget_owed,
    "forget-forbidden": activation.forget_owed,
    "post-forbidden": delivery.post_forbidden,
    "keep-rendered": delivery.keep_rendered,
    "keep-abandoned": activation.keep_abandoned,
    "read-uncommitted": engine.read_uncommitted,
    "deliver-in-flight": delivery.commit_in_flight,
    "no-drain": delivery.no_drain,
    "no-last-commit": delivery.no_last_commit,
    "no-bitmap": delivery.no_bitmap,
    "park-unconfirmed": delivery.park_unconfirmed,
    "no-patience": endpoints.no_patience,
    "no-second-sending": endpoints.no_second_sending,
    "read-answers": endpoints.read_answers,
    "no-storm-guard": endpoints.no_storm_guard,
    "many-probes": endpoints.many_probes,
    "running-clock": endpoints.running_clock,
    "no-clock-of-their-own": endpoints.no_clock_of_their_own,
    "blame-the-destination": endpoints.blame_the_destination,
    "no-rate": endpoints.no_rate,
    "no-lease": groups.no_lease,
    "no-first-start": groups.no_first_start,
    "keep-stale": groups.keep_stale,
    "reset-offsets": groups.reset_offsets,
}
