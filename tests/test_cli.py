"""The command keeps its word: exit codes, all errors at once on standard error, masked settings, no invented colour."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streams import __version__

SETTINGS = """\
app: shop
kafka: {bootstrapServers: "127.0.0.1:1"}
inputs: {memberships: memberships, profiles: [profiles]}
documents: [crm.yaml]
"""
DOCUMENT = """\
kind: destination
name: crm
account: {httpEndpoint: "https://api.example.com/v1?key=do-not-tell"}
segments: [readers]
attributes: [person.email]
"""


def streams(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with no setting of the caller's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        cwd=cwd,
        env={**inherited, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "streams.yaml").write_text(SETTINGS)
    (tmp_path / "crm.yaml").write_text(DOCUMENT)
    return tmp_path


def test_the_version_is_told(tmp_path: Path) -> None:
    ended = streams("--version", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (0, f"streams {__version__}\n")


def test_the_help_names_the_commands_and_the_exit_codes(tmp_path: Path) -> None:
    ended = streams("--help", cwd=tmp_path)

    assert ended.returncode == 0
    for word in ("worker", "settings", "topics", "demo", "2 wrong usage or configuration"):
        assert word in " ".join(ended.stdout.split())


def test_an_unknown_command_is_wrong_usage(tmp_path: Path) -> None:
    ended = streams("wroker", cwd=tmp_path)

    assert ended.returncode == 2
    assert ended.stdout == ""


@pytest.mark.parametrize("command", [("worker",), ("settings",), ("topics", "plan"), ("topics", "apply")])
def test_a_wrong_configuration_ends_with_2_and_all_errors_on_standard_error(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "wrong.yaml").write_text("inputs: {profiles: [profiles]}\nhttp: {prot: 8080}\nmerge: oldest\n")

    ended = streams(*command, "--config", "wrong.yaml", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "wrong.yaml:2: http.prot" in ended.stderr
    assert "wrong.yaml:3: merge" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_settings_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    ended = streams("settings", "--config", "none.yaml", cwd=tmp_path)

    assert ended.returncode == 2
    assert "none.yaml" in ended.stderr


def test_a_wrong_document_ends_the_worker_with_2_before_it_reaches_out(folder: Path) -> None:
    (folder / "crm.yaml").write_text(DOCUMENT.replace("segments:", "segmnets:"))

    ended = streams("worker", cwd=folder)

    assert ended.returncode == 2
    assert "crm.yaml:4" in ended.stderr


def test_a_name_that_no_destination_can_have_is_wrong_usage(folder: Path) -> None:
    ended = streams("worker", "--destination", "CRM!", cwd=folder)

    assert ended.returncode == 2
    assert "'CRM!'" in ended.stderr


def test_choosing_a_destination_for_activation_alone_is_wrong_usage(folder: Path) -> None:
    ended = streams("worker", "--stage", "activation", "--destination", "crm", cwd=folder)

    assert ended.returncode == 2
    assert "--destination" in ended.stderr


def test_the_file_in_the_working_directory_is_read_when_none_is_named(folder: Path) -> None:
    ended = streams("settings", "--output", "json", cwd=folder)

    assert json.loads(ended.stdout)["app"] == "shop"


def test_the_environment_wins_over_the_file(folder: Path) -> None:
    ended = streams("settings", "--output", "json", cwd=folder, STREAMS_APP="kiosk")

    assert json.loads(ended.stdout)["app"] == "kiosk"


def test_settings_are_shown_by_their_dotted_names_with_their_origins_uncut_and_uncoloured(folder: Path) -> None:
    long = "https-proxy-" + "x" * 200
    ended = streams("settings", cwd=folder, STREAMS_STATE_DIRECTORY=long, COLUMNS="40")

    shown = {line.split()[0]: line.split()[1:] for line in ended.stdout.splitlines()}
    assert shown["app"] == ["shop", "streams.yaml:1"]
    assert shown["state.directory"] == [long, "STREAMS_STATE_DIRECTORY"]
    assert shown["inputs.memberships.topic"] == ["memberships", "streams.yaml:3"]
    assert shown["http.port"] == ["8080", "default"]
    assert "\x1b" not in ended.stdout


def test_what_is_probably_not_meant_is_logged_once_when_a_worker_starts(folder: Path) -> None:
    (folder / "crm.yaml").write_text(DOCUMENT.replace("person.email", "person.name.firstName"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = streams("worker", cwd=folder, STREAMS_HTTP_PORT=str(taken.getsockname()[1]))

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["worker.starting", "document.warning", "worker.refused"]
    assert (lines[1]["level"], lines[1]["where"]) == ("warning", "crm.yaml:5")
    assert "identifier" in lines[1]["problem"]


def test_what_is_probably_not_meant_is_a_warning_with_its_place(folder: Path) -> None:
    (folder / "crm.yaml").write_text(DOCUMENT.replace("person.email", "person.name.firstName"))

    ended = streams("topics", "plan", cwd=folder)

    assert ended.stderr.startswith("warning: ")
    assert "crm.yaml" in ended.stderr
    assert "identifier" in ended.stderr
