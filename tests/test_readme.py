"""The README says what the code says: its reference tables are generated, its commands are the ones that run."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme

from streams import remedies
from streams.activation.stage import inputs_of
from streams.brokers import Login
from streams.configuration import documents, tables
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.destinations import Batch, Outcomes
from streams.secrets import Secret
from tests.commands_told import exit_codes_table
from tests.declared_metrics import metrics_table
from tests.outcomes_told import outcomes_table
from tests.records import Life, a_fragment, an_activation
from tests.told_codes import LISTS

README = Path(__file__).parents[1] / "README.md"

TABLES: dict[str, Callable[[], str]] = {
    "settings": tables.settings_table,
    "memberships": tables.memberships_table,
    "profiles": tables.profiles_table,
    "destination": tables.destination_table,
    "account": tables.account_table,
    "policy": tables.policy_table,
    "labels": tables.labels_table,
    "schema": tables.schema_table,
    "core_labels": tables.core_labels_table,
    "core_actions": tables.core_actions_table,
    "core_policies": tables.core_policies_table,
    "metrics": metrics_table,
    "exits": exit_codes_table,
    "outcomes": outcomes_table,
    **{name: partial(remedies.table, lines) for name, (lines, _) in LISTS.items()},
}


def blocks(text: str) -> dict[str, str]:
    """Return what stands between each pair of markers."""
    return dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->", text, re.DOTALL))


def write() -> None:
    """Write the tables into the README: ``python -m tests.test_readme``."""
    text = README.read_text()
    for name, table in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text = re.sub(pattern, lambda m, table=table: m[1] + table() + m[2], text, flags=re.DOTALL)  # type: ignore[misc]
    README.write_text(text)


@pytest.mark.parametrize("name", TABLES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    assert blocks(README.read_text())[name] == TABLES[name](), "run: python -m tests.test_readme"


def yaml_blocks() -> list[str]:
    """Return the examples of YAML: settings, a destination, a secured Kafka, flat JSON, several sources, and parts."""
    return [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)]


def test_the_first_destination_is_one_that_loads(tmp_path: Path) -> None:
    settings, document, _, flat, several, *_ = yaml_blocks()
    (tmp_path / "documents").mkdir()
    (tmp_path / "streams.yaml").write_text(settings)
    (tmp_path / "documents/crm.yaml").write_text(document)
    loaded = load(tmp_path / "streams.yaml", {})
    (crm,) = documents.load(loaded.documents, References({"STREAMS_SECRET_CRM": "s"}, None))

    assert loaded.inputs.exits is not None
    assert loaded.inputs.exits.topic == "segment-exits"
    assert crm.account.http_endpoint == "https://api.example.com/v1/profiles?source=streams"
    assert [attribute.target for attribute in crm.attributes] == [("person", "email")]
    (tmp_path / "flat.yaml").write_text(flat)
    assert all(source.paths for source in inputs_of(load(tmp_path / "flat.yaml", {})).values())
    (tmp_path / "several.yaml").write_text(several)
    assert [profile.name for profile in load(tmp_path / "several.yaml", {}).inputs.profiles] == ["crm", "shop"]


def test_each_part_of_a_destination_is_one_that_loads(tmp_path: Path) -> None:
    parts = [block for block in yaml_blocks() if block.startswith("delivery:")]
    for index, part in enumerate(parts):
        head = f"kind: destination\nname: part-{index}\naccount: {{httpEndpoint: https://api.example.com/}}\n"
        (tmp_path / f"{index}.yaml").write_text(head + part)
    loaded = {each.name: each.delivery for each in documents.load([tmp_path], References({}, None))}

    assert loaded["part-0"].outcomes == Outcomes((303, 409), (404,), (5,), (418,))
    assert (loaded["part-1"].retry.policy, loaded["part-1"].max_payload_bytes) == ("adobe", 65536)
    assert loaded["part-2"].batch == Batch(), "it says that these are the defaults"
    assert len(loaded) == len(parts)


def test_the_mapped_destination_is_sent_what_is_shown(tmp_path: Path) -> None:
    (example,) = [block for block in yaml_blocks() if "name: ads\n" in block]
    (tmp_path / "ads.yaml").write_text(example.replace("ads-partner", "{httpEndpoint: https://api.example.com/}"))
    life = Life(an_activation(*documents.load([tmp_path], References({}, None))))
    values = {"crmId": 4711, "personalEmail": {"address": " Ada@Example.COM "}, "loyalty": {"tier": "gold"}}
    life.take("profiles", a_fragment(**values, identityMap={"Email": [{"id": "ada@example.com", "primary": True}]}))
    entry = {"buyers": {"lastQualificationTime": "2020-05-25T10:00:00Z"}}
    life.take("qualifications", a_fragment(segmentMembership={"ups": entry}, identityMap={"ECID": [{"id": "1457"}]}))

    (shown,) = re.findall(r'```json\n({"loyalty".*?)```', README.read_text(), re.DOTALL)
    assert json.loads(shown) == life.last
    assert list(json.loads(shown)) == list(life.last)


def test_the_secured_kafka_is_one_that_loads(tmp_path: Path) -> None:
    _, _, kafka, *_ = yaml_blocks()
    (tmp_path / "streams.yaml").write_text(kafka)
    trustme.CA().cert_pem.write_to_path(tmp_path / "kafka-ca.pem")
    environ = {"STREAMS_INPUTS_MEMBERSHIPS": "m", "STREAMS_SECRET_KAFKA": "s"}
    brokers = load(tmp_path / "streams.yaml", environ).kafka.brokers

    assert brokers.protocol == "SASL_SSL"
    assert brokers.login == Login("SCRAM-SHA-512", "streams", Secret("s"))


if __name__ == "__main__":
    write()
