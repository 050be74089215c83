"""The rooms of the package, and that nothing leaves its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.architecture import Plan, Room, offences

PACKAGE = Path(__file__).parent.parent / "streams"

_PURE = (frozenset(sys.stdlib_module_names) | {"msgspec"}) - {
    *("asyncio", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "signal", "socket"),
    *("ssl", "subprocess", "sys", "tempfile", "threading", "time"),
}
"""No clock, no dice, no network, no environment, no file, and nothing that is awaited."""


def _in(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}.{name}" for name in names.split())


ROOMS = {
    "words": Room(
        (
            *("secrets", "destinations", "exports", "outcomes", "ends", "profile_commands"),
            *("registry", "registry.records"),
            *("activation", "delivery", "endpoints", "configuration", "telemetry", "topics", "groups", "status"),
            *("sampling", "letters"),
            *("crashes", "codes", "denied", "remedies", "remedies."),
            *("governance", "governance."),
            *_in(
                "activation",
                "events profiles identities merging paths strict_json timestamps framing xdm declared decoding "
                "partitioners asked explanation simulation recorded questions hashing",
            ),
            *_in("endpoints", "retry_after addresses reasons"),
            *_in("telemetry", "labels masks repeats"),
            "status.shapes",
        ),
        foreign=_PURE,
    ),
    "decisions": Room(
        (
            *_in(
                "activation",
                "attributes selections projection activate deciding slots targets triggers unions forgetting "
                "withdrawals removals rendering renewals masking explaining simulating tallies replays owing "
                "faults "
                "consents consent_withdrawals expiries due_times",
            ),
            *_in(
                "delivery",
                "rates shares replacing retries bitmaps windows lanes pending progress revisions states batches storms "
                "rebuffs health refusals",
            ),
            *_in("groups", "lease gaps entries"),
            *(
                *_in("endpoints", "samples meanings"),
                "registry.standing",
                "registry.narrowing",
                "registry.edits",
                "registry.mappings",
                "registry.awaited",
                "registry.additions",
            ),
            *("topics.plan", "status.counts", "status.overview", "status.table"),
            *_in("sampling", "leaves forms placement proposals findings overlaps table"),
        ),
        sees=("words",),
        foreign=_PURE,
    ),
    "brokers": Room(("metadata", "brokers", "tls", "refusals"), sees=("words",)),
    "configuration": Room(
        _in(
            "configuration",
            "problems located fields validation names headers rules references environment sections inputs settings "
            "certificates kafka tables urls mapping_draft outcomes_draft delivery_draft drafts conversion documents "
            "governance_draft json_schema governing judging files advice header_draft schema meanings scalars "
            "origins reading stored canonical unseen",
        ),
        sees=("words", "brokers"),
    ),
    "parking": Room(("delivery.dead_letters", "delivery.on_demand", "delivery.asking", "stopping"), sees=("words",)),
    "letters": Room(
        _in("letters", "letter wanted counts newest replayable verdicts"),
        sees=("words", "decisions", "parking"),
        foreign=_PURE,
    ),
    "groups": Room(
        _in(
            "groups",
            "clock internals ranges writers sockets producers coordinator binding journal starts survey deletion",
        ),
        sees=("words", "decisions", "brokers", "parking"),
    ),
    "engine": Room(("engine.",), sees=("words", "decisions", "brokers", "groups")),
    "endpoints": Room(
        _in(
            "endpoints",
            "classification answers attempt wires deadlines egress tokens auth versions plain prepared endpoint steps "
            "certificates reachability verdicts trial",
        ),
        sees=("words", "decisions"),
    ),
    "telemetry": Room(
        _in("telemetry", "observed metrics deliveries telemetry logs guarded health pulse"), sees=("words", "decisions")
    ),
    "delivery": Room(
        _in(
            "delivery",
            "limiting tools bounds tasks pace backlog giving_up confirming attempting ending superseding probing "
            "holding consequences serving gathering dispatch member commits standing tenure service ways confirmed "
            "keeper deliveries pruning",
        ),
        sees=("words", "decisions", "brokers", "parking", "groups"),
    ),
    "outbox": Room(_in("activation", "answers rounds outlets outbox"), sees=("words", "decisions")),
    "status": Room(
        _in("status", "publisher offsets reader survey unfetched watching inquiry"),
        sees=("words", "decisions", "brokers", "parking", "groups"),
    ),
    "cluster": Room(("topics.cluster",), sees=("words", "decisions", "brokers")),
    "registry": Room(
        (
            *_in(
                "registry",
                "registry differences changes verdicts rulebook plans creation applying removal opening expected "
                "waiting deletion catalogue governing",
            ),
            "registry.rehearsal",
        ),
        sees=("words", "decisions", "brokers", "parking", "configuration", "groups", "cluster", "status"),
    ),
    "wiring": Room(
        (
            "activation.agents",
            *_in(
                "activation",
                "expiring limits cataloguing inquiring overlay followed rows upkeep obeying chores engine_settings",
            ),
            "activation.defects",
            "activation.producing",
            "activation.stage",
            "topics.provision",
            "topics.watch",
            *_in("sampling", "samples survey"),
            *_in("letters", "reading replaying runs"),
            "preconditions",
            "vitals",
            "assembly",
            "worker",
            "status.snapshot",
            "reporting",
            "journaling",
            *("documents", "founding", "following", "delivering"),
        ),
        sees=(
            *("words", "decisions", "configuration", "engine", "endpoints", "telemetry", "parking", "letters"),
            "delivery",
            *("outbox", "cluster", "status", "groups", "brokers", "registry"),
        ),
    ),
    "demo": Room(("demo.",), sees=("words", "decisions", "brokers", "configuration")),
    "commands": Room(
        ("cli", "commands.", "__main__"),
        sees=(
            *("words", "decisions", "brokers", "configuration", "telemetry", "groups", "cluster", "status", "wiring"),
            *("registry", "demo", "endpoints", "parking", "letters"),
        ),
    ),
}
"""What each room is for stands in its modules' first lines; the arrows go one way, from effects to words."""

RESERVED = {
    "faust": ("engine.", "worker"),
    "mode": (
        "engine.",
        "activation.stage",
        "topics.watch",
        "vitals",
        "journaling",
        "following",
        "worker",
        *_in("status", "publisher unfetched"),
        *_in("delivery", "pruning service deliveries"),
    ),
    "aiohttp": (
        *_in("endpoints", "classification answers wires egress auth plain prepared endpoint reachability"),
        *_in("telemetry", "health guarded"),
        "status.inquiry",
        "demo.",
    ),
    "prometheus_client": (*_in("telemetry", "observed metrics deliveries telemetry health"), "demo.figures"),
    "os.environ": ("cli", "commands."),
    "os.getenv": (),
    "time": (
        *("engine.", "groups.clock", "activation.stage", "vitals", "reporting", "assembly", "worker", "commands."),
        *("founding", "delivering"),
        "demo.",
    ),
    "random": ("delivering", "reporting", "demo."),
}
"""Elsewhere, environment, clock and dice are arguments."""

LATE = ("cli", "__main__")
"""One command must not wait for what another one loads, nor a Ctrl-C for any of it."""


def test_the_package_keeps_to_its_plan() -> None:
    assert offences(PACKAGE, Plan(ROOMS, RESERVED, LATE)) == []


SMALL = Plan(
    {
        "words": Room(("words",), foreign=frozenset({"json"})),
        "effects": Room(("effects", "folder."), sees=("words",)),
    },
    {"os.environ": (), "aiohttp": ("folder.",)},
)


def _planted(root: Path, **texts: str) -> list[str]:
    files = {"words": "import json", "effects": "from small.words import x", "folder/inner": "import aiohttp", **texts}
    for name, text in files.items():
        path = root / "small" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (root / "small" / "__init__.py").write_text("")
    (root / "small" / "folder" / "__init__.py").write_text("")
    return offences(root / "small", SMALL)


def test_a_tree_that_keeps_to_its_plan_has_no_offence(tmp_path: Path) -> None:
    assert _planted(tmp_path) == []


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ({"words": "from small.effects import y", "effects": ""}, "words:1 imports effects, which words must not see"),
        ({"words": "from small import effects", "effects": ""}, "words:1 imports effects, which words must not see"),
        ({"words": "import small.folder.inner"}, "words:1 imports folder.inner, which words must not see"),
        ({"words": "import msgspec"}, "words:1 imports msgspec: its room is pure"),
        ({"effects": "import aiohttp.web"}, "effects:1 uses aiohttp, which is reserved"),
        ({"effects": "import os\nx = os.environ['X']"}, "effects:2 uses os.environ, which is reserved"),
        ({"effects": "from os import environ"}, "effects:1 uses os.environ, which is reserved"),
        ({"effects": "def f():\n    from small.words import x"}, "effects:2 imports inside f: say it at the top"),
        ({"effects": "from . import words"}, "effects:1 imports relatively"),
        ({"stranger": ""}, "stranger: must stand in exactly one room, stands in []"),
        ({"effects": "x = 1\n" * 251}, "effects.py: 252 lines, at most 250"),
        ({"effects": "def f():\n" + "    x = 1\n" * 50}, "effects:1 f: 51 lines, at most 50"),
        (
            {"effects": "import small.folder.inner", "folder/inner": "import small.effects"},
            "these import each other: effects <- folder.inner <- effects",
        ),
    ],
)
def test_a_planted_offence_is_told(tmp_path: Path, planted: dict[str, str], told: str) -> None:
    assert told in _planted(tmp_path, **planted)


def test_a_plan_that_names_what_is_gone_or_turns_back_is_told(tmp_path: Path) -> None:
    _planted(tmp_path)
    plan = Plan({"words": Room(("words", "gone"), sees=("effects",)), "effects": Room(("effects", "folder."))}, {})

    told = offences(tmp_path / "small", plan)

    assert "plan: words names gone, which does not exist" in told
    assert "plan: words sees effects, which does not come before it" in told
