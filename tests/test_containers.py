"""The Dockerfile and compose.yaml, as far as they can be judged without an engine; ``tests/image.py`` runs the rest."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
import signal
import sys
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.codes import Advice
from streams.configuration.documents import examine
from streams.configuration.environment import SECRET_PREFIX
from streams.configuration.fields import leaves
from streams.configuration.references import References
from streams.configuration.settings import Settings, load
from streams.demo.mocks import main as mocks
from streams.destinations import Destination
from tests.brokers.jars import VERSION
from tests.commands_told import parsed
from tests.deployment import DEPLOY, ROOT, compose, dockerfile, inputs_of_compose

FINAL = dockerfile("")
SERVICES: dict[str, Any] = compose()["services"]
WORKER, ENDPOINT, KAFKA = SERVICES["worker"], SERVICES["endpoint"], SERVICES["kafka"]
KNOWN = {leaf.environment for leaf in leaves(Settings)}


def is_sent(path: str) -> bool:
    """Whether the builder is sent *path*, by the last line of .dockerignore that knows it or a folder above."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        heads = ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]
        if line and not line.startswith("#"):
            names = parts if line.startswith("**/") else heads
            sent = line.startswith("!") if any(fnmatch.fnmatchcase(each, pattern) for each in names) else sent
    return sent


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    copied = [source for origin, sources in dockerfile("build").copies if not origin for source in sources]

    assert {"pyproject.toml", "README.md", "streams"} == {source.removeprefix("./") for source in copied}
    assert all((ROOT / source).exists() and is_sent(source) for source in copied)
    assert is_sent("streams/demo/mocks.py")
    for path in (".git/config", ".venv/bin/python", "tests/conftest.py", "deploy/secrets/crm", "streams/__pycache__/x"):
        assert not is_sent(path), path


def test_the_image_that_runs_has_nothing_to_build_with_and_its_user_is_not_root() -> None:
    user, _, group = FINAL.user.partition(":")

    assert [origin for origin, _ in FINAL.copies] == ["--from=build"]
    assert "slim" in FINAL.image
    assert not re.search(r"\b(pip|apt-get|gcc)\b", " ".join(FINAL.runs))
    assert "--without-pip" in " ".join(dockerfile("build").runs)
    assert int(user) >= 10_000, "a number, so that runAsNonRoot of Kubernetes can see it, and nobody's elsewhere"
    assert f"--uid {user} --gid {group}" in FINAL.runs[0]


def test_the_image_is_of_a_python_that_the_project_takes() -> None:
    version = re.search(r"python:3\.(\d+)-", FINAL.image)

    assert version is not None
    assert f'"Programming Language :: Python :: 3.{version[1]}"' in (ROOT / "pyproject.toml").read_text()
    assert dockerfile("build").image == FINAL.image


@pytest.mark.parametrize("environment", [FINAL.environment, WORKER["environment"]], ids=["Dockerfile", "compose"])
def test_every_variable_of_ours_is_a_setting_or_a_secret(environment: dict[str, str]) -> None:
    ours = [name for name in environment if name.startswith("STREAMS_")]

    assert ours
    assert [name for name in ours if name not in KNOWN and not name.startswith(SECRET_PREFIX)] == []


def test_what_a_container_runs_is_a_command_of_ours() -> None:
    entrypoint, *arguments = FINAL.command

    assert entrypoint == "streams"
    assert parsed(arguments) == ("worker",)
    assert f'{entrypoint} = "streams.__main__:main"' in (ROOT / "pyproject.toml").read_text()
    interpreter, module, name = ENDPOINT["entrypoint"]
    assert (interpreter, module, name) == ("python", "-m", mocks.callback.__module__)
    assert mocks.make_context("mocks", list(ENDPOINT["command"])).params["host"] == "0.0.0.0"


async def test_the_health_check_asks_for_life_where_the_worker_serves_it() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    asked: list[str] = []
    _, *check = FINAL.health
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        environ = {"STREAMS_HTTP_PORT": str(server.sockets[0].getsockname()[1])}
        process = await asyncio.create_subprocess_exec(sys.executable, *check, env=environ)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    process = await asyncio.create_subprocess_exec(
        sys.executable, *check, env=environ, stderr=asyncio.subprocess.DEVNULL
    )

    assert await asyncio.wait_for(process.wait(), 60) != 0
    assert asked == ["GET /livez HTTP/1.1\r\n"]


def settings() -> Settings:
    """Return the settings of compose's worker, as they are in its container."""
    secrets = {**FINAL.environment, **WORKER["environment"]}
    return load(DEPLOY / "compose/streams.yaml", secrets)


def destination() -> Destination:
    (found,) = examine(settings().documents, References(WORKER["environment"], None)).destinations
    return found


def test_the_settings_load_and_lead_to_the_services() -> None:
    loaded = settings()
    listeners = dict(each.split("://") for each in KAFKA["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(","))

    assert loaded.kafka.bootstrap_servers == (listeners["INSIDE"],)
    assert listeners["INSIDE"].partition(":")[0] == "kafka"
    assert (loaded.http.host, str(loaded.state.directory)) == ("0.0.0.0", "/var/lib/streams")
    assert f"127.0.0.1:8080:{loaded.http.port}" in WORKER["ports"]
    assert WORKER["volumes"] == ["./compose:/etc/streams:ro", "state:/var/lib/streams"]
    (subnet,) = compose()["networks"]["default"]["ipam"]["config"]
    assert ip_network(subnet["subnet"]) in loaded.egress.allow


def test_the_documents_are_valid_and_lead_to_the_mock_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_SECRET_CRM", "demo")
    ended = CliRunner().invoke(main, ["destinations", "check", str(DEPLOY / "compose/documents"), "--output", "json"])
    told = json.loads(ended.stdout)
    options = dict(zip(ENDPOINT["command"][::2], ENDPOINT["command"][1::2], strict=True))
    account = destination().account
    assert account.credentials is not None

    assert ended.exit_code == 0
    assert {warning["code"] for warning in told["warnings"]} == {Advice.UNENCRYPTED}, "nobody else is on that network"
    assert urlsplit(account.http_endpoint).netloc == f"endpoint:{options['--endpoint-port']}"
    assert urlsplit(account.credentials.token_url).netloc == f"endpoint:{options['--token-port']}"
    assert f"{account.credentials.client_id}:{account.credentials.client_secret.reveal()}" == options["--client"]


def test_every_input_is_made_with_the_same_number_of_partitions() -> None:
    (script,) = SERVICES["topics"]["command"]
    made = re.findall(r"create --topic (\S+)", script)

    assert sorted(made) == sorted(inputs_of_compose())
    assert len(re.findall(r"--partitions \d+", script)) == 1


def test_services_wait_for_what_there_is_and_kafka_is_the_one_of_the_tests() -> None:
    for name, service in SERVICES.items():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys(), name
        assert set(service.get("ports", [])) == {port for port in service.get("ports", []) if "127.0.0.1:" in port}
        for build in filter(None, [service.get("build")]):
            assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose()["volumes"] or (DEPLOY / source).is_dir(), volume
    assert KAFKA["image"] == f"apache/kafka:{VERSION}"


async def test_the_mocks_run_alone_give_tokens_and_write_what_they_receive() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams.demo.mocks", "--endpoint-port", "0", "--token-port", "0", "--client", "a:b"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    tokens, endpoint = [(await process.stderr.readline()).decode().split()[-1] for _ in range(2)]
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    async with aiohttp.ClientSession() as session:
        async with session.post(tokens, data=form) as answer:
            token = (await answer.json())["access_token"]
        async with session.post(f"{endpoint}/v1?a=b", json={"x": 1}) as answer:
            assert answer.status == 401
        async with session.post(
            f"{endpoint}/v1?a=b", json={"x": 1}, headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            assert answer.status == 200
    lines = [json.loads(await asyncio.wait_for(process.stdout.readline(), 90)) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    await process.communicate()

    assert process.returncode == 0
    assert [line["url"] for line in lines] == [f"{endpoint}/v1?a=b"] * 2
    assert [line["body"] for line in lines] == [{"x": 1}] * 2
