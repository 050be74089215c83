"""``streams destinations test``: what an operator sees, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.exchanges import answering, mock_endpoint, mock_tokens, raw_server

CANARY = "canary-8d1c"
NO = b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "streams.yaml").write_text('inputs: {memberships: m}\negress: {allow: ["127.0.0.0/8"]}\n')
    return tmp_path


def _written(folder: Path, url: str, **account: str) -> str:
    document = {"kind": "destination", "name": "crm", "account": {"httpEndpoint": f"{url}?key={CANARY}", **account}}
    document |= {"segments": ["a"], "attributes": ["person.name"]}
    document |= {"customHeaders": {"x-key": {"value": "${env:STREAMS_SECRET_KEY}", "secret": True}}}
    (folder / "crm.yaml").write_text(json.dumps(document))
    return "crm.yaml"


async def _run(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "destinations", "test", *arguments),
        cwd=folder,
        env={**ours, "STREAMS_SECRET_KEY": CANARY, "STREAMS_SECRET_CLIENT": "demo"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), error.decode()


async def test_each_step_is_shown_with_its_time_and_no_secret(folder: Path) -> None:
    async with mock_endpoint() as mock, mock_tokens() as tokens:
        file = _written(
            folder,
            mock.url,
            authEndpoint=tokens.url,
            clientID="demo",
            clientSecret="${env:STREAMS_SECRET_CLIENT}",
        )
        code, out, error = await _run(folder, file)

    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"crm, endpoint {mock.url}?********"
    assert lines[5] == f"crm, token server {tokens.url}"
    steps = [line.split()[:2] for line in lines if line.startswith("  ") and " ms   " in line]
    assert steps == [
        *(["name", "passed"], ["egress", "passed"], ["connection", "passed"], ["tls", "skipped"]),
        *(["name", "passed"], ["egress", "passed"], ["connection", "passed"], ["tls", "skipped"]),
        *(["token", "passed"], ["sample", "passed"], ["delivery", "passed"]),
    ]
    assert f"    POST {mock.url}?********" in lines
    assert "    x-key: ********" in lines
    assert CANARY not in out + error
    assert "token-1" not in out
    assert dict(mock.requests[0].headers)["x-key"] == CANARY


async def test_a_step_that_fails_ends_with_1_and_says_what_to_do(folder: Path) -> None:
    async with raw_server(answering(NO)) as server:
        code, out, _ = await _run(folder, _written(folder, server.url))

    assert code == 1
    assert "403: delivery would pause this destination [forbidden]" in out
    assert out.splitlines()[-1].strip().startswith("-> Ask who runs the endpoint for the right")


async def test_json_holds_every_step_for_scripts(folder: Path) -> None:
    async with raw_server(answering(NO)) as server:
        code, out, _ = await _run(folder, _written(folder, server.url), "--output", "json")
    (told,) = json.loads(out)

    assert code == 1
    assert (told["name"], told["passed"]) == ("crm", False)
    assert [(each["step"], each["result"]) for each in told["steps"]][-2:] == [
        ("sample", "passed"),
        ("delivery", "failed"),
    ]
    assert told["steps"][-2]["request"]["body"]["person"] == {"name": "streams-sample"}
    assert CANARY not in out


async def test_nothing_is_delivered_where_that_is_not_wanted(folder: Path) -> None:
    async with mock_endpoint() as mock:
        code, out, _ = await _run(folder, _written(folder, mock.url), "--no-deliver")

    assert code == 0
    assert out.splitlines()[-1].split() == ["delivery", "skipped", "0", "ms", "not", "wanted"]
    assert mock.requests == []


async def test_without_settings_the_way_out_is_closed(folder: Path) -> None:
    (folder / "streams.yaml").unlink()
    async with mock_endpoint() as mock:
        code, out, _ = await _run(folder, _written(folder, mock.url))

    assert code == 1
    assert "127.0.0.1 is loopback, and egress.allow does not hold it" in out


def test_a_secret_that_is_not_here_ends_with_2(folder: Path) -> None:
    ended = CliRunner().invoke(main, ["destinations", "test", _written(folder, "http://h")])

    assert ended.exit_code == 2
    assert "STREAMS_SECRET_KEY is not set" in ended.stderr


def test_documents_without_a_destination_are_wrong_usage(folder: Path) -> None:
    (folder / "account.yaml").write_text("kind: account\nname: partner\nhttpEndpoint: http://h/\n")
    ended = CliRunner().invoke(main, ["destinations", "test", "account.yaml"])

    assert ended.exit_code == 2
    assert "there is no destination in these documents" in ended.stderr


def test_without_files_and_settings_it_is_wrong_usage(folder: Path) -> None:
    (folder / "streams.yaml").unlink()
    ended = CliRunner().invoke(main, ["destinations", "test"])

    assert ended.exit_code == 2
    assert "name destinations or files of documents" in ended.stderr
