"""``streams destinations check`` and ``streams schema``: documents are judged on any machine, without Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.configuration.schema import schema

CANARY = "canary-3b7f"
RIGHT = f"""\
kind: account
name: partner
httpEndpoint: https://h/x?key={CANARY}
authEndpoint: https://t/
clientID: c
clientSecret: ${{env:STREAMS_SECRET_X}}
---
kind: destination
name: crm
description: Loyalty
account: partner
customHeaders: {{x-key: {{value: "${{file:key}}", secret: true}}}}
segments: [a, {{id: b, name: Readers}}]
attributes: [person.email]
"""
WRONG = "kind: destination\nname: Other\naccount: partner\n"


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["destinations", "check", *arguments], env=environ)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/right.yaml").write_text(RIGHT)
    return tmp_path


def test_what_is_right_is_shown_and_ends_with_0(folder: Path) -> None:
    ended = run("documents", STREAMS_SECRET_X=CANARY)

    assert ended.exit_code == 0
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert rows[0] == ["kind", "name", "endpoint", "authorization", "headers", "segments", "attributes"]
    assert rows[1] == ["account", "partner", "https://h/x?********", "oauth2", "(body)", "-", "-", "-"]
    assert rows[2] == ["destination", "crm", "https://h/x?********", "oauth2", "(body)", "1", "2", "1"]
    assert CANARY not in ended.output


def test_a_secret_that_is_not_here_is_a_warning(folder: Path) -> None:
    ended = run("documents/right.yaml")

    assert ended.exit_code == 0
    assert ended.stderr.splitlines() == [
        (
            "warning: documents/right.yaml:6: clientSecret: STREAMS_SECRET_X is not set, or empty;"
            " set it in the worker's environment [secret-missing]"
        ),
        (
            "warning: documents/right.yaml:12: customHeaders.x-key: refers to a file, but secrets.directory is not set;"
            " set it, or use ${env:...} [secret-missing]"
        ),
        "problems: 0, warnings: 2",
    ]


def test_all_that_is_wrong_is_told_beside_what_was_understood_and_ends_with_2(folder: Path) -> None:
    (folder / "wrong.json").write_text(json.dumps({"kind": "destination", "name": "Other", "account": "partner"}))
    ended = run("documents", "wrong.json", "nowhere.yaml", STREAMS_SECRET_X="s")

    assert ended.exit_code == 2
    assert [line.partition(";")[0] for line in ended.stderr.splitlines()] == [
        "wrong.json:1: name: came 'Other'",
        "nowhere.yaml: cannot be read (No such file or directory)",
        "warning: documents/right.yaml:12: customHeaders.x-key: refers to a file, but secrets.directory is not set",
        "problems: 2, warnings: 1",
    ]
    assert "crm" in ended.stdout


def test_the_settings_name_the_documents_and_the_folder_of_secrets(folder: Path) -> None:
    (folder / "streams.yaml").write_text(
        "inputs: {memberships: m}\ndocuments: [documents]\nsecrets: {directory: secrets}\n"
    )
    (folder / "secrets").mkdir()
    (folder / "secrets/key").write_text(CANARY)
    ended = run(STREAMS_SECRET_X="s")

    assert ended.exit_code == 0
    assert ended.stderr == "problems: 0, warnings: 0\n"
    assert CANARY not in ended.output


def test_json_holds_all_of_it_for_scripts(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(WRONG)
    ended = run("documents", "wrong.yaml", "--output", "json")
    told = json.loads(ended.stdout)

    assert ended.exit_code == 2
    assert ended.stderr == ""
    assert told["problems"] == [
        {
            "where": "wrong.yaml:2",
            "key": "name",
            "what": "came 'Other'",
            "remedy": "expected 1 to 63 of a-z, 0-9 and '-'",
            "code": "wrong-value",
        }
    ]
    assert [warning["key"] for warning in told["warnings"]] == ["clientSecret", "customHeaders.x-key"]
    assert told["accounts"] == [
        {"name": "partner", "endpoint": "https://h/x?********", "authorization": "oauth2 (body)"}
    ]
    assert told["destinations"] == [
        {
            "name": "crm",
            "description": "Loyalty",
            "endpoint": "https://h/x?********",
            "authorization": "oauth2 (body)",
            "headers": ["x-key"],
            "marketingActions": [],
            "segments": [
                {"id": "a", "namespace": "ups", "name": None},
                {"id": "b", "namespace": "ups", "name": "Readers"},
            ],
            "attributes": [{"source": "person.email", "target": "person.email", "mandatory": False}],
        }
    ]


def test_without_files_and_settings_it_is_wrong_usage(folder: Path) -> None:
    ended = run()

    assert ended.exit_code == 2
    assert "name files of documents" in ended.stderr


def test_wrong_settings_end_with_2(folder: Path) -> None:
    (folder / "streams.yaml").write_text("input: {}\n")
    ended = run("documents")

    assert ended.exit_code == 2
    assert "streams.yaml:1: input: is not a known key; did you mean 'inputs'?" in ended.stderr


def test_the_schema_is_printed(folder: Path) -> None:
    ended = CliRunner().invoke(main, ["schema"])

    assert (ended.exit_code, json.loads(ended.stdout)) == (0, schema())


GOVERNED = """\
kind: policy
name: no-c2
marketingActions: Partner Exchange
deny: C2
status: enabled
---
kind: labels
name: ours
attributes: {person: C2}
---
kind: schema
name: union
paths: [person.email]
---
kind: destination
name: partner
account: {httpEndpoint: "https://h/"}
marketingActions: [Partner Exchange]
attributes: [person.email, person.emial]
"""
VIOLATED = (
    "C2 on person (in labels ours) -> attribute person.{0} -> destination partner -> Partner Exchange: policy no-c2 "
    "denies it where C2"
)


def test_what_policies_forbid_and_what_no_schema_knows_is_wrong(folder: Path) -> None:
    (folder / "governed.yaml").write_text(GOVERNED)

    ended = run("governed.yaml")
    told = json.loads(run("governed.yaml", "--output", "json").stdout)

    assert ended.exit_code == 2
    assert [line.partition(";")[0] for line in ended.stderr.splitlines()] == [
        "governed.yaml:19: attributes[1]: no union schema knows 'person.emial'",
        f"governed.yaml:19: attributes[0]: {VIOLATED.format('email')}",
        f"governed.yaml:19: attributes[1]: {VIOLATED.format('emial')}",
        "problems: 3, warnings: 0",
    ]
    assert [row.split()[:2] for row in ended.stdout.splitlines()[1:]] == [
        *(["destination", "partner"], ["policy", "no-c2"], ["labels", "ours"], ["schema", "union"]),
    ]
    assert [each["code"] for each in told["problems"]] == ["unknown-path", "policy-violation", "policy-violation"]
    assert [each["deny"] for each in told["policies"]] == ["C2"]
    assert [each["name"] for each in (*told["labels"], *told["schemas"])] == ["ours", "union"]
