from __future__ import annotations

from pathlib import Path

import pytest

from streams.configuration.documents import load_all
from streams.configuration.references import References
from streams.configuration.settings import load
from streams.destinations import Header
from streams.secrets import Secret

DEPLOY = Path(__file__).parent.parent / "deploy"
DOCUMENTS = sorted((DEPLOY / "documents").iterdir())


@pytest.fixture
def references(tmp_path: Path) -> References:
    (tmp_path / "partner-api-key").write_text("k3y\n")
    return References({"STREAMS_SECRET_CRM": "s3cret"}, tmp_path)


def test_the_sample_settings_load_with_the_documents_that_they_name(references: References) -> None:
    settings = load(DEPLOY / "streams.yaml", {})
    loaded = load_all(settings.documents, references)

    assert (settings.inputs.qualifications, settings.inputs.exits) == ("segment-qualifications", "segment-exits")
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
