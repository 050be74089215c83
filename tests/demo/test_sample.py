"""The sample files are what they are said to be: valid settings and documents, and records in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.configuration import documents
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.demo import sample
from streams.demo.acts import ACTS, Act
from streams.demo.wording import CUT_OFF, segment_names, told


def test_the_settings_are_valid_and_name_the_sample_topics(tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text(sample.settings(bootstrap="127.0.0.1:1", port=2))
    (tmp_path / sample.TOKEN_FILE).parent.mkdir()
    (tmp_path / sample.TOKEN_FILE).write_text("t")
    settings = load(tmp_path / "streams.yaml", {})

    assert settings.kafka.bootstrap_servers == ("127.0.0.1:1",)
    assert settings.http.port == 2
    assert settings.app == sample.APP
    assert sorted(topic for _, topic in settings.inputs.roles()) == sorted(sample.TOPICS)
    assert [path.name for path in settings.documents] == list(sample.DOCUMENTS)
    assert settings.secrets.directory == (tmp_path / sample.SECRET_FILE).parent


def test_the_documents_are_valid_with_the_addresses_of_a_run(tmp_path: Path) -> None:
    for name, text in sample.documents(endpoint="http://127.0.0.1:1", token_url="http://127.0.0.1:2/token"):
        (tmp_path / name).write_text(text)
    (tmp_path / sample.SECRET_FILE).parent.mkdir()
    (tmp_path / sample.SECRET_FILE).write_text("s")
    references = References({}, (tmp_path / sample.SECRET_FILE).parent)

    crm, newsletter = documents.load([tmp_path / name for name in sample.DOCUMENTS], references)

    assert (crm.name, newsletter.name) == (sample.CRM, sample.NEWSLETTER)
    assert crm.account.http_endpoint.startswith("http://127.0.0.1:1/")
    assert crm.account.credentials is not None
    assert crm.account.credentials.token_url == "http://127.0.0.1:2/token"
    assert newsletter.account.http_endpoint.startswith("http://127.0.0.1:1/")
    assert sorted(segment_names([crm, newsletter]).values()) == ["Basel shoppers", "Gold members", "Newsletter readers"]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.file)
def test_every_act_has_records_of_the_inputs(act: Act) -> None:
    assert act.records
    assert {record.topic for record in act.records} <= set(sample.TOPICS)
    assert len(f"1  {act.title}") <= 80, "it fits on a terminal"


def test_people_enter_and_leave_and_one_record_is_cut_off() -> None:
    names = {"59bd2fkd-3c48-4b18-bf56-4f5c5e6967ae": "Gold members"}
    said = [told(record, names) for act in ACTS for record in act.records]

    assert said.count(CUT_OFF) == 1
    assert {"profile, 10 attributes", "enters Gold members", "leaves Gold members"} <= set(said)
    assert "enters newsletter-readers" in said, "a segment without a name is its id"


def test_a_number_of_the_sample_is_sent_with_every_digit() -> None:
    amira = next(record for record in ACTS[0].records if record.profile == "amira")

    assert b"123456789012345678901234567890" in amira.bytes
