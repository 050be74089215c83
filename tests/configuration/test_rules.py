from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.rules import identifies, path_of, repeated, target_flaws


@pytest.mark.parametrize(
    "path",
    [
        "person.email",
        "personalEmail.address",
        "crmId",
        "_acme.customerID",
        "_id",
        "mobilePhone.number",
        "ecid",
        "loyalty_id",
    ],
)
def test_a_path_that_names_an_identifier_identifies(path: str) -> None:
    assert identifies(path_of(path))


@pytest.mark.parametrize("path", ["person.name.firstName", "valid", "android.paid", "loyalty.tier", "keyboard", "idea"])
def test_other_paths_do_not(path: str) -> None:
    assert not identifies(path_of(path))


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)


@given(st.lists(paths, max_size=6))
def test_targets_are_refused_exactly_when_two_do_not_fit_in_one_body(targets: list[tuple[str, ...]]) -> None:
    clash = any(
        one[: len(other)] == other or other[: len(one)] == one
        for index, one in enumerate(targets)
        for other in targets[:index]
    )

    assert bool(list(target_flaws(targets))) == clash


@given(st.lists(st.integers(0, 4), max_size=6))
def test_each_repetition_is_told(values: list[int]) -> None:
    assert len(list(repeated(values))) == len(values) - len(set(values))
