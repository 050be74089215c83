"""The image without an engine: ``python -m tests.image [PYTHON]`` does what the Dockerfile and compose.yaml do.

The wheel is built and installed as the Dockerfile says, into an environment without pip of its own; a real Kafka, the
mock endpoint and the worker, as the image's user where this is root, run with compose's settings; one event goes the
whole way. What only an engine can show is not shown: layers, networks, volumes, capabilities, restarts. PYTHON has to
be one that the image's user may run, too.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from streams.demo.processes import free_ports
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.deployment import DEPLOY, ROOT, compose, dockerfile, inputs_of_compose
from tests.e2e.world import membership

KEY, SEGMENT = b"anna", "59bd2fkd-3c48-4b18-bf56-4f5c5e6967ae"
WITHIN_SECONDS = 120.0


def build(folder: Path, python: str) -> Path:
    """Build the wheel and install it by the Dockerfile's own commands; return the environment."""
    source, wheels, environment = folder / "src", folder / "wheels", folder / "streams"
    source.mkdir()
    for each in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / each, source)
    shutil.copytree(ROOT / "streams", source / "streams", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([python, "-m", "venv", folder / "tools"], check=True)
    places = {"/wheels": str(wheels), "/opt/streams": str(environment)}
    for command in (part for line in dockerfile("build").runs for part in line.split("&&")):
        words = [_placed(word, places) for word in shlex.split(command)]
        print("$", shlex.join(words), flush=True)
        words[0] = str(folder / "tools/bin" / words[0])
        subprocess.run(_expanded(words), cwd=source, check=True)
    return environment


def _placed(word: str, places: Mapping[str, str]) -> str:
    return next((there + word.removeprefix(here) for here, there in places.items() if word.startswith(here)), word)


def _expanded(words: Sequence[str]) -> list[str]:
    """Return words with what the shell would make of the one pattern."""
    return [each for word in words for each in (map(str, Path(word).parent.glob("*.whl")) if "*" in word else [word])]


@asynccontextmanager
async def running(
    command: Sequence[str], environ: dict[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a container's command as the image's user; end it by SIGTERM, which has to be enough."""
    user = dockerfile("").user.partition(":")[0] if os.getuid() == 0 else None
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"} | environ,
        stdout=asyncio.subprocess.PIPE,
        user=None if user is None else int(user),
        group=None if user is None else int(user),
        extra_groups=None if user is None else [],
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        print(f"{Path(command[0]).name} {command[1]} ended with {await asyncio.wait_for(process.wait(), 30)}")


async def whole_way(environment: Path, folder: Path, bootstrap: str) -> None:
    """Send one event the whole way, with the settings and documents of compose."""
    services, (endpoint, tokens, health) = compose()["services"], free_ports(3)
    state, configuration = folder / "state", folder / "etc"
    shutil.copytree(DEPLOY / "compose", configuration)
    document = configuration / "documents/crm.yaml"
    written = document.read_text().replace("endpoint:8099", f"127.0.0.1:{endpoint}")
    document.write_text(written.replace("endpoint:8098", f"127.0.0.1:{tokens}"))
    _given(state, folder)
    client = Client(bootstrap)
    for topic in inputs_of_compose():
        await client.create_topic(topic, 4, **({"cleanup_policy": "compact"} if topic == "profiles" else {}))
    bins = environment / "bin"
    mocks = [str(bins / "python"), "-m", "streams.demo.mocks", "--endpoint-port", str(endpoint)]
    mocks += ["--token-port", str(tokens), "--client", services["endpoint"]["command"][-1]]
    environ = {
        **dockerfile("").environment,
        **services["worker"]["environment"],
        "PATH": str(bins),
        "STREAMS_STATE_DIRECTORY": str(state),
        "STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "STREAMS_EGRESS_ALLOW": "127.0.0.0/8",
        "STREAMS_HTTP_PORT": str(health),
    }
    worker = [str(bins / word) if number == 0 else word for number, word in enumerate(dockerfile("").command)]
    async with running(mocks, {}, folder) as taking, running(worker, environ, configuration):
        await _healthy(environ, configuration)
        await client.produce("profiles", [(KEY, b'{"person": {"email": "anna@example.com"}}')])
        await client.produce("segment-qualifications", [(KEY, membership(SEGMENT, 1, "realized"))])
        assert taking.stdout is not None
        line = await asyncio.wait_for(taking.stdout.readline(), WITHIN_SECONDS)
        print("delivered:", orjson.dumps(orjson.loads(line)["body"]).decode())


def _given(state: Path, folder: Path) -> None:
    """Make the folder of the state the image's user's, who may read the others."""
    state.mkdir()
    if os.getuid() == 0:
        user = int(dockerfile("").user.partition(":")[0])
        os.chown(state, user, user)
        folder.chmod(0o755)


async def _healthy(environ: dict[str, str], folder: Path) -> None:
    """Wait until the image's own health check is content."""
    check, deadline = dockerfile("").health, time.monotonic() + WITHIN_SECONDS
    while True:
        process = await asyncio.create_subprocess_exec(
            str(Path(environ["PATH"]) / check[0]),
            *check[1:],
            cwd=folder,
            env=environ,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await process.wait() == 0:
            return print("healthy")
        if time.monotonic() > deadline:
            raise TimeoutError("the health check was never content")
        await asyncio.sleep(0.5)


def main(python: str) -> None:
    """Build, run, and say what was seen."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="streams-image-") as name, real.running() as broker:
        folder = Path(name)
        environment = build(folder, python)
        tools = [tool for tool in ("pip", "gcc", "hatchling") if (environment / "bin" / tool).exists()]
        print(f"installed by {python} after {time.monotonic() - began:.0f} s; tools in it: {tools}")
        asyncio.run(whole_way(environment, folder, broker.bootstrap))
    print(f"all of it took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
