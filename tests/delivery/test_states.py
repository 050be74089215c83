from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.delivery.states import State, Trouble
from streams.destinations import Pause
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


def test_a_document_says_the_state_where_nothing_troubles_and_a_pause_whatever_can_be_mended_later() -> None:
    told: list[tuple[str, str, str]] = []
    crm = a_destination()
    state = State(lambda *given: told.append(given), crm)
    state.follow(crm)
    assert told == []

    state.over()
    state.follow(replace(crm, is_draining=True))
    state.follow(replace(crm, segments=()))
    state.faulted(Trouble.ENDPOINT, "gone")
    state.follow(replace(crm, pause=Pause("ada@desk", "their maintenance", 1)))
    state.faulted(Trouble.CRASHED, "crashed")
    state.over(Trouble.CRASHED)
    state.follow(crm)
    state.over(Trouble.ENDPOINT)

    assert told == [
        ("activated", "", ""),
        ("draining", "", ""),
        ("configured", "", ""),
        ("faulted", "gone", ""),
        ("paused", "operator", "by ada@desk: their maintenance"),
        ("faulted", "crashed", ""),
        ("paused", "operator", "by ada@desk: their maintenance"),
        ("faulted", "gone", ""),
        ("activated", "", ""),
    ]


def test_what_policies_forbid_is_told_before_all_but_a_crash() -> None:
    told: list[tuple[str, str, str]] = []
    crm = a_destination()
    forbidden = replace(crm, forbidden="C2 <- person", pause=Pause("ada@desk", "", 1), is_draining=True)
    state = State(lambda *given: told.append(given), crm)
    state.over()
    state.follow(forbidden)
    state.faulted(Trouble.TOPIC, "topic-missing")
    state.faulted(Trouble.CRASHED, "crashed")
    state.over(Trouble.CRASHED)
    state.follow(replace(forbidden, forbidden="C3 <- person"))
    state.follow(replace(forbidden, forbidden=None))
    state.over(Trouble.TOPIC)
    state.follow(crm)

    assert told == [
        ("activated", "", ""),
        ("forbidden", "policy", "C2 <- person"),
        ("faulted", "crashed", ""),
        ("forbidden", "policy", "C2 <- person"),
        ("forbidden", "policy", "C3 <- person"),
        ("faulted", "topic-missing", ""),
        ("paused", "operator", "by ada@desk"),
        ("activated", "", ""),
    ]


@pytest.mark.parametrize(
    ("held", "state"),
    [
        ({"pause": Pause("ada@desk", "", 1)}, ("paused", "operator", "by ada@desk")),
        ({"forbidden": "C2 <- person"}, ("forbidden", "policy", "C2 <- person")),
    ],
)
def test_a_destination_that_is_held_when_its_worker_starts_says_so(held: Any, state: tuple[str, str, str]) -> None:
    told: list[tuple[str, str, str]] = []
    crm = replace(a_destination(), **held)
    State(lambda *given: told.append(given), crm).follow(crm)

    assert told == [state]
