"""Who is asked about a profile, whose answer counts, and how an explanation reads."""

from __future__ import annotations

import pytest

from streams.activation.explaining import explain
from streams.activation.masking import Mask
from streams.codes import Denial
from streams.commands.asking import Owners, first_of, token_of
from streams.commands.explained import MOST, told
from streams.commands.simulating import XDM
from streams.configuration.settings import load
from streams.denied import DeniedError
from streams.status.shapes import Stage, Worker
from tests.commands.desk import a_worker
from tests.records import KEY, NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute


def owning(id_: str, *partitions: int) -> Worker:
    return a_worker(id_, stages=()) if not partitions else _with(a_worker(id_), partitions)


def _with(worker: Worker, partitions: tuple[int, ...]) -> Worker:
    stages = {"activation": Stage(ready=True, partitions=partitions)}
    return Worker(**{name: getattr(worker, name) for name in worker.__struct_fields__} | {"stages": stages})


OWNERS = Owners((owning("a", 0, 1), owning("b", 3)), 4)


def test_the_owner_of_a_partition_is_asked_or_all_where_it_is_not_known_where_the_profile_lives() -> None:
    assert [each.id for each in OWNERS.of(3)] == ["b"]
    assert [each.id for each in OWNERS.of(None)] == ["a", "b"]
    assert OWNERS.unowned == [2]
    with pytest.raises(DeniedError, match=r"no live worker owns partition 2 of the 4 \[no-owner\]"):
        OWNERS.of(2)
    with pytest.raises(DeniedError, match="any partition"):
        Owners((), 4).of(None)


def test_one_answer_is_enough_and_of_errors_the_one_counts_that_must_be_mended_first() -> None:
    def error(code: Denial) -> DeniedError:
        return DeniedError(code, "why")

    unknown, unreachable = error(Denial.PROFILE_UNKNOWN), error(Denial.WORKER_UNREACHABLE)

    assert first_of([unknown, b"answer", unreachable]) == b"answer"
    for errors, code in (
        ([unknown, unreachable], Denial.WORKER_UNREACHABLE),
        ([unreachable, error(Denial.WRONG_TOKEN)], Denial.WRONG_TOKEN),
        ([unknown, unknown], Denial.PROFILE_UNKNOWN),
    ):
        with pytest.raises(DeniedError) as caught:
            first_of(errors)
        assert caught.value.code is code


def test_without_a_token_nobody_is_asked() -> None:
    environ = {"STREAMS_INPUTS_MEMBERSHIPS": "m"}
    with pytest.raises(DeniedError, match="no-token"):
        token_of(load(None, environ))
    assert token_of(load(None, {**environ, "STREAMS_HTTP_TOKEN": "t"})).reveal() == "t"


def lines(life: Life, *, reveal: bool = False) -> str:
    found = explain(life.activation, "crm.1", life.profile, KEY, 0, NOW_MS, Mask(reveal=reveal))
    return "\n".join(told(found))


def test_an_explanation_reads_from_the_decision_to_what_it_goes_by() -> None:
    life = Life(an_activation(a_destination(attributes=[an_attribute("person.email", "mail", mandatory=True)])))
    life.take("memberships", a_membership("a", status="realized", ids={"ecid": [{"id": "secret"}]}))
    waiting = lines(life)
    life.take("profiles", a_fragment(person={"email": "secret@example.com"}))
    sent = lines(life)

    assert "excluded: mandatory-attribute-missing" in waiting
    assert "rule mandatory-attribute-missing: forbids it (missing person.email)" in waiting
    assert "nothing, as far as is known" in waiting
    assert "ups/a   mapped   realized" in waiting
    assert "now excluded: mandatory-attribute-missing" in waiting
    assert "crm: would be sent, trigger re-export" in sent
    assert 'person.email -> mail   mandatory   "<text, 18 characters>"   from profiles' in sent
    assert "trigger attribute, revision" in sent
    assert "secret" not in waiting + sent
    assert "secret@example.com" in lines(life, reveal=True)


def test_what_was_forgotten_and_many_memberships_are_told_in_short() -> None:
    life = Life()
    for number in range(MOST + 2):
        life.take("memberships", a_membership(f"other-{number}", status="realized"))
    many = lines(life)
    life.take("profiles", None)

    assert "not-triggered: the profile was never in a mapped segment" in many
    assert "and 2 more that are not mapped" in many
    assert "FORGOTTEN" in lines(life)
    assert "22 memberships are kept" in lines(life)


def test_the_inputs_where_no_settings_name_any_are_the_four_kinds() -> None:
    assert sorted(source.kind.value for source in XDM.values()) == ["exit", "fragment", "membership", "qualification"]
