"""A Kafka node run from its jars: formatted once, then started, stopped and killed on the same port and data."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from streams.demo.processes import free_ports
from tests.brokers.answers import wait_until_it_answers
from tests.brokers.children import spawn
from tests.brokers.properties import as_text, server_properties

_HEAP = ("-Xms256m", "-Xmx512m")
_STOPPED_WITHIN_SECONDS = 60.0
_PORT_CLASHES = 3
_CLUSTER = "c3RyZWFtcy1mb3ItdGVzdA"
"""16 bytes in base64; a random one begins with a dash now and then, which the tool takes for an option."""

_LOG4J2 = """\
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=STDOUT
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
"""


class Node:
    """One broker process of its own; everything it writes is in one temporary folder that ``close`` removes."""

    def __init__(self, jars: Path) -> None:
        self._classpath = f"{jars}/*"
        self._directory = Path(tempfile.mkdtemp(prefix="streams-kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._directory / "kafka.log"
        self.bootstrap = ""

    def open(self) -> None:
        """Format and start; on a port that someone else took meanwhile, begin again on others."""
        for clashes in range(_PORT_CLASHES):
            self._format()
            try:
                self.start()
            except RuntimeError:
                if clashes + 1 == _PORT_CLASHES or "Address already in use" not in self.log.read_text():
                    raise
            else:
                return

    def start(self) -> None:
        """Start on the port and the data that are there; returns when the broker answers a metadata request."""
        assert self._process is None, "it is running"
        self._process = spawn(self._java("kafka.Kafka", *_HEAP), log=self.log)
        try:
            wait_until_it_answers(self.bootstrap, self._why_it_ended)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down in order."""
        assert self._process is not None, "it is not running"
        self._process.terminate()
        self._process.wait(_STOPPED_WITHIN_SECONDS)
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would; nothing if it is not running."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop, then start on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove everything it wrote."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _format(self) -> None:
        port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        data = self._directory / "data"
        shutil.rmtree(data, ignore_errors=True)
        self.log.write_text("")
        properties = server_properties(port, controller, log_dirs=str(data))
        (self._directory / "server.properties").write_text(as_text(properties))
        (self._directory / "log4j2.properties").write_text(_LOG4J2)
        command = [*self._java("kafka.tools.StorageTool")[:-1], "format", "-t", _CLUSTER, "-c", self._configuration]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")

    @property
    def _configuration(self) -> str:
        return str(self._directory / "server.properties")

    def _java(self, main: str, *options: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}"
        return ["java", *options, log4j, "-cp", self._classpath, main, self._configuration]

    def _why_it_ended(self) -> str | None:
        assert self._process is not None
        if self._process.poll() is None:
            return None
        return f"Kafka ended with {self._process.returncode}:\n{self.log.read_text()[-4000:]}"
