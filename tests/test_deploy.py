from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streams.configuration.documents import load_all
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.destinations import Header
from streams.secrets import Secret
from streams.status.overview import ACTIVATION
from streams.telemetry.labels import STATES
from tests.declared_metrics import declared
from tests.promql import PromqlError, Selector, selectors

DEPLOY = Path(__file__).parent.parent / "deploy"
DOCUMENTS = sorted((DEPLOY / "documents").iterdir())


@pytest.fixture
def references(tmp_path: Path) -> References:
    (tmp_path / "partner-api-key").write_text("k3y\n")
    return References({"STREAMS_SECRET_CRM": "s3cret"}, tmp_path)


def test_the_sample_settings_load_with_the_documents_that_they_name(references: References) -> None:
    settings = load(DEPLOY / "streams.yaml", {})
    loaded = load_all(settings.documents, references)

    assert [topic for _, topic in settings.inputs.roles()] == ["segment-qualifications", "segment-exits", "profiles"]
    assert [destination.name for destination in loaded.destinations] == ["crm"]
    assert settings.secrets.directory == DEPLOY / "secrets"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_sample_document_loads_without_a_warning(path: Path, references: References) -> None:
    loaded = load_all([path], references)

    assert loaded.destinations
    assert not loaded.warnings


def test_the_samples_load_together_and_keep_what_they_write(references: References) -> None:
    crm, partner = load_all([DEPLOY / "documents"], references).destinations

    assert crm.account.http_endpoint == "https://api.example.com/v1/profiles?source=streams"
    assert partner.account.http_endpoint == "https://profiles.partner.example/ingest?region=eu&tag=a&tag=b%2Fc"
    assert partner.headers == (Header("x-channel", "email,push"), Header("x-api-key", Secret("k3y")))


RULES: list[dict[str, Any]] = [
    rule for group in YAML(typ="safe").load(DEPLOY / "alerts.yaml")["groups"] for rule in group["rules"]
]
ADDED_BY_PROMETHEUS = {"instance", "job"}


LABELS = {name: set(each.labels) for name, each in declared().items()}


def placeholders(rule: dict[str, Any]) -> Iterator[str]:
    for text in rule["annotations"].values():
        yield from re.findall(r"\$labels\.(\w+)", text)


def test_there_is_a_rule_for_each_of_the_four_alarms() -> None:
    asked = [{selector.metric for selector in selectors(rule["expr"])} for rule in RULES]

    assert len(RULES) == len({rule["alert"] for rule in RULES}) == 4
    for metric in (
        "streams_oldest_unresolved_age_seconds",
        "streams_exports_ended_total",
        "streams_destination_state",
        "streams_ready",
    ):
        assert sum(metric in metrics for metrics in asked) == 1, metric


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_asks_only_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    found = selectors(rule["expr"])

    for selector in found:
        assert selector.metric in LABELS
        assert selector.labels <= LABELS[selector.metric] | ADDED_BY_PROMETHEUS, selector
    known = ADDED_BY_PROMETHEUS.union(*(LABELS[selector.metric] for selector in found))
    assert set(placeholders(rule)) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[smh]", rule["for"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert re.search(r"streams |kafka-console|curl ", rule["annotations"]["description"]), "which command shows more"


def test_the_rule_on_states_asks_for_a_state_that_there_is_and_for_what_no_state_tells() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "StreamsDestinationNotActivated"]
    states, gaps, refused = selectors(rule["expr"])

    assert states.matchers["state"] in STATES
    assert (gaps.metric, gaps.matchers["stage"]) == ("streams_gaps", ACTIVATION)
    assert refused.metric == "streams_exports_refused"


def test_every_alarm_is_told_in_the_readme() -> None:
    readme = (DEPLOY.parent / "README.md").read_text()

    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in readme] == []


@pytest.mark.parametrize(
    "expression",
    [
        "max by (destination) (streams_ready",
        "streams_ready ==",
        'streams_ready{state="x} == 0',
        "rate(streams_records_total) > 1",
        "maximum(streams_ready)",
        "streams_ready streams_ready",
    ],
)
def test_an_expression_that_prometheus_would_not_take_is_told(expression: str) -> None:
    with pytest.raises(PromqlError):
        selectors(expression)


def test_an_expressions_selectors_are_found_with_what_they_ask_for() -> None:
    found = selectors('sum by (topic) (rate(streams_records_total{end!~"a|b"}[5m])) / 2 > 0.5 or absent(streams_ready)')

    assert found == [
        Selector("streams_records_total", {"end": "a|b"}, frozenset({"topic"})),
        Selector("streams_ready", {}, frozenset()),
    ]
