"""What cannot be read of what governs destinations allows nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.destinations import Attribute
from streams.registry.governing import TOLD, Governing
from tests.deliverables import a_destination
from tests.registry.governing import LABELS, POLICY, GoverningDocuments

PARTNER = replace(
    a_destination("partner"),
    marketing_actions=("Export to Third Party",),
    attributes=(Attribute(("person", "email"), ("email",)),),
)
PLAIN = a_destination("plain")
DISABLED = {**POLICY, "status": "disabled"}
ODD = ("policy", "no-c2"), ("labels", "customer-data")


def looked(documents: GoverningDocuments) -> Governing:
    governing = Governing(documents)
    governing.look()
    return governing


def test_what_is_deleted_forbids_nothing_and_is_followed() -> None:
    documents = GoverningDocuments()
    documents.write(LABELS)
    documents.write(POLICY)
    governing = looked(documents)
    assert governing.in_force.forbids(PARTNER) is not None
    assert governing.in_force.forbids(PLAIN) is None

    documents.write(POLICY, life="deleted")
    assert governing.look()
    assert governing.in_force.forbids(PARTNER) is None
    assert governing.in_force.versions == {"labels/customer-data": 1, "policy/no-c2": 2}


def test_many_violations_are_counted() -> None:
    documents = GoverningDocuments()
    documents.write(LABELS)
    for number in range(TOLD + 2):
        documents.write({**POLICY, "name": f"p{number}"})

    told = looked(documents).in_force.forbids(PARTNER) or ""
    assert told.count("Export to Third Party") == TOLD
    assert told.endswith("; and 2 more")


@pytest.mark.parametrize("key", ODD)
@pytest.mark.parametrize("is_tidied", [False, True])
def test_what_another_release_wrote_leaves_what_was(key: tuple[str, str], is_tidied: bool) -> None:
    documents = GoverningDocuments()
    documents.write(LABELS)
    documents.write(POLICY)
    governing = looked(documents)
    documents.odd[key] = 2
    if is_tidied:
        documents.tidy(*key)
    assert governing.look()
    assert not governing.look()

    in_force = governing.in_force
    assert in_force.forbids(PARTNER) is not None
    assert in_force.forbids(PLAIN) is None
    assert in_force.versions == {"labels/customer-data": 1, "policy/no-c2": 1}
    assert "another release" in in_force.refused["/".join(key)]


def test_what_is_not_valid_here_leaves_the_newest_version_that_is() -> None:
    documents = GoverningDocuments()
    documents.write(LABELS)
    documents.write(DISABLED)
    documents.write(POLICY)
    documents.write({**POLICY, "denies": "C3"})

    in_force = looked(documents).in_force
    assert in_force.forbids(PARTNER) is not None
    assert in_force.versions["policy/no-c2"] == 2
    assert "denies" in in_force.refused["policy/no-c2"]


def test_a_policy_of_which_nothing_can_be_read_may_forbid_anything() -> None:
    documents = GoverningDocuments()
    documents.odd["policy", "no-c2"] = 3
    governing = looked(documents)
    told = governing.in_force.forbids(PLAIN) or ""
    assert "policy no-c2" in told
    assert "another release" in told
    assert governing.in_force.versions == {}

    documents.odd.clear()
    documents.write(POLICY)
    governing.look()
    assert governing.in_force.forbids(PLAIN) is None


def test_labels_of_which_nothing_can_be_read_may_forbid_anything_once_a_policy_is_enabled() -> None:
    documents = GoverningDocuments()
    documents.odd["labels", "customer-data"] = 3
    documents.write(DISABLED)
    governing = looked(documents)
    assert governing.in_force.forbids(PARTNER) is None

    documents.write(POLICY)
    governing.look()
    assert "labels customer-data" in (governing.in_force.forbids(PARTNER) or "")
