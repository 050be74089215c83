"""What holds of every command, those to come too: help that does not rot, exit codes, messages and no traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from click.testing import CliRunner, Result

from streams.commands.endings import Commands
from streams.configuration.problems import ConfigurationError, Problem
from streams.refusals import AccessError
from streams.topics.plan import TopicError
from tests.commands_told import Told, all_told, arguments_of, exit_codes_table, parsed

EVERY = list(all_told())
LEAVES = [told for told in EVERY if not told.is_group]
CONFIGURED = [told for told in LEAVES if "--config" in told.options]

LIST_NOTHING = {"streams worker", "streams schema"}
"""Every other command has ``--output``."""
NEED_NO_KAFKA = {
    *("streams worker", "streams settings", "streams destinations check", "streams destinations test"),
    "streams simulate",
}
"""They are given settings, and need no Kafka, or wait for it."""
SETTINGS = """\
app: shop
kafka: {bootstrapServers: "127.0.0.1:1"}
inputs: {memberships: memberships, profiles: [profiles]}
documents: [documents]
"""
DOCUMENT = """\
kind: destination
name: crm
account: {httpEndpoint: "https://api.example.com/v1"}
segments: [readers]
attributes: [person.email]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the working directory one that the examples may name."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STREAMS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "documents").mkdir()
    (tmp_path / "streams.yaml").write_text(SETTINGS)
    for path in ("crm.yaml", "documents/crm.yaml"):
        (tmp_path / path).write_text(DOCUMENT)
    return tmp_path


def run(*arguments: str) -> Result:
    from streams.cli import main  # noqa: PLC0415 - as late as the process would

    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("told", EVERY, ids=str)
def test_help_says_what_it_does_how_it_is_called_and_how_it_ends(told: Told) -> None:
    ended = run(*told.path, "--help")
    words = " ".join(ended.stdout.split())

    assert ended.exit_code == 0
    assert told.command.help
    assert told.examples
    assert {0, 2} <= told.codes.keys() <= {0, 1, 2}
    for text in (*told.examples, *told.codes.values()):
        assert " ".join(text.split()) in words
    assert [each.name for each in told.command.params if isinstance(each, click.Option) and not each.help] == []


@pytest.mark.parametrize("told", EVERY, ids=str)
def test_the_examples_are_taken_as_they_stand(told: Told, folder: Path) -> None:
    for example in told.examples:
        path = parsed(arguments_of(example))
        assert path[: len(told.path)] == told.path, example
        assert told.is_group or path == told.path, example


def test_an_example_that_has_rotten_is_told(folder: Path) -> None:
    for example in ("streams topics plann", "streams topics plan --ouput json", "streams gaps accept --partition x"):
        with pytest.raises(click.UsageError):
            parsed(arguments_of(example))


def test_what_lists_something_lists_it_for_people_and_for_scripts() -> None:
    without = {str(told) for told in LEAVES if "--output" not in told.options}

    assert without == LIST_NOTHING


@pytest.mark.parametrize("told", LEAVES, ids=str)
def test_an_unknown_option_is_wrong_usage(told: Told, folder: Path) -> None:
    ended = run(*arguments_of(told.examples[0]), "--no-such-option")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "--no-such-option" in ended.stderr


@pytest.mark.parametrize("told", CONFIGURED, ids=str)
def test_wrong_settings_end_with_2_and_all_that_is_wrong(told: Told, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("inputs: {memberships: m}\nhttp: {prot: 8080}\nmerge: oldest\n")

    ended = run(*arguments_of(told.examples[0]), "--config", "wrong.yaml")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "wrong.yaml:2: http.prot" in ended.stderr
    assert "wrong.yaml:3: merge" in ended.stderr
    assert isinstance(ended.exception, SystemExit)


ASKING = [told for told in CONFIGURED if str(told) not in NEED_NO_KAFKA]


@pytest.mark.parametrize("told", ASKING, ids=str)
def test_where_no_kafka_answers_it_says_so_in_a_line(told: Told, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in [*sys.modules.items()]:
        if name.startswith("streams.") and hasattr(module, "ANSWER_SECONDS"):
            monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)

    ended = run(*arguments_of(told.examples[0]))

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "127.0.0.1:1 cannot be reached" in ended.stderr.splitlines()[-1]
    assert ended.stderr.rstrip().endswith("[broker-away]")
    assert isinstance(ended.exception, SystemExit)


async def test_ctrl_c_is_no_traceback(folder: Path) -> None:
    """The broker takes the connection and says nothing, so that the command waits."""
    asked: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    silent = await asyncio.start_server(lambda _, writer: asked.put_nowait(writer), "127.0.0.1", 0)
    (folder / "streams.yaml").write_text(SETTINGS.replace(":1", f":{silent.sockets[0].getsockname()[1]}"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "status"), stderr=asyncio.subprocess.PIPE
    )
    async with silent:
        connection = await asyncio.wait_for(asked.get(), 60)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 60)
        connection.close()
        await connection.wait_closed()

    assert (process.returncode, err.decode()) == (1, "interrupted\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ConfigurationError([Problem("a.yaml:1", "is wrong", "mend it")]),
            2,
            "a.yaml:1: is wrong; mend it [wrong-value]",
        ),
        (AccessError("kafka-1:9092 refuses the login"), 2, "kafka-1:9092 refuses the login"),
        (TopicError(["topic a has 3 partitions", "topic b"]), 2, "topic a has 3 partitions\ntopic b"),
        (KafkaConnectionError("why"), 1, "Kafka refused: KafkaConnectionError: why [kafka-refused]"),
        (TopicAuthorizationFailedError(), 1, "TopicAuthorizationFailedError [not-authorized]"),
        (TimeoutError(), 1, "Kafka did not answer in time [kafka-refused]"),
        (PermissionError(13, "Permission denied", "a.yaml"), 1, "[Errno 13] Permission denied: 'a.yaml'"),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (KeyboardInterrupt(), 1, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_keeps_a_command_from_its_work_is_a_message(error: BaseException, code: int, said: str) -> None:
    @click.group(cls=Commands)
    def commands() -> None:
        pass

    @commands.command()
    def fail() -> None:
        raise error

    ended = CliRunner().invoke(commands, ["fail"])

    assert (ended.exit_code, ended.stdout) == (code, "")
    assert ended.stderr.strip().endswith(said)


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured(environ: dict[str, str], coloured: bool) -> None:
    @click.group(cls=Commands)
    def commands() -> None:
        pass

    @commands.command()
    def paint() -> None:
        click.echo(click.style("red", fg="red"))

    ended = CliRunner().invoke(commands, ["paint"], color=True, env={"NO_COLOR": None, **environ})

    assert ("\x1b" in ended.stdout) is coloured


def test_the_exit_codes_are_told_in_one_table() -> None:
    rows = exit_codes_table().splitlines()[2:]

    assert len(rows) == len(LEAVES)
    assert all(row.count(" | ") == 3 for row in rows)
