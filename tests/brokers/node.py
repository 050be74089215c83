"""A Kafka node run from its jars: formatted once, then started, stopped, killed and frozen on its port and data."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.brokers.answers import wait_until_it_answers
from tests.brokers.children import spawn
from tests.brokers.processes import free_ports, freeze, thaw
from tests.brokers.properties import Options, Ports, as_text, server_properties

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


def new_ports() -> Ports:
    """Return ports that were free a moment ago."""
    clients, controller, relayed = free_ports(3)
    return Ports(clients=clients, controller=controller, relayed=relayed)


class Node:
    """One broker process of its own; everything it writes is in one temporary folder that ``close`` removes."""

    def __init__(self, jars: Path, *, options: Options | None = None, number: int = 1) -> None:
        """*number* is the node's in its cluster."""
        self._classpath = f"{jars}/*"
        self._options, self._number = options or Options(), number
        self._directory = Path(tempfile.mkdtemp(prefix="streams-kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._directory / "kafka.log"
        self.bootstrap = ""
        self.relayed = ""
        """Where the listener is whose clients are told the advertised port."""

    def open(self) -> None:
        """Format and start; on a port that someone else took meanwhile, begin again on others."""
        for clashes in range(_PORT_CLASHES):
            self.format(new_ports())
            try:
                self.start()
            except RuntimeError:
                if clashes + 1 == _PORT_CLASHES or not self.clashed:
                    raise
            else:
                return

    def start(self) -> None:
        """Start on the port and the data that are there; returns when the broker answers a metadata request."""
        self.spawn()
        self.wait()

    def spawn(self) -> None:
        """Start the process, and do not wait: a node of a cluster answers when most of the others are up too."""
        assert self._process is None, "it is running"
        self._process = spawn(self._java("kafka.Kafka", *self._options.heap), log=self.log)

    def wait(self) -> None:
        """Return when the broker answers a metadata request; one that does not is killed."""
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

    def freeze(self) -> None:
        """Let it neither answer nor close a connection, until ``thaw``."""
        assert self._process is not None, "it is not running"
        freeze(self._process.pid)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None, "it is not running"
        thaw(self._process.pid)

    def restart(self) -> None:
        """Stop, then start on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove everything it wrote."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def clashed(self) -> bool:
        """Whether it could not start because someone else took a port of its own."""
        return "Address already in use" in self.log.read_text()

    def format(self, ports: Ports, controllers: Sequence[int] = ()) -> None:
        """Make the storage anew, for a node on *ports*, in a cluster of those *controllers* or alone."""
        self.bootstrap, self.relayed = f"127.0.0.1:{ports.clients}", f"127.0.0.1:{ports.relayed}"
        data = self._directory / "data"
        shutil.rmtree(data, ignore_errors=True)
        self.log.write_text("")
        properties = server_properties(
            ports, log_dirs=str(data), options=self._options, node=self._number, controllers=controllers
        )
        (self._directory / "server.properties").write_text(as_text(properties))
        (self._directory / "log4j2.properties").write_text(_LOG4J2)
        command = [*self._java("kafka.tools.StorageTool")[:-1], "format", "-t", _CLUSTER, "-c", self._configuration]
        command += [f"--add-scram={user}" for user in self._options.users]
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
