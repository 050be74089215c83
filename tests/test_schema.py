"""The published schema and the loader agree on what is taken, and on what is refused by the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from streams.configuration.documents import examine
from streams.configuration.files import files_in
from streams.configuration.located import lines_of, read
from streams.configuration.references import References
from streams.configuration.schema import schema
from tests.configurations import written

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "deploy/documents.schema.json"
EXAMPLES = [*files_in([ROOT / "deploy/documents"], [], []), *sorted((ROOT / "streams/demo/sample").glob("[!s]*.yaml"))]
VALIDATOR = Draft7Validator(schema())
SECRETS = References({"STREAMS_SECRET_X": "s"}, None)

MINIMAL = "kind: destination\nname: a\naccount: {httpEndpoint: https://h/x}\n"
ACCOUNT = "kind: account\nname: a\nhttpEndpoint: https://h/x\n"


def complaints(text: str) -> list[str]:
    """Return what an editor would say of a file of documents."""
    return [error.message for node in read(text, lines_of("f"), []) for error in VALIDATOR.iter_errors(node.plain())]


def test_the_published_copy_is_what_the_command_prints() -> None:
    assert json.loads(PUBLISHED.read_text()) == schema(), "run: streams schema > deploy/documents.schema.json"


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(schema())


def test_there_are_examples_of_both_places() -> None:
    assert {path.parent.name for path in EXAMPLES} == {"documents", "sample"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_keeps_to_it(path: Path) -> None:
    assert complaints(path.read_text()) == []


def test_the_documents_of_the_readme_keep_to_it() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    documents = [block for block in blocks if "kind:" in block]

    assert documents
    assert [complaint for block in documents for complaint in complaints(block)] == []


def _fields(part: Any) -> list[tuple[str, Any]]:
    """Return every property in a part of the schema."""
    if isinstance(part, list):
        return [field for item in part for field in _fields(item)]
    if not isinstance(part, dict):
        return []
    own = part.get("properties", {})
    return [
        *own.items(),
        *(field for key, item in part.items() if key not in {"if", "then"} for field in _fields(item)),
    ]


def test_every_key_has_a_description() -> None:
    sections = {"delivery", "retry", "outcomes"}  # theirs stands where they are defined
    fields = _fields(schema()["definitions"])

    assert sections < {name for name, _ in fields}
    assert [name for name, field in fields if "description" not in field and name not in sections] == []


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL,
        ACCOUNT,
        f"{ACCOUNT}authEndpoint: http://t/\nclientID: c\nclientSecret: ${{env:STREAMS_SECRET_X}}\nscope:\n",
        "- {kind: account, name: b, httpEndpoint: 'HTTPS://h:1/?a=b'}\n- {kind: account, name: c, httpEndpoint: http://h}",
        f"{MINIMAL}---\n{MINIMAL.replace('name: a', 'name: b')}",
        f"{MINIMAL}customHeaders: 'a:b,c:d'\n",
        f"{MINIMAL}customHeaders:\ndelivery:\n",
        f"{MINIMAL}customHeaders: {{a: '', b: {{value: c}}}}\n",
        f"{MINIMAL}customHeaders: {{a: {{value: '${{env:STREAMS_SECRET_X}}', secret: true}}}}\n",
        f"{MINIMAL}segments: [a, {{id: b}}, {{id: c, namespace: d, name: e}}]\n",
        f"{MINIMAL}attributes: [a, {{source: b.c}}, {{source: d, target: e, mandatory: true}}]\n",
        f"{MINIMAL}delivery: {{maxInFlight: 1, timeoutSeconds: 0.5, retry: {{capSeconds: 9}}}}\n",
        f"{MINIMAL}since: now\nstatus: ga\nabsent: 'null'\ntriggers: written\nmarketingActions: [x]\n",
    ],
)
def test_what_the_loader_takes_the_schema_takes(text: str, tmp_path: Path) -> None:
    found = examine([written(tmp_path, text)], SECRETS)

    assert (found.problems, found.unresolved) == ((), ())
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "name: a",
        "kind: segment",
        "kind: [destination]",
        "7",
        "- 7",
        "kind: destination\nname: a\n",
        MINIMAL.replace("name: a", "name: A"),
        MINIMAL.replace("name: a", "name: 007"),
        MINIMAL.replace("https://h/x", "h/x"),
        MINIMAL.replace("https://h/x", "https://h/#x"),
        MINIMAL.replace("{httpEndpoint: https://h/x}", "[x]"),
        f"{MINIMAL}segmnets: [a]\n",
        f"{MINIMAL}segments: a\n",
        f"{MINIMAL}segments: [1]\n",
        f"{MINIMAL}segments: [true]\n",
        f"{MINIMAL}segments: [{{id: ' '}}]\n",
        f"{MINIMAL}segments: [{{name: x}}]\n",
        f"{MINIMAL}attributes: [{{source: a, taget: b}}]\n",
        f"{MINIMAL}customHeaders: [a]\n",
        f"{MINIMAL}customHeaders: {{a: 1}}\n",
        f"{MINIMAL}customHeaders: {{a: {{value: literal, secret: true}}}}\n",
        f"{MINIMAL}absent: none\n",
        f"{MINIMAL}delivery: {{maxInFlight: 0}}\n",
        f"{MINIMAL}delivery: {{maxInFlight: 1.5}}\n",
        f"{MINIMAL}delivery: {{retry: {{firstSeconds: 0}}}}\n",
        f"{ACCOUNT}clientID: c\n",
        f"{ACCOUNT}authEndpoint: https://t/\nclientID: c\nclientSecret: literal\n",
        f"{ACCOUNT}segments: []\n",
    ],
)
def test_what_the_schema_refuses_the_loader_refuses(text: str, tmp_path: Path) -> None:
    found = examine([written(tmp_path, text)], SECRETS)

    assert complaints(text)
    assert found.problems
