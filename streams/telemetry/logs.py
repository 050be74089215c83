"""Where log lines go, and what they look like: one line of JSON each, or a coloured one for a terminal.

Lines of structlog and of the standard library's loggers (Faust, mode, aiokafka) have the same form and the same
stream; secrets are masked in all of them. A line that cannot be written is lost and counted: logging never fails who
logs.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson
import structlog

from streams import __version__
from streams.telemetry.masks import Masks
from streams.telemetry.repeats import Repeats, Withheld

Fields = MutableMapping[str, Any]
Render = Callable[[Fields], str]
Format = Literal["json", "console"]

QUIET = "aiokafka"
"""The loggers that repeat themselves many times a second while a broker is away, and that write records at DEBUG."""

SERVICE_MARK = "[^"
"""What mode's lines begin with; below WARNING they say that a service starts or stops, thirty times a start."""

CRASHES = ("Crashed reason=%r", "We experienced a crash! Reraising original exception...", "Error: %r")
"""What mode says of a crash, once for each service, with all that the error holds; we say it ourselves."""

FREE_TEXTS = ("reason", "trigger")
"""The fields of the canonical line whose text is not ours; its other fields are names, numbers and ids."""


class Writer:
    """Writes whole lines to a stream; ``lost`` counts those that it could not."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def write(self, line: str) -> None:
        """Write one line; a stream that is closed or full costs the line, not the record it tells of."""
        try:
            self._put(line)
        except UnicodeEncodeError:
            self.write("".join(c if c.isascii() else json.dumps(c)[1:-1] for c in line))
        except (OSError, ValueError):
            self.lost += 1

    def _put(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    debug = info = warning = error = critical = write


class Bridge(logging.Handler):
    """Brings the lines of the standard library's loggers to where ours go."""

    def __init__(self, tell: Callable[[Fields], None], repeats: Repeats, *, with_chatter: bool) -> None:
        super().__init__()
        self._tell, self._repeats = tell, repeats
        self._chatter = 0 if with_chatter else logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless it is chatter of services, repeated, or of a quiet logger and below WARNING."""
        self._summarize(self._repeats.over(record.created))
        if _is_of_a_service(record) and (record.levelno < self._chatter or str(record.msg).endswith(CRASHES)):
            return
        if record.name.split(".", 1)[0] == QUIET:
            if record.levelno < logging.WARNING:
                return
            if not self._repeats.admit((record.name, str(record.msg)), record.created):
                return
        self._tell(_fields_of(record))

    def close(self) -> None:
        """Say what was withheld until now."""
        self._summarize(self._repeats.end())
        super().close()

    def _summarize(self, withheld: list[Withheld]) -> None:
        for (logger, template), times in withheld:
            self._tell(
                {"level": "warning", "event": "log.repeated", "logger": logger, "message": template, "count": times}
            )


class Stamp:
    """Says the time as RFC 3339 in UTC; the part that stays the same for a second is made once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second, self._prefix = -1, ""

    def __call__(self) -> str:
        """Return the time with microseconds."""
        now = self._now()
        second = int(now)
        if second != self._second:
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._prefix}.{int((now - second) * 1_000_000):06d}Z"


class CanonicalLog:
    """Writes the line that each export ends with: often, so that it is cheap, and only its free texts are masked."""

    def __init__(
        self, level: int, render: Render, writer: Writer, mask: Callable[[str], str], stamp: Callable[[], str]
    ) -> None:
        self._level, self._render, self._write, self._mask, self._stamp = level, render, writer.write, mask, stamp

    def info(self, event: str, **fields: object) -> None:
        """Write what is as it should be."""
        if self._level <= logging.INFO:
            self._put("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        if self._level <= logging.WARNING:
            self._put("warning", event, fields)

    def _put(self, level: str, event: str, fields: dict[str, object]) -> None:
        for name in FREE_TEXTS:
            text = fields.get(name)
            if text:
                fields[name] = self._mask(str(text))
        self._write(self._render({"timestamp": self._stamp(), "level": level, "event": event, **fields}))


class Logs:
    """The logging of this process, from ``configure`` until ``close``."""

    def __init__(self, level: str, render: Render, writer: Writer, masks: Masks, now: Callable[[], float]) -> None:
        self.writer, self.masks = writer, masks
        self._render, self._stamp = render, Stamp(now)
        self._level = logging.getLevelNamesMapping()[level.upper()]
        self._bridge = Bridge(self._tell, Repeats(), with_chatter=self._level <= logging.DEBUG)
        self._before = (logging.root.level, logging.root.handlers[:], logging.getLogger(QUIET).level)
        self.canonical = CanonicalLog(self._level, render, writer, masks.memo, self._stamp)

    def _stamped(self, _: object, method: str, fields: Fields) -> Fields:
        return {"timestamp": self._stamp(), "level": method, "event": fields.pop("event", None), **fields}

    def _masked(self, _: object, __: str, fields: Fields) -> str:
        return self._render({name: self.masks.value(value) for name, value in fields.items()})

    def _tell(self, fields: Fields) -> None:
        self.writer.write(self._masked(None, "", self._stamped(None, fields.pop("level"), fields)))

    def start(self) -> None:
        """Take over structlog and the root logger."""
        structlog.configure(
            processors=[structlog.processors.format_exc_info, self._stamped, self._masked],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            logger_factory=lambda *_: self.writer,
            cache_logger_on_first_use=False,
        )
        logging.root.handlers[:] = [self._bridge]
        logging.root.setLevel(self._level)
        logging.getLogger(QUIET).setLevel(max(logging.WARNING, self._level))
        logging.captureWarnings(capture=True)

    def close(self) -> None:
        """Give the root logger and structlog back as they were found."""
        self._bridge.close()
        level, handlers, quiet = self._before
        logging.captureWarnings(capture=False)
        logging.root.setLevel(level)
        logging.root.handlers[:] = handlers
        logging.getLogger(QUIET).setLevel(quiet)
        structlog.reset_defaults()


def configure(
    level: str = "INFO",
    format: Format = "json",  # noqa: A002 - the setting is called so
    stream: TextIO | None = None,
    *,
    now: Callable[[], float],
    environ: Mapping[str, str] | None = None,
) -> Logs:
    """Log to *stream* (standard error) from now on; *now* is the wall clock, *environ* is asked for ``NO_COLOR``."""
    stream = stream or sys.stderr
    plain = bool((environ or {}).get("NO_COLOR")) or not stream.isatty()
    logs = Logs(level, render_json if format == "json" else console(colors=not plain), Writer(stream), Masks(), now)
    logs.start()
    return logs


def announce(settings: Mapping[str, object]) -> None:
    """Write the line that a worker starts with: its version and its settings, which come masked."""
    structlog.get_logger().info("worker.starting", version=__version__, settings=settings)


def render_json(fields: Fields) -> str:
    """Return *fields* as one line of JSON."""
    try:
        return orjson.dumps(fields).decode()
    except TypeError:  # a lone surrogate, an integer beyond 64 bits
        return json.dumps(fields, default=str)


def console(*, colors: bool) -> Render:
    """Return what renders a line for people; tracebacks never show local variables."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )

    def render(fields: Fields) -> str:
        return str(renderer(None, "", {name: _printable(value) for name, value in fields.items()}))

    return render


def _printable(value: object) -> object:
    """Return *value* without what would steer a terminal."""
    return (
        "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in value)
        if isinstance(value, str)
        else value
    )


def _is_of_a_service(record: logging.LogRecord) -> bool:
    return str(record.msg).startswith(SERVICE_MARK)


def _fields_of(record: logging.LogRecord) -> Fields:
    """Return a record's line as fields."""
    try:
        message = record.getMessage()
    except Exception:  # a template whose arguments do not fit is shown without them
        message = str(record.msg)
    fields: Fields = {"level": record.levelname.lower(), "event": message, "logger": record.name}
    if record.exc_info:
        fields["exc_info"] = record.exc_info
    return structlog.processors.format_exc_info(None, "", fields)
