"""The sample files are what they are said to be: valid settings and documents, and records in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.configuration import documents
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.demo import sample


def test_the_settings_are_valid_and_name_the_sample_topics(tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text(sample.settings())
    settings = load(tmp_path / "streams.yaml", {})

    assert sorted(topic for _, topic in settings.inputs.roles()) == sorted(sample.TOPICS)
    assert [path.name for path in settings.documents] == list(sample.DOCUMENTS)


def test_the_documents_are_valid_with_the_addresses_of_a_run(tmp_path: Path) -> None:
    for name, text in sample.documents(endpoint="http://127.0.0.1:1", token_url="http://127.0.0.1:2/token"):
        (tmp_path / name).write_text(text)

    crm, newsletter = documents.load([tmp_path], References({sample.SECRET_NAME: "s"}, None))

    assert crm.name == sample.EXAMPLE
    assert crm.account.http_endpoint.startswith("http://127.0.0.1:1/")
    assert crm.account.credentials is not None
    assert crm.account.credentials.token_url == "http://127.0.0.1:2/token"
    assert newsletter.account.http_endpoint.startswith("http://127.0.0.1:1/")


@pytest.mark.parametrize("step", sample.STEPS, ids=lambda step: step.file)
def test_every_step_has_records(step: sample.Step) -> None:
    assert step.topic in sample.TOPICS
    assert step.records


def test_one_record_of_the_sample_is_no_json_and_the_others_are() -> None:
    broken = []
    for record in (record for step in sample.STEPS for record in step.records):
        try:
            json.loads(record.bytes)
        except ValueError:
            broken.append(record.profile)

    assert broken == ["broken"]


def test_a_number_of_the_sample_is_sent_with_every_digit() -> None:
    amira = next(record for record in sample.STEPS[0].records if record.profile == "amira")

    assert b"123456789012345678901234567890" in amira.bytes
