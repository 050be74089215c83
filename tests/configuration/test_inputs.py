"""Inputs that are not XDM: what is declared of them is compiled, and what is declared wrongly is told, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.activation.events import STATUSES, FragmentPaths, Input, Kind, MembershipPaths, Status
from streams.activation.stage import inputs_of
from streams.configuration.settings import load, masked
from tests.configurations import complaints, written

FLAT = """
inputs:
  memberships:
    topic: audience-events
    segment: $.audience_id
    namespace: $.list
    status: $.action
    statusValues: {add: realized, remove: exited, true: existing}
    time: $.event.ts
    validUntil: $.event.until
    timeUnit: milliseconds
  profiles:
    - {topic: customers, name: crm, attributes: $.data, identities: {ecid: $.ids.ecid}}
    - plain
"""


def test_paths_and_words_are_declared_beside_a_topic(tmp_path: Path) -> None:
    settings = load(written(tmp_path, FLAT), {})

    assert inputs_of(settings) == {
        "audience-events": Input(
            Kind.MEMBERSHIP,
            "audience-events",
            MembershipPaths(
                segment=("audience_id",),
                namespace=("list",),
                status=("action",),
                words={"add": Status.REALIZED, "remove": Status.EXITED, "true": Status.EXISTING},
                time=("event", "ts"),
                until=("event", "until"),
                unit_us=1_000,
            ),
        ),
        "customers": Input(
            Kind.FRAGMENT, "crm", FragmentPaths(attributes=("data",), identities={"ecid": ("ids", "ecid")})
        ),
        "plain": Input(Kind.FRAGMENT, "plain"),
    }
    assert settings.inputs.partitions is None


def test_what_is_not_declared_has_a_meaning(tmp_path: Path) -> None:
    text = "inputs: {exits: {topic: x, segment: $.s, namespace: lists}, qualifications: q, profiles: [{topic: p}]}"

    inputs = inputs_of(load(written(tmp_path, text), {}))

    paths = inputs["x"].paths
    assert isinstance(paths, MembershipPaths)
    assert (paths.namespace, paths.status, paths.time, paths.words) == ("lists", None, None, STATUSES)
    assert inputs["q"] == Input(Kind.QUALIFICATION, "q")
    assert inputs["p"] == Input(Kind.FRAGMENT, "p")


def test_a_unit_stands_beside_any_of_the_times(tmp_path: Path) -> None:
    text = "inputs: {exits: {topic: x, segment: $.s, validUntil: $.end, timeUnit: seconds}}"

    paths = inputs_of(load(written(tmp_path, text), {}))["x"].paths

    assert isinstance(paths, MembershipPaths)
    assert (paths.time, paths.until, paths.unit_us) == (None, ("end",), 1_000_000)


def test_the_environment_may_declare_them_too() -> None:
    settings = load(
        None,
        {
            "STREAMS_INPUTS_EXITS": "{topic: x, segment: $.s}",
            "STREAMS_INPUTS_PROFILES": "[{topic: p, attributes: $.a}]",
            "STREAMS_PARTITIONER": "crc32",
        },
    )

    assert inputs_of(settings) == {
        "x": Input(Kind.EXIT, "x", MembershipPaths(segment=("s",))),
        "p": Input(Kind.FRAGMENT, "p", FragmentPaths(attributes=("a",))),
    }
    assert settings.partitioner == "crc32"


def test_only_what_is_declared_is_printed(tmp_path: Path) -> None:
    inputs = masked(load(written(tmp_path, FLAT), {}))["inputs"]

    assert inputs["profiles"][1] == {"topic": "plain", "name": "plain"}
    assert inputs["memberships"] == {
        "topic": "audience-events",
        "segment": "$.audience_id",
        "namespace": "$.list",
        "status": "$.action",
        "statusValues": {"add": "realized", "remove": "exited", "true": "existing"},
        "time": "$.event.ts",
        "validUntil": "$.event.until",
        "timeUnit": "milliseconds",
    }


def test_everything_wrong_in_a_declaration_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        inputs:
          memberships:
            topic: a b
            segment: audience_id
            statusValues:
              add: realised
            time: $.ts[0]
            timeUnit: nanoseconds
          profiles:
            - topic: p
              attribute: $.a
              identities: {ecid: ecid}
        partitioner: murmur3
        """,
    )

    assert complaints(lambda: load(path, {}), tmp_path) == [
        (
            "documents.yaml:3: inputs.memberships.topic: came 'a b'; expected a topic: letters, digits, '.', '_' and"
            " '-', at most 249"
        ),
        (
            "documents.yaml:4: inputs.memberships.segment: came 'audience_id'; expected a path of names such as"
            " $.audience_id or $.event.time"
        ),
        (
            "documents.yaml:6: inputs.memberships.statusValues.add: came 'realised'; expected 'realized', 'existing' or"
            " 'exited'"
        ),
        (
            "documents.yaml:7: inputs.memberships.time: came '$.ts[0]'; expected a path of names such as"
            " $.audience_id or $.event.time"
        ),
        "documents.yaml:8: inputs.memberships.timeUnit: came 'nanoseconds'; expected 'seconds' or 'milliseconds'",
        "documents.yaml:11: inputs.profiles[0].attribute: is not a known key; did you mean 'attributes'?",
        (
            "documents.yaml:12: inputs.profiles[0].identities.ecid: came 'ecid'; expected a path of names such as"
            " $.audience_id or $.event.time"
        ),
        "documents.yaml:13: partitioner: came 'murmur3'; expected 'murmur2', 'crc32' or 'any'",
    ]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("time: $.ts, namespace: x, status: $.s", ("time", "namespace", "status")),
        ("segment: $.s, status: $.a, timeUnit: seconds", ("timeUnit",)),
        ("segment: $.s, statusValues: {a: exited}", ("status",)),
        ("segment: $.s", ("status",)),
        ("segment: $.s, status: $.a, namespace: $x", ("namespace",)),
        ("segment: $, status: $.a", ("segment",)),
        ("segment: $.a..b, status: $.a", ("segment",)),
        ("segment: 5, status: $.a", ("segment",)),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(declared: str, told: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path, f"inputs:\n  memberships: {{topic: m, {declared}}}\n")

    problems = complaints(lambda: load(path, {}), tmp_path)

    assert sorted(problem.split(": ")[1] for problem in problems) == sorted(f"inputs.memberships.{key}" for key in told)
    assert all(problem.startswith("documents.yaml:2: ") for problem in problems)


def test_words_without_a_place_are_refused(tmp_path: Path) -> None:
    text = "inputs: {exits: {topic: x, segment: $.s, statusValues: {out: exited}}}"

    (told,) = complaints(lambda: load(written(tmp_path, text), {}), tmp_path)

    assert told.endswith("inputs.exits.statusValues: came without status; declare status, too, or leave it out")


def test_a_topic_of_one_kind_needs_no_status_and_an_input_is_a_text_or_a_mapping(tmp_path: Path) -> None:
    told = complaints(
        lambda: load(written(tmp_path, "inputs: {exits: {topic: x, segment: $.s}, qualifications: [q]}"), {}), tmp_path
    )

    assert told == ["documents.yaml:1: inputs.qualifications: came a list; expected a text or a mapping"]
