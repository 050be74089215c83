"""Every message of the validation, in a text that reads like help: ``golden/messages.txt``.

``python -m tests.configuration.test_messages`` prints it as it is now; nothing but a person puts it there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from streams.configuration import settings
from streams.configuration.documents import Findings, examine
from streams.configuration.located import MAX_CHARACTERS
from streams.configuration.problems import ConfigurationError, Problem, in_order
from streams.configuration.references import References
from streams.configuration.stored import stored
from streams.registry.records import NamedAccount, Version
from tests.configurations import write_certificates
from tests.messages import lines_run, makers, parsed, texts

GOLDEN = Path(__file__).parent / "golden"
MESSAGES = GOLDEN / "messages.txt"
CONFIGURATION = Path(__file__).parents[2] / "streams/configuration"
TOLD_ELSEWHERE = {"tables.py", "schema.py"}
"""What these say is in the README and in the published schema, which are compared by tests of their own."""

SOURCES = [path for path in sorted(CONFIGURATION.glob("*.py")) if path.name not in TOLD_ELSEWHERE]
SECRETS = {"STREAMS_SECRET_CRM": "s", "STREAMS_SECRET_TWO_LINES": "one\ntwo", "STREAMS_SECRET_ACCENT": "café"}
ENVIRON = {"STREAMS_HTTP_PROT": "8080", "STREAMS_ZZZ": "x", "STREAMS_DELIVERY_MAX_IN_FLIGHT": "many"}

Shown = tuple[str, list[Problem], list[Problem]]
"""A title, and what is wrong, and what is a warning."""


@cache
def everything() -> tuple[list[Shown], set[tuple[str, int]]]:
    """Return all that is told, and the lines of the sources that ran for it."""

    def act() -> list[Shown]:
        with TemporaryDirectory() as folder:
            shown = [documents(Path(folder)), governed(), no_secrets(), in_the_registry()]
            return [*shown, *worker_settings(), *secured(Path(folder))]

    return lines_run(act, frozenset(map(str, SOURCES)))


def documents(folder: Path) -> Shown:
    """Return what is told of the wrong documents; those that would be long are made in *folder*."""
    (folder / "long.yaml").write_text("x" * (MAX_CHARACTERS + 1))
    (folder / "lengths.yaml").write_text(_lengths())
    (folder / "secrets").mkdir()
    places = [
        *(GOLDEN / "documents", GOLDEN / "documents/no-documents", folder / "nowhere.yaml", folder / ("x" * 256)),
        *(folder / "lengths.yaml", folder / "long.yaml", folder / "nul\0.yaml"),
    ]
    found: Findings = examine(places, References(SECRETS, folder / "secrets"))
    return "Documents", _short(found.errors, folder), _short(found.warnings, folder)


def governed() -> Shown:
    """Return what is told of wrong labels, policies and schemas, and of what right ones say of destinations."""
    found = examine([GOLDEN / "governed"], References({}, None))
    told = in_order((*found.errors, *found.objections), found.files)
    return "Documents that govern, and what is governed", _short(told, GOLDEN), _short(found.warnings, GOLDEN)


def no_secrets() -> Shown:
    """Return what is told of a secret file where there is no folder of secrets."""
    found = examine([GOLDEN / "no-secrets"], References({}, None))
    return "Documents, where secrets.directory is not set", _short(found.errors, GOLDEN), []


def in_the_registry() -> Shown:
    """Return what is told of a version that stands in the registry: it has no file, and is called by its name."""
    account = {"kind": "account", "name": "partner", "httpEndpoint": "https://h/", "authEndpoint": "https://t/"}
    account |= {"clientID": "c", "clientSecret": "${env:STREAMS_SECRET_PARTNER}"}
    version = Version(
        version=7,
        written_at=0,
        by="ann@desk",
        document={"kind": "destination", "name": "crm", "account": "partner", "absense": "null"},
        account=NamedAccount(name="partner", version=3, document=account),
    )
    with pytest.raises(ConfigurationError) as caught:
        stored(version, References({}, None))
    return "Documents in the registry", list(caught.value.problems), []


def _lengths() -> str:
    many = ",".join(f"x-{number}:a" for number in range(101))
    return f"""\
kind: account
name: address
httpEndpoint: https://api.example.com/{"a" * 8_000}
---
kind: destination
name: value
account: {{httpEndpoint: https://api.example.com/}}
customHeaders: {{x-a: {"a" * 9_000}}}
---
kind: destination
name: headers
account: {{httpEndpoint: https://api.example.com/}}
customHeaders: {many}
"""


def worker_settings() -> Iterator[Shown]:
    """Yield what is told of the wrong settings."""
    for path in sorted((GOLDEN / "settings").iterdir()):
        with pytest.raises(ConfigurationError) as caught:
            settings.load(path, ENVIRON if path.name == "streams.yaml" else SECRETS)
        yield f"Settings: {path.name}", _short(caught.value.problems, GOLDEN), []


def secured(folder: Path) -> Iterator[Shown]:
    """Yield what is told of wrong ways to reach the brokers, with certificates that are made in *folder*."""
    write_certificates(folder, "password")
    environ = {"STREAMS_INPUTS_MEMBERSHIPS": "memberships", "STREAMS_SECRET_KEY": "another"}
    for text in (GOLDEN / "kafka.txt").read_text().splitlines():
        (folder / "kafka.yaml").write_text(f"kafka: {{{text}}}\n")
        with pytest.raises(ConfigurationError) as caught:
            settings.load(folder / "kafka.yaml", environ)
        yield f"Settings: kafka: {{{text}}}", _short(caught.value.problems, folder), []


def _short(problems: list[Problem] | tuple[Problem, ...], folder: Path) -> list[Problem]:
    """Return the problems as they are told where the files lie in the working directory."""
    roots = (GOLDEN / "documents", GOLDEN / "governed", GOLDEN / "no-secrets", GOLDEN / "settings", folder)

    def short(text: str) -> str:
        for root in roots:
            text = text.replace(f"{root}/", "")
        return text.replace("x" * 256, "x...x")

    return [replace(each, where=short(each.where), what=short(each.what)) for each in problems]


def rendered(shown: list[Shown]) -> str:
    """Return all that is told as one text: each line that is wrong, and below it what is told of it."""
    lines = ["Every message about documents and settings: the line that is wrong, and what is told of it."]
    for title, problems, warnings in shown:
        lines += ["", title, "=" * len(title)]
        for prefix, each in [*(("", problem) for problem in problems), *(("warning: ", each) for each in warnings)]:
            source = _source(each.where)
            lines += ["", *([f"    {source}"] if source else []), f"{prefix}{each}"]
    return "\n".join(lines) + "\n"


def _source(where: str) -> str:
    name, _, line = where.rpartition(":")
    path = next(GOLDEN.glob(f"*/{name}"), None) if name else None
    if path is None:
        return ""
    lines = path.read_text(errors="replace").splitlines()
    return "".join(lines[int(line) - 1 : int(line)]).strip()  # what is missing at the end has no line


def test_every_message_is_as_it_was_written_down() -> None:
    assert rendered(everything()[0]) == MESSAGES.read_text(), (
        "if it is meant: python -m tests.configuration.test_messages"
    )


def test_no_message_is_shown_twice() -> None:
    shown = [each for _, problems, warnings in everything()[0] for each in (*problems, *warnings)]
    messages = [f"{each.what}; {each.remedy}" for each in shown]

    assert [message for message in messages if messages.count(message) > 1] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_text_in_the_sources_is_shown(path: Path) -> None:
    lines = MESSAGES.read_text().splitlines()

    hidden = [text.pattern for text in texts(parsed(path)) if not any(map(text.search, lines))]
    assert hidden == [], "show each in a wrong document below golden/"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_place_that_makes_a_problem_has_made_one(path: Path) -> None:
    ran = {line for name, line in everything()[1] if name == str(path)}

    assert [f"{path.name}:{place[0]}" for place in makers(parsed(path)) if not ran & {*place}] == []


@pytest.mark.parametrize(
    ("source", "patterns"),
    [
        ("raise ValueError('a new message')", ["a\\ new\\ message"]),
        ("def f(x):\n    'A docstring.'\n    return f'came {x}', 'mend it'", ["came\\ .*", "mend\\ it"]),
        ("Flaw('is ' + kind, remedy if x else 'do that')", ["do\\ that"]),
        ("x: int = Field(description='What it means.', default='a b')", ["a\\ b"]),
        ("PATTERN = re.compile('a b')\n'''What it is.'''\nNAME = f'{a}.b'", []),
        ("Flaw(f'{\" or \".join(kinds)} is wrong', 'x')", [".*\\ is\\ wrong"]),
    ],
)
def test_a_planted_message_is_found(source: str, patterns: list[str]) -> None:
    assert [text.pattern for text in texts(ast.parse(source))] == patterns


def test_a_planted_place_is_found() -> None:
    assert list(makers(ast.parse("x = 1\ny = Flaw(\n  'a',\n)\nproblems.Problem('b')"))) == [range(2, 5), range(5, 6)]


if __name__ == "__main__":
    print(rendered(everything()[0]), end="")
