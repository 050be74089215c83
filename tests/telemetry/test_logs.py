from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import StringIO, TextIOWrapper
from pathlib import Path

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from streams import __version__
from streams.secrets import MASK, Secret
from streams.telemetry import logs

NOW = 1_764_000_000.25
SECRETS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=40).map("Zq7-".__add__)
"""Secrets that begin with what no line holds by itself, so that any trace of one is one."""

Line = dict[str, object]


@contextmanager
def logging_to(
    stream: StringIO, *, level: str = "INFO", form: logs.Format = "json", environ: dict[str, str] | None = None
) -> Iterator[logs.Logs]:
    configured = logs.configure(level, form, stream, now=lambda: NOW, environ=environ)
    try:
        yield configured
    finally:
        configured.close()


def lines(stream: StringIO) -> list[Line]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]  # splitlines() splits at U+0085 too


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def a_record(
    name: str, message: str, *args: object, at: float = 0.0, level: int = logging.WARNING
) -> logging.LogRecord:
    record = logging.LogRecord(name, level, __file__, 1, message, args, None)
    record.created = at
    return record


def test_a_line_is_one_json_object_with_its_time_level_and_event() -> None:
    stream = StringIO()
    with logging_to(stream):
        structlog.get_logger().info("destination.added", destination="crm", attempts=3, text="two\nlines")

    assert lines(stream) == [
        {
            "timestamp": "2025-11-24T16:00:00.250000Z",
            "level": "info",
            "event": "destination.added",
            "destination": "crm",
            "attempts": 3,
            "text": "two\nlines",
        }
    ]


@pytest.mark.parametrize("name", ["faust.worker", "mode.services", "aiokafka.consumer.fetcher"])
def test_a_library_that_logs_is_rendered_as_we_are(name: str) -> None:
    stream = StringIO()
    with logging_to(stream):
        logging.getLogger(name).warning("lost %s of %d", "partition", 3)

    (line,) = lines(stream)
    assert line.keys() == {"timestamp", "level", "event", "logger"}
    assert (line["level"], line["event"], line["logger"]) == ("warning", "lost partition of 3", name)


def test_an_exception_is_shown_with_its_traceback_and_without_local_variables() -> None:
    for form in ("json", "console"):
        stream = StringIO()
        with logging_to(stream, form="json" if form == "json" else "console"):
            try:
                body = "anna@" + "example.com"
                raise ValueError(f"no such thing among {len(body)}")
            except ValueError:
                structlog.get_logger().exception("delivery.crashed")
                logging.getLogger("faust").exception("agent crashed")

        assert stream.getvalue().count("ValueError: no such thing among 16") == 2
        assert "anna@example.com" not in stream.getvalue()


def test_a_level_silences_what_is_below_it_in_all_loggers() -> None:
    stream = StringIO()
    with logging_to(stream, level="warning") as configured:
        structlog.get_logger().info("quiet")
        configured.canonical.info("export.ended")
        logging.getLogger("faust").info("quiet")
        structlog.get_logger().warning("loud")
        configured.canonical.warning("export.ended")
        logging.getLogger("faust").warning("loud")

    assert [line["event"] for line in lines(stream)] == ["loud", "export.ended", "loud"]


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_aiokafka_never_logs_below_warning(level: str) -> None:
    stream = StringIO()
    child = logging.getLogger("aiokafka.cluster")
    with logging_to(stream, level=level):
        child.debug("Received cluster metadata")
        child.setLevel(logging.DEBUG)
        child.debug("records: %s", b"anna@example.com")
        child.info("Updated")
        child.setLevel(logging.NOTSET)
        child.error("gone")

    assert [line["event"] for line in lines(stream)] == ["gone"]


def test_what_aiokafka_repeats_is_shown_five_times_then_counted() -> None:
    stream = StringIO()
    with logging_to(stream):
        (bridge,) = logging.root.handlers
        for number in range(100):
            bridge.handle(a_record("aiokafka.conn", "cannot connect to %s", f"broker-{number}", at=number / 20))
        before = len(lines(stream))
        bridge.handle(a_record("faust", "something else", at=11))
        bridge.handle(a_record("aiokafka.conn", "cannot connect to %s", "broker-0", at=12))

    said = [line["event"] for line in lines(stream)]
    assert before == 5
    assert said[5:] == ["log.repeated", "something else", "cannot connect to broker-0"]
    assert (
        lines(stream)[5].items() >= {"message": "cannot connect to %s", "count": 95, "logger": "aiokafka.conn"}.items()
    )


def test_what_was_withheld_is_said_at_the_end() -> None:
    stream = StringIO()
    with logging_to(stream):
        for _ in range(7):
            logging.getLogger("aiokafka").error("gone")

    assert [line.get("count") for line in lines(stream)] == [None] * 5 + [2]


def test_other_libraries_are_not_limited() -> None:
    stream = StringIO()
    with logging_to(stream):
        for _ in range(20):
            logging.getLogger("faust").error("gone")
            logging.getLogger("aiokafkaesque").error("gone")

    assert len(lines(stream)) == 40


@given(
    secret=SECRETS,
    around=st.text(max_size=10).filter(lambda text: "Zq7-" not in text),
    form=st.sampled_from(["json", "console"]),
)
@example(secret="Zq7-'0", around='"', form="json")
@example(secret="Zq7-'é", around='"', form="console")
def test_no_line_shows_a_secret(secret: str, around: str, form: logs.Format) -> None:
    stream = StringIO()
    with logging_to(stream, form=form) as configured:
        configured.masks.hide(Secret(secret))
        text = f"<{around}{secret}{around}>"
        log = structlog.get_logger()
        log.info("token.refused", reason=text, nested={"header": [text], text: 1}, error=ValueError(text))
        log.info(text)
        log.bind(bound=text).warning("bound")
        configured.canonical.warning("export.ended", reason=text, trigger=text)
        logging.getLogger("faust").error("failed: %s", text)
        logging.getLogger("faust").error(text)
        logging.getLogger("aiokafka").error("failed: %r", {"password": text})
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("crashed")
            logging.getLogger("mode").exception("crashed")

    shown = stream.getvalue()
    for written in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        assert written.strip("\"'") not in shown
    assert "Zq7-" not in shown
    assert shown.count(MASK) >= 13
    assert form == "console" or {line["event"] for line in lines(stream)} >= {"token.refused", "export.ended"}


def test_known_secrets_are_masked_and_the_line_stays_whole() -> None:
    stream = StringIO()
    with logging_to(stream) as configured:
        for secret in ('quo"te\\d', '":"', "true", "12345678", "hunter22"):
            configured.masks.hide(secret)
        structlog.get_logger().info("shown", a='quo"te\\d', b=12345678, c=True, d="x?secret=hunter22&y")

    (line,) = lines(stream)
    assert (line["a"], line["b"], line["c"], line["d"]) == (MASK, MASK, True, f"x?secret={MASK}&y")


def test_the_colours_of_a_terminal_are_off_where_no_color_asks_for_it() -> None:
    for stream, environ, coloured in (
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (StringIO(), {}, False),
    ):
        with logging_to(stream, form="console", environ=environ):
            structlog.get_logger().info("worker.started", port=8080)

        assert ("\x1b[" in stream.getvalue()) is coloured
        assert "worker.started" in stream.getvalue()


def test_text_from_outside_does_not_steer_the_terminal() -> None:
    stream = StringIO()
    with logging_to(stream, form="console"):
        structlog.get_logger().info("refused", reason="\x1b[2Jgone\r\x07")
        logging.getLogger("faust").error("the broker said \x1b[2J%s", "\x9b2J\r")

    assert not {"\x1b", "\x9b", "\r", "\x07"} & set(stream.getvalue())


def test_what_json_cannot_say_is_still_a_line() -> None:
    stream = StringIO()
    with logging_to(stream):
        structlog.get_logger().info("odd", half="\ud800", big=10**40, body=b"anna", path=Path("data"), keys={1: 2})

    (line,) = lines(stream)
    assert (line["big"], line["body"], line["path"], line["keys"]) == (10**40, "<4 bytes>", "data", {"1": 2})


def test_a_template_whose_arguments_do_not_fit_is_shown_without_them() -> None:
    stream = StringIO()
    with logging_to(stream):
        logging.root.handlers[0].handle(a_record("faust", "%d of %d", "anna@example.com"))

    assert [line["event"] for line in lines(stream)] == ["%d of %d"]


def test_a_stream_that_is_gone_costs_lines_and_fails_nobody() -> None:
    stream = StringIO()
    with logging_to(stream) as configured:
        stream.close()
        structlog.get_logger().info("lost")
        configured.canonical.info("export.ended")
        logging.getLogger("faust").error("lost")

        assert configured.writer.lost == 3


def test_a_full_disk_costs_lines_and_fails_nobody() -> None:
    class Full(StringIO):
        def write(self, _: str, /) -> int:
            raise OSError(28, "No space left on device")

    with logging_to(Full()) as configured:
        configured.canonical.info("export.ended")

        assert configured.writer.lost == 1


def test_a_stream_that_cannot_encode_a_text_gets_it_escaped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w", encoding="ascii") as stream:
        configured = logs.configure("INFO", "json", stream, now=lambda: NOW)
        structlog.get_logger().info("accepted", name="Zoë")
        configured.close()

    assert isinstance(stream, TextIOWrapper)
    assert json.loads(path.read_text())["event"] == "accepted"


def test_warnings_of_python_are_lines_too() -> None:
    stream = StringIO()
    with warnings.catch_warnings(), logging_to(stream):
        warnings.simplefilter("always")
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "old way" in str(line["event"])


def test_closing_gives_the_loggers_back() -> None:
    before = (logging.root.level, logging.root.handlers[:], logging.getLogger("aiokafka").level)
    with logging_to(StringIO(), level="DEBUG"):
        assert logging.root.handlers != before[1]

    assert (logging.root.level, logging.root.handlers[:], logging.getLogger("aiokafka").level) == before
    assert not structlog.is_configured()


def test_a_worker_starts_with_its_version_and_its_masked_settings() -> None:
    stream = StringIO()
    with logging_to(stream):
        logs.announce(
            {"app": "streams", "kafka": {"bootstrapServers": ["localhost:9092"], "password": Secret("hunter22")}}
        )

    (line,) = lines(stream)
    assert (line["event"], line["version"]) == ("worker.starting", __version__)
    assert line["settings"] == {
        "app": "streams",
        "kafka": {"bootstrapServers": ["localhost:9092"], "password": MASK},
    }


@given(st.floats(0, 4e9, allow_nan=False))
def test_a_time_is_rfc3339_to_the_microsecond(at: float) -> None:
    shown = logs.Stamp(lambda: at)()

    assert abs(datetime.fromisoformat(shown).timestamp() - at) < 2e-6
    assert shown.endswith("Z")
