"""A Kafka node in a container, where an engine runs."""

from __future__ import annotations

import shutil
import subprocess

from tests.brokers.answers import wait_until_it_answers
from tests.brokers.jars import VERSION
from tests.brokers.node import new_ports
from tests.brokers.properties import Options, as_environment, server_properties

IMAGE = f"apache/kafka:{VERSION}"
_PULLED_WITHIN_SECONDS = 900.0


def missing() -> str | None:
    """Return why no container can be run here, or None."""
    if shutil.which("docker") is None:
        return "no docker"
    try:
        answered = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        answered = False
    return None if answered else "docker has no engine that answers"


def fetch() -> None:
    """Pull the image, unless it is there."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode != 0:
        _docker("pull", "-q", IMAGE)


class Container:
    """One broker in a container of its own, with the manners of a ``Node``."""

    def __init__(self, *, options: Options | None = None) -> None:
        self._id, self._options = "", options or Options()
        self.bootstrap = ""
        self.relayed = ""
        """Where the listener is whose clients are told the advertised port."""

    def open(self) -> None:
        """Run it; returns when the broker answers a metadata request."""
        ports = new_ports()
        self.bootstrap, self.relayed = f"127.0.0.1:{ports.clients}", f"127.0.0.1:{ports.relayed}"
        properties = server_properties(ports, log_dirs="/var/lib/kafka/data", host="0.0.0.0", options=self._options)
        settings = [f"--env={key}={value}" for key, value in as_environment(properties).items()]
        published = [f"--publish=127.0.0.1:{port}:{port}" for port in (ports.clients, ports.relayed)]
        heap = f"--env=KAFKA_HEAP_OPTS={' '.join(self._options.heap)}"
        self._id = _docker("run", "--detach", *published, heap, *settings, IMAGE)
        wait_until_it_answers(self.bootstrap, self._why_it_ended)

    def start(self) -> None:
        """Start on the port and the data that are there."""
        _docker("start", self._id)
        wait_until_it_answers(self.bootstrap, self._why_it_ended)

    def stop(self) -> None:
        """Shut down in order."""
        _docker("stop", "--time=60", self._id)

    def kill(self) -> None:
        """End it as a power cut would."""
        _docker("kill", self._id)

    def freeze(self) -> None:
        """Let it neither answer nor close a connection, until ``thaw``."""
        _docker("pause", self._id)

    def thaw(self) -> None:
        """Let it go on."""
        _docker("unpause", self._id)

    def restart(self) -> None:
        """Stop, then start on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove everything it wrote."""
        if self._id:
            _docker("rm", "--force", "--volumes", self._id)
            self._id = ""

    def _why_it_ended(self) -> str | None:
        if _docker("inspect", "--format={{.State.Running}}", self._id) == "true":
            return None
        return "Kafka's container ended: " + _docker("logs", "--tail=40", self._id)


def _docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=_PULLED_WITHIN_SECONDS
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()
