"""The jars of Apache Kafka, fetched once by Maven and kept in the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "4.3.1"
_LOG4J = "2.25.4"
_JAVA = 17
_FETCHED_WITHIN_SECONDS = 900.0

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>streams</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>{VERSION}</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{_LOG4J}</version>
    </dependency>
  </dependencies>
</project>
"""


def missing() -> str | None:
    """Return what this machine lacks to run Kafka from jars, or None."""
    if shutil.which("java") is None:
        return f"no java (Java {_JAVA} or newer is needed)"
    version = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found[1]) < _JAVA:
        return f"java is {found[1] if found else 'unknown'} (Java {_JAVA} or newer is needed)"
    if not _directory().is_dir() and shutil.which("mvn") is None:
        return "no mvn (Maven fetches Kafka's jars)"
    return None


def fetch() -> Path:
    """Return the folder of the jars; fetched when it is not there, and there only when it is complete."""
    directory = _directory()
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="fetching-") as work:
        _maven(Path(work))
        try:
            (Path(work) / "libs").rename(directory)
        except OSError:  # another process was faster: its folder is as good
            if not directory.is_dir():
                raise
    return directory


def _directory() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "streams-http-destination" / f"kafka-{VERSION}"


def _maven(work: Path) -> None:
    (work / "pom.xml").write_text(_POM)
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"]
    done = subprocess.run(
        command, cwd=work, capture_output=True, text=True, check=False, timeout=_FETCHED_WITHIN_SECONDS
    )
    if done.returncode != 0:
        raise RuntimeError(f"Maven could not fetch Apache Kafka {VERSION}: {(done.stdout + done.stderr)[-2000:]}")
