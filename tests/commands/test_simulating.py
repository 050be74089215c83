"""``streams simulate`` in this process: files in, what would become of their records out, and no Kafka anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

DOCUMENT = """\
kind: destination
name: crm
account:
  httpEndpoint: https://api.example.com/v1
  authEndpoint: https://login.example.com/token
  clientID: streams
  clientSecret: ${env:STREAMS_SECRET_NOBODY_HAS}
segments: [readers]
attributes: [person.email]
"""
ENTERED = {"segmentMembership": {"ups": {"readers": {"lastQualificationTime": "2026-05-01T10:00:00Z"}}}}
LINES: list[dict[str, Any]] = [
    {"kind": "profile", "key": "amira", "value": {"person": {"email": "amira@example.com"}}},
    {"topic": "qualifications", "key": "amira", "value": ENTERED, "timestamp": "2026-05-01T10:00:01Z"},
]
NOW = ("--now", "2026-06-01T00:00:00Z")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crm.yaml").write_text(DOCUMENT)
    write(tmp_path, *LINES)
    return tmp_path


def write(folder: Path, *lines: dict[str, Any]) -> None:
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def simulate(*arguments: str, files: tuple[str, ...] = ("records.jsonl",), stdin: str = "") -> Result:
    from streams.cli import main  # noqa: PLC0415 - as late as the process would

    ended = CliRunner().invoke(main, ["simulate", *files, "--document", "crm.yaml", *arguments], input=stdin)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


def told(*arguments: str, **options: Any) -> list[dict[str, Any]]:
    ended = simulate(*NOW, "--output", "json", *arguments, **options)
    assert ended.exit_code == 0, ended.output
    steps: list[dict[str, Any]] = json.loads(ended.stdout)
    return steps


def test_what_scripts_read_is_whole_and_values_show_only_if_asked_for(folder: Path) -> None:
    first, second = told("--reveal")

    assert (first["where"], first["key"], first["end"]) == ("records.jsonl:1", "amira", "not-triggered")
    assert (second["timestamp"], second["now"]) == ("2026-05-01T10:00:01Z", "2026-06-01T00:00:00Z")
    (outcome,) = second["destinations"]
    (export,) = outcome["exports"]
    assert (outcome["destination"], outcome["end"], export["trigger"]) == ("crm", "activated", "entered")
    assert export["body"]["person"] == {"email": "amira@example.com"}
    masked = json.dumps(told())
    assert "amira" not in masked
    assert "<text, 17 characters>" in masked


def test_people_read_the_same(folder: Path) -> None:
    ended = simulate(*NOW)

    assert "crm: would be sent, trigger entered of readers" in ended.stdout
    assert "membership ups/readers: realized at 2026-05-01T10:00:00Z: written" in ended.stdout
    assert "amira" not in ended.stdout


def test_an_array_and_files_of_one_input_and_standard_input_are_taken(folder: Path) -> None:
    (folder / "array.json").write_text(json.dumps(LINES))
    for name, line in (("people", LINES[0]), ("in", LINES[1])):
        bare = {"key": line["key"], "payload": json.dumps(line["value"]), "ts": 1_780_000_000_000, "headers": []}
        (folder / f"{name}.jsonl").write_text(json.dumps(bare))
    ends = [each["end"] for each in told()]

    assert [each["end"] for each in told(files=("array.json",))] == ends
    assert [each["end"] for each in told(files=("profiles=people.jsonl", "qualifications=in.jsonl"))] == ends
    assert [each["end"] for each in told(files=("-",), stdin="\n".join(map(json.dumps, LINES)))] == ends


def test_a_line_may_move_the_clock(folder: Path) -> None:
    write(folder, {"now": "2026-04-01T00:00:00Z"}, *LINES)

    assert [each["decoded"]["reason"] for each in told()] == [None, "future-time"]
    assert simulate(*NOW, "--strict").exit_code == 1


def test_a_membership_ends_by_itself_when_the_clock_passes_its_end(folder: Path) -> None:
    ending = {"lastQualificationTime": "2026-05-01T10:00:00Z", "validUntil": "2026-07-01T00:00:00Z"}
    entered = {"segmentMembership": {"ups": {"readers": ending}}}
    clocks = [{"now": f"2026-{month:02}-02T00:00:00Z"} for month in (6, 7, 8)]
    write(folder, {"kind": "qualification", "key": "amira", "value": entered}, *clocks)

    entry, end, drop = told()

    assert entry["decoded"]["memberships"][0]["validUntil"] == "2026-07-01T00:00:00Z"
    assert (end["where"], end["decoded"]["kind"], end["end"]) == ("records.jsonl:3", "expiry", "activated")
    (export,) = end["destinations"][0]["exports"]
    assert export["body"]["segmentMembership"]["ups"]["readers"] == {
        "lastQualificationTime": "2026-07-01T00:00:00Z",
        "status": "exited",
    }
    assert (drop["where"], drop["decoded"]["memberships"]) == ("records.jsonl:4", [])
    assert "1 exits of more than 30 days" in drop["decoded"]["detail"]


def test_consent_decides_as_it_does_in_a_worker(folder: Path) -> None:
    (folder / "crm.yaml").write_text(DOCUMENT + "consent: {needs: [marketing.email]}\n")
    consents = [{"consents": {"marketing": {"email": {"val": val}}}, "person": {"email": "a@b"}} for val in "ny"]
    write(folder, *LINES, *({"kind": "profile", "key": "amira", "value": each} for each in consents))

    steps = told()

    assert [each["destinations"][0]["exclusion"] for each in steps[1:]] == ["consent", "consent", None]
    assert [export["trigger"] for export in steps[3]["destinations"][0]["exports"]] == ["consent"]


def test_a_policy_forbids_a_destination_and_what_apply_refuses_is_refused(folder: Path) -> None:
    labels = "kind: labels\nname: data\nattributes: {person.email: [I1]}\n"
    policy = "kind: policy\nname: no-i1\ndeny: I1\nstatus: enabled\nmarketingActions: [Email Targeting]\n"
    (folder / "crm.yaml").write_text(DOCUMENT + "marketingActions: [Email Targeting]\n")
    (folder / "rules.yaml").write_text(f"{labels}---\n{policy}")
    write(folder, LINES[0], {"documents": "rules.yaml"}, LINES[1])

    excluded = told()[1]["destinations"][0]
    refused = simulate("--document", "rules.yaml")

    assert (excluded["end"], excluded["exclusion"], excluded["exports"]) == ("excluded", "policy", [])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no-i1" in refused.stderr


def test_the_inputs_are_those_of_the_settings(folder: Path) -> None:
    declared = "{topic: audiences, segment: $.audience, time: $.at}"
    (folder / "streams.yaml").write_text(f"inputs: {{qualifications: {declared}, profiles: [people]}}\n")
    value = {"audience": "readers", "at": "2026-05-01T10:00:00Z"}
    write(folder, {"topic": "audiences", "key": "p", "value": value}, {"kind": "profile", "key": "p", "value": {}})

    first, second = told()

    assert first["destinations"][0]["exports"][0]["trigger"] == "entered"
    assert second["topic"] == "people"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"key": "p", "value": {}}, "records.jsonl:1: is a record of no topic"),
        ({"topic": "others", "key": "p"}, "is a record of 'others'; the inputs are qualifications, exits"),
        ({"topic": "exits", "key": 7}, "line 1 is no record"),
        ({"topic": "exits", "key": "p", "timestamp": "yesterday"}, "jsonl:1: expected a date, a time and a zone"),
    ],
)
def test_what_is_no_record_is_wrong_usage(folder: Path, line: dict[str, Any], why: str) -> None:
    write(folder, line)
    ended = simulate()

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert why in ended.stderr


def test_documents_that_are_wrong_and_files_that_are_not_there_are_told(folder: Path) -> None:
    assert "no input is called 'other'" in simulate(files=("other=records.jsonl",)).stderr
    assert "nowhere.jsonl" in simulate(files=("nowhere.jsonl",)).stderr
    (folder / "crm.yaml").write_text(DOCUMENT + "absense: omit\n")
    ended = simulate()
    assert ended.exit_code == 2
    assert "crm.yaml:10" in ended.stderr
