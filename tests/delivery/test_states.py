from __future__ import annotations

from streams.delivery.states import State, Trouble
from tests.deliverables import a_destination


def test_the_worst_trouble_is_told_and_only_what_changes() -> None:
    told: list[tuple[str, str]] = []
    state = State(lambda name, reason, _: told.append((name, reason)), a_destination())
    state.over(Trouble.TOPIC)
    state.faulted(Trouble.GAP, "gap")
    state.faulted(Trouble.ENDPOINT, "unauthorized")
    state.faulted(Trouble.GAP, "gap")
    assert state.has(Trouble.GAP)

    state.over(Trouble.ENDPOINT)
    state.over(Trouble.GAP)
    state.over(Trouble.GAP, Trouble.CRASHED)

    assert told == [
        ("activated", ""),
        ("faulted", "gap"),
        ("faulted", "unauthorized"),
        ("faulted", "gap"),
        ("activated", ""),
    ]
