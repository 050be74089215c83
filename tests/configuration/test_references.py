from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from streams.configuration.documents import Findings, examine
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import MAX_BYTES, References

CANARY = "canary-5d1c"

ENVIRONMENT = {
    "HOME": CANARY,
    "KAFKA_PASSWORD": CANARY,
    "STREAMS_KAFKA_SASL_PASSWORD": CANARY,
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "STREAMS_KAFKA_BOOTSTRAP_SERVERS": CANARY,
    "STREAMS_SECRET_": CANARY,
    "STREAMS_SECRETS": CANARY,
    "streams_secret_crm": CANARY,
    "STREAMS_SECRET_A B": CANARY,
    "STREAMS_SECRET_A=B": CANARY,
    "STREAMS_SECRET_É": CANARY,
    "XSTREAMS_SECRET_CRM": CANARY,
    "STREAMS_SECRET_CRM\n": CANARY,
    "STREAMS_SECRET_CRM": CANARY,
    "STREAMS_SECRET_EMPTY": "",
    "": CANARY,
}

HOSTILE = [
    "${env:HOME}",
    "${env:KAFKA_PASSWORD}",
    "${env:STREAMS_KAFKA_SASL_PASSWORD}",
    "${env:STREAMS_SECRET_CRM}/../${env:KAFKA_PASSWORD}",
    "${env:STREAMS_SECRET_CRM,KAFKA_PASSWORD}",
    "${env: STREAMS_SECRET_CRM}",
    "${env:STREAMS_SECRET_CRM }",
    "$${env:STREAMS_SECRET_CRM}",
    "${{env:STREAMS_SECRET_CRM}}",
    "${env:STREAMS_SECRET_CRM\x00}",
    "%{env:STREAMS_SECRET_CRM}",
    "${file:${env:STREAMS_SECRET_CRM}}",
    "${env:${file:inside}}",
    "${file:inside",
    "${file:folder/../inside}",
    "${file://inside}",
    "${file:inside/}",
    "${file:INSIDE}",
    "${env:AWS_SECRET_ACCESS_KEY}",
    "${env:STREAMS_KAFKA_BOOTSTRAP_SERVERS}",
    "${env:STREAMS_SECRET_}",
    "${env:STREAMS_SECRETS}",
    "${env:streams_secret_crm}",
    "${env:XSTREAMS_SECRET_CRM}",
    "${env:STREAMS_SECRET_A B}",
    "${env:STREAMS_SECRET_A=B}",
    "${env:STREAMS_SECRET_É}",
    "${env:STREAMS_SECRET_CRM\n}",
    "${env:}",
    "${env:STREAMS_SECRET_EMPTY}",
    "${env:STREAMS_SECRET_${env:HOME}}",
    "${env:${env:STREAMS_SECRET_CRM}}",
    "${env:STREAMS_SECRET_CRM",
    "$env:STREAMS_SECRET_CRM}",
    "{env:STREAMS_SECRET_CRM}",
    "${ENV:STREAMS_SECRET_CRM}",
    "${env:STREAMS_SECRET_CRM}\n",
    " ${env:STREAMS_SECRET_CRM}",
    "Bearer ${env:STREAMS_SECRET_CRM}",
    "${env:STREAMS_SECRET_CRM}${env:HOME}",
    "${STREAMS_SECRET_CRM}",
    "${env:STREAMS_SECRET_CRM:-x}",
    "${file:../outside}",
    "${file:..}",
    "${file:.}",
    "${file:}",
    "${file:folder/../../outside}",
    "${file:./../outside}",
    "${file:{outside}}",
    "${file:%2e%2e/outside}",
    "${file:..\\outside}",
    "${file:file://{outside}}",
    "${file:~/outside}",
    "${file:link-out}",
    "${file:folder-out/outside}",
    "${file:link-to-link-out}",
    "${file:loop}",
    "${file:dangling}",
    "${file:folder}",
    "${file:pipe}",
    "${file:large}",
    "${file:binary}",
    "${file:empty}",
    "${file:newline}",
    "${file:inside\x00}",
    "${file:.hidden}",
    "${file:inside}x",
    "${http://127.0.0.1/outside}",
    "${exec:cat outside}",
    f"{CANARY}",
    "",
]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder of secrets in which everything is planted that must not be found."""
    (tmp_path / "outside").write_text(CANARY)
    folder = tmp_path / "secrets"
    (folder / "folder").mkdir(parents=True)
    (folder / "inside").write_text(CANARY)
    (folder / ".hidden").write_text(CANARY)
    (folder / "link-out").symlink_to("../outside")
    (folder / "link-to-link-out").symlink_to("link-out")
    (folder / "folder-out").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "large").write_text(CANARY * MAX_BYTES)
    (folder / "binary").write_bytes(CANARY.encode() + b"\xff")
    (folder / "empty").write_text("")
    (folder / "newline").write_text("\n")
    return folder


@pytest.mark.parametrize("reference", HOSTILE)
def test_a_hostile_reference_resolves_to_nothing(reference: str, secrets: Path) -> None:
    text = reference.replace("{outside}", str(secrets.parent / "outside"))
    with pytest.raises(ConfigurationError) as caught:
        References(ENVIRONMENT, secrets).resolve(text, "f:1")

    shown = (
        f"{caught.value!s} {caught.value!r} {caught.value.problems} {caught.value.__cause__} {caught.value.__context__}"
    )
    assert CANARY not in shown
    assert str(caught.value).startswith("f:1: ")


SECRET_FIELDS = (("account", "clientSecret"), ("customHeaders", "x", "value"))
ORDINARY_FIELDS = (
    *(("name",), ("description",), ("absent",), ("since",), ("account",), ("account", "httpEndpoint")),
    *(("account", "authEndpoint"), ("account", "clientID"), ("account", "scope"), ("customHeaders",)),
    *(("customHeaders", "y"), ("customHeaders", "x", "secret"), ("marketingActions", 0), ("segments", 0)),
    *(("segments", 1, "id"), ("segments", 1, "namespace"), ("segments", 1, "name"), ("attributes", 0)),
    *(("attributes", 1, "source"), ("attributes", 1, "target"), ("delivery", "maxAhead"), ("unknown",)),
)
"""Each of the second is hostile wherever it points to."""


def a_document() -> dict[str, Any]:
    """Return one with both of its secret fields right."""
    reference = "${env:STREAMS_SECRET_CRM}"
    account = {"authEndpoint": "https://t/", "clientID": "c", "scope": "s", "clientSecret": reference}
    return {
        "kind": "destination",
        "name": "a",
        "account": {"httpEndpoint": "https://h/", **account},
        "customHeaders": {"x": {"value": reference, "secret": True}},
        "marketingActions": ["x"],
        "segments": ["x", {"id": "y"}],
        "attributes": ["x", {"source": "y"}],
        "delivery": {},
    }


def examined(path: tuple[str | int, ...], text: str, secrets: Path) -> Findings:
    """Return what is found in a document that has *text* at *path*."""
    document: Any = a_document()
    above = document
    for part in path[:-1]:
        above = above[part]
    if isinstance(above, list):
        above[int(path[-1])] = text
    else:
        above[path[-1]] = text
    file = secrets.parent / "d.json"
    file.write_text(json.dumps(document))
    return examine([file], References(ENVIRONMENT, secrets))


def test_a_document_with_right_references_resolves(secrets: Path) -> None:
    found = examined(("description",), "no reference", secrets)

    assert not found.problems
    assert not found.unresolved
    assert [secret.reveal() for secret in found.destinations[0].secrets] == [CANARY, CANARY]


def gets_and_shows_nothing(path: tuple[str | int, ...], text: str, secrets: Path) -> None:
    found = examined(path, text, secrets)

    told = [*found.problems, *found.unresolved]
    assert told, text
    assert all(problem.where.endswith("d.json:1") for problem in told)
    assert CANARY not in f"{told}{found.warnings}{found.destinations}{found.accounts}"
    resolved = [secret.reveal() for destination in found.destinations for secret in destination.secrets]
    assert len(resolved) - resolved.count("") <= len({*SECRET_FIELDS} - {path}), "more than the fields that are right"


@pytest.mark.parametrize("reference", HOSTILE)
def test_a_hostile_reference_gets_nothing_out_of_a_document(reference: str, secrets: Path) -> None:
    text = reference.replace("{outside}", str(secrets.parent / "outside"))
    for path in SECRET_FIELDS:
        gets_and_shows_nothing(path, text, secrets)


def test_a_reference_in_an_ordinary_field_gets_nothing(secrets: Path) -> None:
    for path in ORDINARY_FIELDS:
        for text in ("${env:STREAMS_SECRET_CRM}", "${file:inside}", "x ${env:STREAMS_SECRET_CRM} y"):
            gets_and_shows_nothing(path, text, secrets)


def test_a_name_with_the_prefix_resolves(secrets: Path) -> None:
    assert References(ENVIRONMENT, secrets).resolve("${env:STREAMS_SECRET_CRM}", "f:1").reveal() == CANARY


@pytest.mark.parametrize(
    ("content", "secret"), [("s3", "s3"), ("s3\n", "s3"), ("s3\r\n", "s3"), ("s3\n\n", "s3\n"), (" s ", " s ")]
)
def test_a_file_resolves_without_its_last_newline(content: str, secret: str, tmp_path: Path) -> None:
    (tmp_path / "crm-1_a.txt").write_bytes(content.encode())

    assert References({}, tmp_path).resolve("${file:crm-1_a.txt}", "f:1").reveal() == secret


def test_links_that_stay_inside_resolve_as_mounted_secrets_need(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "crm").write_text("s3")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "crm").symlink_to("..data/crm")

    assert References({}, tmp_path).resolve("${file:crm}", "f:1").reveal() == "s3"


def test_files_need_a_folder_to_be_in() -> None:
    with pytest.raises(ConfigurationError, match=r"secrets\.directory is not set"):
        References({}, None).resolve("${file:crm}", "f:1")


def test_a_secret_of_the_largest_size_resolves(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * MAX_BYTES)

    assert len(References({}, tmp_path).resolve("${file:large}", "f:1").reveal()) == MAX_BYTES


def test_a_pipe_is_no_secret_even_when_it_has_something_to_say(secrets: Path) -> None:
    writer = os.open(secrets / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(writer, CANARY.encode())
        with pytest.raises(ConfigurationError):
            References({}, secrets).resolve("${file:pipe}", "f:1")
    finally:
        os.close(writer)
