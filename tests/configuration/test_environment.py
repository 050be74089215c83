from __future__ import annotations

import pytest

from streams.configuration.fields import leaves
from streams.configuration.problems import ConfigurationError
from streams.configuration.settings import Settings, load

BASE = {"STREAMS_INPUTS_MEMBERSHIPS": "m"}


def test_every_setting_has_a_name_of_its_own_that_says_where_it_stands() -> None:
    names = {leaf.environment: ".".join(leaf.path) for leaf in leaves(Settings)}

    assert names["STREAMS_KAFKA_BOOTSTRAP_SERVERS"] == "kafka.bootstrapServers"
    assert names["STREAMS_ACTIVATION_SESSION_TIMEOUT_SECONDS"] == "activation.sessionTimeoutSeconds"
    assert len(names) == len(list(leaves(Settings)))


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("STREAMS_HTTP_PORT", "9", "http.port", 9),
        ("STREAMS_TOPICS_CREATE", "false", "topics.create", False),
        ("STREAMS_APP", "123", "app", "123"),
        ("STREAMS_INPUTS_PARTITIONS", "", "inputs.partitions", None),
        ("STREAMS_INPUTS_PARTITIONS", "8", "inputs.partitions", 8),
        ("STREAMS_ACTIVATION_LINGER_SECONDS", "0", "activation.linger_seconds", 0.0),
        ("STREAMS_KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2", "kafka.bootstrap_servers", ("a:1", "b:2")),
        ("STREAMS_KAFKA_BOOTSTRAP_SERVERS", "[a:1, b:2]", "kafka.bootstrap_servers", ("a:1", "b:2")),
        ("STREAMS_KAFKA_BOOTSTRAP_SERVERS", "- a:1\n- b:2", "kafka.bootstrap_servers", ("a:1", "b:2")),
    ],
)
def test_a_value_is_read_as_its_field_needs(name: str, text: str, path: str, value: object) -> None:
    found: object = load(None, BASE | {name: text})
    for part in path.split("."):
        found = getattr(found, part)

    assert found == value


def test_profiles_can_be_named_in_the_environment() -> None:
    settings = load(None, BASE | {"STREAMS_INPUTS_PROFILES": "[{name: crm, topic: crm.v2}, loyalty]"})

    assert [(source.name, source.topic) for source in settings.inputs.profiles] == [
        ("crm", "crm.v2"),
        ("loyalty", "loyalty"),
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("STREAMS_HTTP_PROT", "did you mean STREAMS_HTTP_PORT?"),
        ("STREAMS_BOOTSTRAP_SERVERS", "did you mean STREAMS_KAFKA_BOOTSTRAP_SERVERS?"),
        ("STREAMS_SECRETS_DIR", "did you mean STREAMS_SECRETS_DIRECTORY?"),
        ("STREAMS_QQQQ", "remove it, or see the list of settings"),
    ],
)
def test_an_unknown_name_of_ours_is_refused_without_its_value(name: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, BASE | {name: "canary"})

    assert str(caught.value) == f"{name}: is not a known setting; {told} [unknown-key]"


@pytest.mark.parametrize(
    "name",
    [
        "STREAMS_SECRET_ANYTHING",
        "STREAMS_SERVICE_HOST",
        "STREAMS_SERVICE_PORT_METRICS",
        "STREAMS_PORT",
        "STREAMS_PORT_8080_TCP_ADDR",
        "STREAMS_WORKER_SERVICE_PORT",
        "KAFKA_BOOTSTRAP_SERVERS",
        "STREAMSX",
    ],
)
def test_secrets_and_what_a_cluster_sets_are_left_alone(name: str) -> None:
    assert load(None, BASE | {name: "tcp://10.0.0.1:8080"}) == load(None, BASE)


def test_a_wrong_value_is_told_with_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, BASE | {"STREAMS_HTTP_PORT": "x", "STREAMS_KAFKA_BOOTSTRAP_SERVERS": "[a:1"})

    assert [problem.where for problem in caught.value.problems] == [
        "STREAMS_KAFKA_BOOTSTRAP_SERVERS",
        "STREAMS_KAFKA_BOOTSTRAP_SERVERS",
        "STREAMS_HTTP_PORT",
    ]
