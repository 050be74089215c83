"""The demo as a user runs it, a process on the embedded broker: what arrives, what is told, and that nothing stays."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from streams.demo.broker import MissingExtraError, broker_binary

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(300)]

EXAMPLE = {
    "person": {"email": "yourstruly@adobe.con"},
    "segmentMembership": {
        "ups": {
            "7841ba61-23c1-4bb3-a495-00d3g5fe1e93": {
                "lastQualificationTime": "2020-05-25T21:24:39Z",
                "status": "exited",
            },
            "59bd2fkd-3c48-4b18-bf56-4f5c5e6967ae": {
                "lastQualificationTime": "2020-05-25T23:37:33Z",
                "status": "existing",
            },
        }
    },
    "identityMap": {
        "ecid": [{"id": "14575006536349286404619648085736425115"}, {"id": "66478888669296734530114754794777368480"}],
        "email_lc_sha256": [
            {"id": "655332b5fa2aea4498bf7a290cff017cb4"},
            {"id": "66baf76ef9de8b42df8903f00e0e3dc0b7"},
        ],
    },
}
URL = re.compile(r"http://127\.0\.0\.1:\d+/v1/profiles\?source=streams&region=north%20west&tag=loyalty&tag=vip")
WITHIN_SECONDS = 90
README = Path(__file__).parents[2] / "README.md"
AROUND = {"TERM": "xterm", "STREAMS_APP": "not-for-the-demo"}


class Demo:
    """One run, with a folder of its own for temporary files and a mark by which its processes are known."""

    def __init__(self, folder: Path, *arguments: str, stdout: int = subprocess.PIPE, **environ: str) -> None:
        self.folder, self._mark = folder, f"DEMO_TEST={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams", "demo", *arguments],
            env={**os.environ, **AROUND, **environ, name: value, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def ended(self) -> tuple[int, str, str]:
        """Wait for the end; return exit code, standard output and standard error."""
        out, err = self.process.communicate(timeout=WITHIN_SECONDS)
        return self.process.returncode, (out or b"").decode(), err.decode()

    def said(self, word: str) -> str:
        """Wait until a line on standard error holds *word*, and return it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if word in line.decode():
                return line.decode()
        raise AssertionError(f"the demo ended without saying {word!r}")

    def processes(self) -> list[int]:
        """The processes of this run that are alive."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._mark in _environ(path)]

    def leaves_nothing(self) -> bool:
        """Whether no process and no file of this run is left."""
        deadline = time.monotonic() + 2.0  # what was killed is gone when the kernel has taken note of it
        while self.processes() and time.monotonic() < deadline:
            os.sched_yield()
        return not self.processes() and not list(self.folder.iterdir())


def _environ(process: Path) -> list[str]:
    try:
        return (process / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    try:
        broker_binary()
    except MissingExtraError as missing:
        pytest.skip(str(missing))
    started: list[Demo] = []

    def start(*arguments: str, **options: Any) -> Demo:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Demo(folder, *arguments, **options))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.communicate()
        for pid in run.processes():
            os.kill(pid, signal.SIGKILL)


def requests_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def about(requests: list[dict[str, Any]], identity: str) -> list[dict[str, Any]]:
    return [request for request in requests if identity in json.dumps(request["body"])]


def story(text: str) -> list[str]:
    """Return the lines of the acts, without what differs from run to run: times, how often was tried, who was first."""
    told = re.split("\nWhat crm|\nBooks", text.partition("answered\n")[2])[0]
    told = re.sub(r"paused by \S+:", "paused by me@here:", told)
    told = re.sub(r"\b503 x\d+", "503 x3", re.sub(r"\d\d:\d\d:\d\d", "00:00:00", told))
    return sorted(line.rstrip() for line in told.splitlines() if line.strip())


def books(text: str) -> str:
    """Return the books without the requests, of which an endpoint that fails gets more or fewer."""
    return text.partition("\nBooks")[2].partition("\n   requests")[0]


def test_the_published_example_arrives_exactly_and_the_books_close(demo: Callable[..., Demo]) -> None:
    run = demo("--once", "--output", "json")

    code, out, err = run.ended()

    assert code == 0, err
    requests = requests_of(out)
    last = about(requests, "14575006536349286404619648085736425115")[-1]
    assert last["body"] == EXAMPLE
    assert last["method"] == "POST"
    assert URL.fullmatch(last["url"])
    assert [last["headers"][name] for name in ("header1", "header2", "headerN")] == ["value1", "value2", "valueN"]
    assert last["headers"]["Authorization"].startswith("Bearer ")
    assert [r["body"]["points"] for r in about(requests, "A-1001")] == [123456789012345678901234567890] * 2
    assert len(about(requests, "A-1002")) == 2, "a request that gets a 503 is made again"
    assert len({r["headers"]["Idempotency-Key"] for r in about(requests, "A-1002")}) == 1
    assert len(about(requests, "A-1004")) == 1, "a profile that comes late heals its entry"
    keys = [r["headers"]["Idempotency-Key"] for r in about(requests, "A-1005")]
    assert len(keys) > 4, "an endpoint that fails is tried again"
    assert [key for key, _ in groupby(keys)] == list(dict.fromkeys(keys)), "and in order per profile"
    assert "They close: 23 records sent, 23 ended; 14 exports = 13 delivered + 1 dead-lettered." in err
    assert f"{len(requests)} requests received, 13 of them answered 2xx." in err
    assert "malformed: invalid-json" in err
    assert "excluded: mandatory-attribute-missing" in err
    assert "\x1b" not in err
    assert run.leaves_nothing()
    readme = README.read_text()
    assert story(readme) == story(err), "the README shows a run as it is: copy one into it"
    assert books(readme) == books(err)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("demo", signal.SIGTERM),
        ("broker", signal.SIGTERM),
        ("endpoint", signal.SIGTERM),
        ("503", signal.SIGTERM),
        ("broker", signal.SIGHUP),
        ("1  Profiles", signal.SIGINT),
    ],
)
def test_a_signal_at_any_moment_leaves_nothing(demo: Callable[..., Demo], moment: str, number: signal.Signals) -> None:
    run = demo("--once", "--output", "json")

    run.said(moment)
    run.process.send_signal(number)
    run.said("Stopped; nothing is left.")

    assert set(run.processes()) <= {run.process.pid}, "it says so when all has been stopped in order"
    assert run.ended()[0] == 1
    assert run.leaves_nothing()


def test_a_ctrl_c_that_reaches_all_processes_of_the_terminal_stops_them_in_order(demo: Callable[..., Demo]) -> None:
    run = demo("--once", "--output", "json")
    run.said("503")

    os.killpg(run.process.pid, signal.SIGINT)

    code, _, err = run.ended()
    assert code == 1
    assert re.search(r"\nStopping \.\.\.\n(   .+\n)*Stopped; nothing is left\.\n\Z", err)
    assert run.leaves_nothing()


def test_a_worker_that_dies_ends_the_demo_with_its_last_lines(demo: Callable[..., Demo]) -> None:
    run = demo("--once", "--output", "json")

    worker = re.search(r"pid (\d+)", run.said("streams worker, pid"))
    assert worker is not None
    os.kill(int(worker[1]), signal.SIGKILL)

    code, _, err = run.ended()
    assert code == 1
    assert "the worker ended by itself with exit code -9; its last lines:" in err
    assert re.search(r"its last lines:\n   \d{4}-\d\d-\d\dT.* \[info", err)
    assert run.leaves_nothing()


def test_a_killed_demo_takes_its_processes_with_it(demo: Callable[..., Demo]) -> None:
    run = demo("--once", "--output", "json")
    run.said("1  Profiles")

    run.process.kill()
    run.process.communicate()

    deadline = time.monotonic() + 10
    while run.processes() and time.monotonic() < deadline:
        os.sched_yield()
    assert run.processes() == []


@pytest.mark.parametrize("arguments", [("--once",), ("--once", "--output", "json")])
def test_who_reads_it_may_leave_and_nothing_stays(demo: Callable[..., Demo], arguments: tuple[str, ...]) -> None:
    run = demo(*arguments)
    assert run.process.stdout is not None
    run.process.stdout.readline()
    run.process.stdout.close()

    assert run.process.stderr is not None
    assert "Traceback" not in run.process.stderr.read().decode()
    assert run.process.wait() == 1
    assert run.leaves_nothing()


class Terminal:
    """A terminal that a run writes on; it is always read, as a real one is."""

    def __init__(self, demo: Callable[..., Demo], *arguments: str, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        self.run = demo(*arguments, stdout=theirs, **environ)
        os.close(theirs)
        self._shown, self._changed = b"", threading.Condition()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def until(self, word: bytes) -> bytes:
        """Wait until *word* is shown, and return all that is."""
        with self._changed:
            assert self._changed.wait_for(lambda: word in self._shown, WITHIN_SECONDS), self._shown.decode()
            return self._shown

    def ended(self) -> int:
        """Wait for the end of the run, and return its exit code."""
        code, _, _ = self.run.ended()
        self._reading.join()
        os.close(self._ours)
        return code

    def _read(self) -> None:
        with suppress(OSError):  # the other side is closed
            while piece := os.read(self._ours, 4096):
                with self._changed:
                    self._shown += piece
                    self._changed.notify_all()


def _plain(shown: bytes) -> str:
    """Return what was shown without colours and what moves the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n")


def test_on_a_terminal_it_says_that_it_runs_until_ctrl_c_and_does(demo: Callable[..., Demo]) -> None:
    terminal = Terminal(demo)

    shown = terminal.until(b"ada-1 ")
    lines = re.findall(r"^ +(\S*streams (?:status|destinations \w+|re-export) .*)$", _plain(shown), re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        told = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False, timeout=WITHIN_SECONDS)
        assert told.returncode == 0, f"{line}: {told.stderr}"
        assert "newsletter" in told.stdout or "demo.commands" in told.stdout, "it reaches what runs"
    terminal.until(b"  re-export")
    terminal.run.process.send_signal(signal.SIGINT)
    terminal.run.process.send_signal(signal.SIGINT)
    shown = terminal.until(b"nothing is left")

    assert terminal.ended() == 0
    assert b"Runs until Ctrl-C." in shown.splitlines()[0]
    assert b"They close: " in shown
    assert terminal.run.leaves_nothing()


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "xterm"), ("NO_COLOR", "1")])
def test_a_terminal_is_drawn_on_as_it_wants(demo: Callable[..., Demo], name: str, value: str) -> None:
    terminal = Terminal(demo, "--once", **{name: value})

    shown = terminal.until(b"They close: ")

    assert terminal.ended() == 0
    assert (b"\x1b[3" in shown) is (value == "xterm"), "colours"
    assert (b"\x1b[?25l" in shown) is (value != "dumb"), "drawn again in place"
