"""``streams simulate`` on every golden case: the records that are taken lead to the exports that were typed by hand."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.golden_cases import APPLIED, GOLDEN, Input, cases, expected, inputs


def told(moment: datetime) -> str:
    """Return a time as lines and options have it."""
    return moment.isoformat().replace("+00:00", "Z")


def line_of(given: Input) -> str:
    """Return an input as a line of a file."""
    if given.documents is not None:
        return json.dumps({"now": told(APPLIED + timedelta(days=1)), "documents": given.documents})
    if given.passes is not None:
        return json.dumps({"now": given.passes})
    value = {"value": None} if given.record is None else {"payload": given.record.decode()}
    clock = {"timestamp": given.timestamp, "now": given.now or given.timestamp}
    return json.dumps({"topic": given.topic, "key": given.profile, **clock, **value})


@pytest.mark.parametrize("case", cases(), ids=lambda path: path.name)
def test_each_case_leads_to_what_was_typed(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.cli import main  # noqa: PLC0415 - as late as the process would

    shutil.copytree(case, tmp_path / "case")
    monkeypatch.chdir(tmp_path / "case")
    Path("records.jsonl").write_text("\n".join(map(line_of, inputs(case))) + "\n")
    own = "streams.yaml" if Path("streams.yaml").exists() else str(GOLDEN / "streams.yaml")
    options = ("--config", own, "--document", str(GOLDEN / "account.yaml"), "--document", "destinations.yaml")
    clock = ("--now", told(APPLIED))

    ended = CliRunner().invoke(main, ["simulate", "records.jsonl", *options, *clock, "--reveal", "--output", "json"])

    assert ended.exit_code == 0, ended.output
    taken: list[dict[str, Any]] = json.loads(ended.stdout)
    wanted = [it for it in expected(case) if it.end not in ("applied", "nothing-due")]
    for number, (step, it) in enumerate(zip(taken, wanted, strict=True), 1):
        bodies = {each["destination"]: each["exports"] for each in step["destinations"] if each["exports"]}
        excluded = {each["destination"]: each["exclusion"] for each in step["destinations"] if each["exclusion"]}
        found = (step["end"], step["decoded"]["reason"], excluded)
        assert found == (it.end, it.reason, it.excluded), f"record {number}"
        assert {name: json.loads(bytes(body)) for name, body in it.exports.items()} == {
            name: exports[-1]["body"] for name, exports in bodies.items()
        }, f"record {number}"
        assert {name: exports[-1]["trigger"] for name, exports in bodies.items()} == it.triggers, f"record {number}"
