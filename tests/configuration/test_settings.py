from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.configuration.settings import load, masked
from tests.configurations import complaints, written


def test_a_file_and_the_environment_above_it_are_the_settings(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        app: cdp
        kafka: {bootstrapServers: [a:1, b:2]}
        inputs:
          qualifications: q
          exits: e
          profiles: [crm, {name: loyalty, topic: loyalty.v2}]
        egress:
        http: {port: 1}
        """,
    )
    settings = load(path, {"STREAMS_HTTP_PORT": "0", "STREAMS_EGRESS_ALLOW": "127.0.0.1, fd00::/8", "PATH": "/bin"})

    assert settings.app == "cdp"
    assert settings.kafka.bootstrap_servers == ("a:1", "b:2")
    assert [(source.name, source.topic) for source in settings.inputs.profiles] == [
        ("crm", "crm"),
        ("loyalty", "loyalty.v2"),
    ]
    assert settings.http.port == 0
    assert settings.egress.allow == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    assert settings.activation.session_timeout_seconds == 15


def test_snake_case_and_comma_text_are_accepted(tmp_path: Path) -> None:
    path = written(tmp_path, "kafka: {bootstrap_servers: 'a:1, b:2'}\ninputs: {memberships: m, profiles: 'p, q'}\n")

    settings = load(path, {})

    assert settings.kafka.bootstrap_servers == ("a:1", "b:2")
    assert [source.topic for source in settings.inputs.profiles] == ["p", "q"]


def test_the_environment_alone_is_enough() -> None:
    settings = load(None, {"STREAMS_INPUTS_MEMBERSHIPS": "m", "STREAMS_SECRET_CRM": "canary", "STREAMS_APP": "x"})

    assert settings.app == "x"
    assert [topic for _, topic in settings.inputs.roles()] == ["m"]
    assert "canary" not in f"{settings} {masked(settings)}"


def test_relative_paths_start_at_the_settings_file(tmp_path: Path) -> None:
    path = written(tmp_path, "inputs: {memberships: m}\ndocuments: [d, /abs]\nsecrets: {directory: s}\n")

    settings = load(path, {})

    assert settings.documents == (tmp_path / "d", Path("/abs"))
    assert settings.secrets.directory == tmp_path / "s"
    assert settings.state.directory == tmp_path / "data"
    assert load(None, {"STREAMS_INPUTS_MEMBERSHIPS": "m"}).state.directory == Path("data")


def test_everything_wrong_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        app: 5
        kafka:
          bootstrapServerz: a:1
          bootstrapServers: localhost:9092,user:canary@host
        inputs:
          qualifications: q
          memberships: q
          profiles: [q, {name: x, topic: y}, {name: x, topic: z}]
        http: {port: 99999}
        activation: {drainSeconds: 20}
        state: {store: disk}
        topics: {create: 1}
        log:
          level: INFO
          level: DEBUG
        """,
    )
    told = complaints(
        lambda: load(path, {"STREAMS_HTTP_PROT": "canary", "STREAMS_DELIVERY_MAX_IN_FLIGHT": "abc"}), tmp_path
    )

    assert sorted(told) == sorted(
        [
            "documents.yaml:15: the key 'level' is here twice, first at documents.yaml:14; keep one of the two",
            "STREAMS_HTTP_PROT: is not a known setting; did you mean STREAMS_HTTP_PORT?",
            "documents.yaml:3: kafka.bootstrapServerz: is not a known key; did you mean 'bootstrapServers'?",
            "documents.yaml:1: app: came 5; expected a text; put it in quotes",
            "documents.yaml:4: kafka.bootstrapServers[1]: is not host:port; write it as kafka.example.com:9092",
            (
                "documents.yaml:7: inputs.memberships: came beside qualifications or exits; keep memberships alone"
                " (its records carry a status), or qualifications and exits"
            ),
            (
                "documents.yaml:7: inputs.memberships: the topic 'q' is qualifications already;"
                " give each role a topic of its own"
            ),
            (
                "documents.yaml:8: inputs.profiles[0]: the topic 'q' is qualifications already;"
                " give each role a topic of its own"
            ),
            "documents.yaml:8: inputs.profiles[2].name: the source 'x' is here twice; rename one",
            "documents.yaml:9: http.port: came 99999; expected at most 65535",
            "documents.yaml:10: activation.drainSeconds: came 20; expected less than sessionTimeoutSeconds (15)",
            "documents.yaml:11: state.store: came 'disk'; expected 'rocksdb' or 'memory'",
            "documents.yaml:12: topics.create: came 1; expected true or false",
            "STREAMS_DELIVERY_MAX_IN_FLIGHT: delivery.maxInFlight: came 'abc'; expected a whole number",
        ]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "inputs: no topic of memberships is named"),
        ("inputs: {profiles: [p]}", "inputs: no topic of memberships is named"),
        ("inputs: {exits: x, profiles: [x]}", "the topic 'x' is exits already"),
        ("inputs: {exits: x, profiles: [p, p]}", "the topic 'p' is profiles already"),
        ("inputs: {exits: 'a b'}", "expected a topic"),
        ("inputs: {exits: ..}", "expected a topic"),
        ("app: a/b\ninputs: {exits: x}", "expected letters, digits"),
        ("app: ''\ninputs: {exits: x}", "expected letters, digits"),
        (f"app: {'a' * 121}\ninputs: {{exits: x}}", "at most 120"),
        ("app: a\ninputs: {exits: a.dead-letters}", "'a.dead-letters' is written by this worker"),
        ("app: a\ninputs: {exits: x, profiles: [a.exports.crm.1]}", "'a.exports.crm.1' is written by this worker"),
        ("inputs: {exits: x}\negress: {allow: [10.0.0.1/8]}", "its host bits are set: write 10.0.0.0/8"),
        ("inputs: {exits: x}\negress: {allow: [7]}", "expected a network"),
        ("inputs: {exits: x, partitions: true}", "expected a whole number"),
        ("inputs: {exits: x, Exits: y}", "did you mean 'exits'?"),
        ("inputs: {exits: x}\nkafka: {bootstrapServers: [], bootstrap_servers: [a:1]}", "is here twice"),
        ("inputs: {exits: x}\nkafka: {bootstrapServers: []}", "kafka.bootstrapServers"),
        ("inputs: {exits: x}\ndelivery: {sessionTimeoutSeconds: 3}", "expected less than sessionTimeoutSeconds (3)"),
        ("inputs: [x]", "inputs: came a list; expected a mapping"),
        ("[x]", "came a list; expected a mapping"),
        ("inputs: {exits: x}\n---\ninputs: {exits: x}", "a second document"),
        ("inputs: {exits: x", "is not YAML"),
    ],
)
def test_what_cannot_work_is_refused(text: str, told: str, tmp_path: Path) -> None:
    problems = complaints(lambda: load(written(tmp_path, text), {}), tmp_path)

    assert any(told in problem for problem in problems), problems


def test_of_a_file_that_cannot_be_read_only_that_is_told_and_what_the_environment_says(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.yaml"
    alone = complaints(lambda: load(nowhere, {}), tmp_path)
    beside = complaints(lambda: load(nowhere, {"STREAMS_MERGE": "oldest"}), tmp_path)
    broken = complaints(lambda: load(written(tmp_path, "inputs: {exits: x"), {}), tmp_path)

    assert [problem.partition(";")[0] for problem in alone] == [
        "nowhere.yaml: cannot be read (No such file or directory)"
    ]
    assert [problem.partition(":")[0] for problem in beside] == ["STREAMS_MERGE", "nowhere.yaml"]
    assert len(broken) == 1


def test_settings_cannot_be_changed() -> None:
    settings = load(None, {"STREAMS_INPUTS_MEMBERSHIPS": "m"})

    with pytest.raises(ValidationError):
        settings.app = "other"


def test_masked_settings_are_plain_and_spelt_as_in_the_file() -> None:
    told = masked(load(None, {"STREAMS_INPUTS_MEMBERSHIPS": "m", "STREAMS_EGRESS_ALLOW": "10.0.0.0/8"}))

    assert told["kafka"]["bootstrapServers"] == ["localhost:9092"]
    assert told["egress"] == {"allow": ["10.0.0.0/8"]}
    assert told["state"] == {"store": "rocksdb", "directory": "data"}
