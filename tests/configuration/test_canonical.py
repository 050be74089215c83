"""A document is written the one way however its file spells it, and means the same."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.configuration.documents import examine, examine_one
from streams.configuration.references import References
from streams.configuration.stored import located
from streams.registry.records import Version
from tests.configurations import NO_SECRETS, written

SPELT = """\
kind: destination
name: crm
account: {http_endpoint: "https://h/x", auth_endpoint: "https://t/", clientId: c, client_secret: "${file:key}"}
custom_headers: "x-a:1, x-b: 2"
marketing_actions: [Email]
segments: [a, {id: b}, {id: c, namespace: other}]
attributes: [person.email, {source: crmId, target: id, mandatory: true}, {source: a.b, mandatory: false}]
absent: omit
delivery: {timeout_seconds: 2, retry: {cap_seconds: 30}}
"""
THE_ONE_WAY = {
    "kind": "destination",
    "name": "crm",
    "account": {
        "httpEndpoint": "https://h/x",
        "authEndpoint": "https://t/",
        "clientID": "c",
        "clientSecret": "${file:key}",
    },
    "customHeaders": {"x-a": "1", "x-b": "2"},
    "marketingActions": ["Email"],
    "segments": ["a", "b", {"id": "c", "namespace": "other"}],
    "attributes": ["person.email", {"source": "crmId", "target": "id", "mandatory": True}, "a.b"],
    "delivery": {"retry": {"capSeconds": 30.0}},
}


def test_a_document_is_written_the_one_way(tmp_path: Path) -> None:
    (given,) = examine([written(tmp_path, SPELT)], NO_SECRETS).given

    assert (given.kind, given.name, given.document) == ("destination", "crm", THE_ONE_WAY)
    assert given.where.endswith("documents.yaml:2")


def test_what_is_written_the_one_way_stays_so_and_means_the_same(tmp_path: Path) -> None:
    found = examine([written(tmp_path, SPELT)], NO_SECRETS)
    again = examine_one(located(json.loads(json.dumps(THE_ONE_WAY)), "here"), {})

    assert again.problems == ()
    assert again.given[0].document == THE_ONE_WAY
    assert again.destinations == found.destinations


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=5).filter(str.strip)
DOCUMENTS = st.fixed_dictionaries(
    {"kind": st.just("destination"), "name": st.just("crm"), "account": st.just({"httpEndpoint": "https://h/"})},
    optional={
        "description": st.text(max_size=5),
        "segments": st.lists(TEXTS, unique=True, max_size=3),
        "absent": st.sampled_from(["omit", "null"]),
        "since": st.sampled_from(["now", "2026-01-31T00:00:00Z"]),
        "customHeaders": st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.sampled_from(["", "1", "a b"])),
        "delivery": st.fixed_dictionaries(
            {}, optional={"maxInFlight": st.integers(1, 99), "timeoutSeconds": st.just(2)}
        ),
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_the_one_way_loses_nothing(document: dict[str, object]) -> None:
    found = examine_one(located(document, "here"), {})
    again = examine_one(located(found.given[0].document, "here"), {})

    assert again.destinations == found.destinations
    assert again.given[0].document == found.given[0].document


def test_an_account_in_force_satisfies_a_destination_that_names_it(tmp_path: Path) -> None:
    document = {"kind": "account", "name": "partner", "httpEndpoint": "https://h/"}
    standing = {"partner": Version(version=3, written_at=0, by="ann@desk", document=document)}
    path = written(tmp_path, "kind: destination\nname: crm\naccount: partner\n")

    assert [problem.what for problem in examine([path], NO_SECRETS).problems] == ["no account is called 'partner'"]
    found = examine([path], NO_SECRETS, standing)
    assert found.problems == ()
    assert (found.destinations[0].account.http_endpoint, found.given[0].account) == ("https://h/", "partner")
    assert found.accounts == {}

    deleted = {"partner": Version(version=4, written_at=0, by="ann@desk", document=document, life="deleted")}
    assert len(examine([path], NO_SECRETS, deleted).problems) == 1


def test_a_file_goes_before_the_account_in_force(tmp_path: Path) -> None:
    standing = {"partner": Version(version=3, written_at=0, by="a@b", document={"kind": "account", "name": "partner"})}
    text = (
        "kind: destination\nname: crm\naccount: partner\n---\nkind: account\nname: partner\nhttpEndpoint: https://n/\n"
    )
    found = examine([written(tmp_path, text)], References({}, None), standing)

    assert [each.kind for each in found.given] == ["account", "destination"]
    assert found.destinations[0].account.http_endpoint == "https://n/"
