"""The README says what the code says: its reference tables are generated, its commands are the ones that run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.configuration import documents, tables
from streams.configuration.references import References
from streams.configuration.settings import load

README = Path(__file__).parents[1] / "README.md"

TABLES: dict[str, Callable[[], str]] = {
    "settings": tables.settings_table,
    "destination": tables.destination_table,
    "account": tables.account_table,
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


def test_the_first_destination_is_one_that_loads(tmp_path: Path) -> None:
    settings, document = (
        textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    )
    (tmp_path / "documents").mkdir()
    (tmp_path / "streams.yaml").write_text(settings)
    (tmp_path / "documents/crm.yaml").write_text(document)
    loaded = load(tmp_path / "streams.yaml", {})
    (crm,) = documents.load(loaded.documents, References({"STREAMS_SECRET_CRM": "s"}, None))

    assert loaded.inputs.exits == "segment-exits"
    assert crm.account.http_endpoint == "https://api.example.com/v1/profiles?source=streams"
    assert [attribute.target for attribute in crm.attributes] == [("person", "email")]


if __name__ == "__main__":
    write()
