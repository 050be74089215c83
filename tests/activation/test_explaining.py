"""An explanation says what is known and what the rules say of it; it decides nothing, and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.activation import explanation
from streams.activation.activate import Activation
from streams.activation.explaining import explain
from streams.activation.explanation import Explanation
from streams.activation.masking import Mask
from streams.activation.owing import owe
from streams.activation.profiles import encode_profile
from streams.ends import Exclusion
from streams.exports import Position
from tests.records import KEY, NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute

MANDATORY = an_attribute("person.email", mandatory=True)
IDS = {"ecid": [{"id": "secret-id"}]}


def explained(life: Life, *, reveal: bool = True, prevented: Exclusion | None = None) -> Explanation:
    before = encode_profile(life.profile)
    found = explain(
        life.activation, "crm.1", life.profile, KEY, 3, NOW_MS, Mask(reveal=reveal), prevents=lambda _: prevented
    )
    assert encode_profile(life.profile) == before, "to look changes nothing"
    return found


def a_life(*destinations: Any) -> Life:
    return Life(an_activation(*destinations))


def plain(value: Any) -> Any:
    return json.loads(bytes(value))


def test_what_is_known_is_told_with_the_records_that_said_it() -> None:
    life = a_life()
    life.take("memberships", a_membership("a", 5, status="realized", ids=IDS), offset=7)
    life.take("memberships", a_membership("unmapped", 6, status="exited"), timestamp=NOW_MS - 1)
    life.take("profiles", a_fragment(person={"email": "a@b"}))

    found = explained(life)

    mapped, other = found.memberships
    assert (mapped.segment, mapped.mapped, mapped.status, mapped.record.place) == (
        "a",
        True,
        "realized",
        "memberships-0-7",
    )
    assert mapped.last_qualification_time == "2020-05-25T00:00:05Z"
    assert (other.segment, other.mapped, other.record.timestamp) == ("unmapped", False, "2023-11-14T22:13:19.999Z")
    (fragment,), (identified,), (attribute,) = found.fragments, found.identities, found.attributes
    assert (fragment.source, fragment.record.place) == ("profiles", "profiles-0-0")
    assert (identified.source, identified.namespaces) == ("memberships", {"ecid": 1})
    assert plain(found.identity_map) == IDS
    assert (attribute.source, plain(attribute.value), attribute.sources) == ("person.email", "a@b", ("profiles",))
    assert found.told is not None
    assert (found.told.revision, found.told.inside, found.told.trigger) == (life.profile.revision, True, "attribute")
    assert (found.partition, found.revision) == (3, life.profile.revision)


def test_the_export_that_would_be_sent_is_the_one_that_a_re_export_sends() -> None:
    life = a_life()
    life.take("memberships", a_membership("a", status="realized"))
    life.take("profiles", a_fragment(person={"email": "a@b"}))

    found = explained(life)

    (export,) = found.exports
    assert (found.end, found.exclusion, export.trigger) == ("activated", None, "re-export")
    assert bytes(export.body) == life.exports[-1].body
    assert [rule.forbids for rule in found.rules] == [False] * len(found.rules)


def test_the_rule_that_forbids_is_named_with_what_it_goes_by_and_what_heals_it() -> None:
    life = a_life(a_destination(attributes=[MANDATORY]))
    life.take("memberships", a_membership("a", status="realized"))

    found = explained(life)

    (rule,) = [rule for rule in found.rules if rule.forbids]
    assert (found.end, found.exclusion, found.exports) == ("excluded", "mandatory-attribute-missing", ())
    assert (rule.exclusion, rule.details) == ("mandatory-attribute-missing", {"missing": ["person.email"]})
    assert "mandatory" in rule.meaning
    assert found.memberships[0].exclusion == "mandatory-attribute-missing"
    assert found.told is None


@pytest.mark.parametrize("why", [Exclusion.POLICY, Exclusion.OWED])
def test_what_keeps_all_exports_from_a_destination_is_named_too(why: Exclusion) -> None:
    life = a_life(a_destination(forbidden="C2 on person" if why is Exclusion.POLICY else None))
    life.take("memberships", a_membership("a", status="realized"))

    found = explained(life, prevented=why)

    assert (found.end, found.exclusion, found.exports) == ("excluded", why.value, ())
    assert [rule.exclusion for rule in found.rules if rule.forbids] == [why.value]
    policy = next(rule for rule in found.rules if rule.exclusion == "policy")
    assert policy.details == ({"because": "C2 on person"} if why is Exclusion.POLICY else {})


def test_a_record_from_before_since_says_so_although_an_export_would_go_now() -> None:
    life = a_life(a_destination(since=NOW_MS))
    life.take("memberships", a_membership("a", status="realized"), timestamp=NOW_MS - 1)

    found = explained(life)

    assert found.memberships[0].exclusion == "before-since"
    assert found.end == "activated"


def test_who_is_in_no_mapped_segment_is_not_triggered() -> None:
    life = a_life()
    life.take("memberships", a_membership("unmapped", status="realized"))

    found = explained(life)

    assert (found.end, found.exclusion, found.exports, found.rules) == ("not-triggered", None, (), ())


@pytest.mark.parametrize(
    ("loyalty", "profiles", "value", "sources"),
    [
        ({"x": 1}, {"x": 2}, 2, ("profiles",)),
        ({"x": 1}, {"y": 2}, 1, ("loyalty",)),
        ({"x": 1}, {"x": 1}, 1, ("loyalty", "profiles")),
        ({"x": {"a": 1}}, {"x": {"b": 2}}, {"a": 1, "b": 2}, ("loyalty", "profiles")),
        ({"x": {"a": 1}}, {"x": {"a": 2}}, {"a": 2}, ("profiles",)),
        ({}, {}, None, ()),
    ],
)
def test_the_sources_of_a_value_are_those_without_which_it_would_be_another(
    loyalty: dict[str, Any], profiles: dict[str, Any], value: Any, sources: tuple[str, ...]
) -> None:
    life = a_life(a_destination(attributes=["x"]))
    life.take("loyalty", a_fragment(**loyalty), timestamp=NOW_MS - 1)
    life.take("profiles", a_fragment(**profiles))

    (attribute,) = explained(life).attributes

    assert (plain(attribute.value), attribute.sources) == (value, sources)


def test_what_was_forgotten_and_what_is_owed_are_told() -> None:
    life = a_life()
    life.take("memberships", a_membership("a", status="realized"))
    life.take("profiles", a_fragment(person={"email": "a@b"}))
    life.take("profiles", None)
    owe(life.profile, "crm.1", Position("profiles", 0, 1, NOW_MS))

    found = explained(life)

    assert found.forgotten is not None
    assert (found.forgotten.record.place, found.forgotten.memberships, found.forgotten.told) == (
        "profiles-0-1",
        1,
        True,
    )
    assert found.owed is not None
    assert found.owed.place == "profiles-0-1"
    assert [export.trigger for export in found.exports] == ["forgotten"]


def test_no_value_shows_unless_it_is_asked_for_and_it_reads_back_whole() -> None:
    life = a_life(a_destination(attributes=["person"]))
    life.take("memberships", a_membership("a", status="realized", ids=IDS))
    life.take("profiles", a_fragment(person={"secret-name": "secret@example.com", "n": 10**30}))

    masked = explanation.encode(explained(life, reveal=False))

    assert b"secret" not in masked
    assert KEY not in masked
    assert b"<object of 2>" in masked
    revealed = explanation.encode(explained(life))
    assert b"secret@example.com" in revealed
    assert b"1" + b"0" * 30 in revealed
    assert explanation.encode(explanation.decode(revealed)) == revealed
    assert "secret" not in repr(explained(life))


def test_a_destination_that_nobody_follows_is_a_key_error() -> None:
    activation: Activation = an_activation()
    with pytest.raises(KeyError):
        explain(activation, "other.1", Life(activation).profile, KEY, 0, NOW_MS, Mask(reveal=True))
