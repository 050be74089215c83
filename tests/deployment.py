"""What ``deploy/`` says, read as far as the tests need it: the Dockerfile's stages, compose's services."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from streams.configuration.settings import load

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


@dataclass
class Stage:
    """One stage of the Dockerfile."""

    image: str
    copies: list[tuple[str, list[str]]] = field(default_factory=list)
    """From which stage, or none, and what."""
    runs: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    @property
    def command(self) -> list[str]:
        """What a container runs."""
        return [*self.entrypoint, *self.arguments]


@cache
def stages() -> dict[str, Stage]:
    """Return the stages by name; the last one has none."""
    found: dict[str, Stage] = {}
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    stage = Stage("")
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(image)
        elif word:
            _read(stage, word, rest)
    return found


def _read(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "COPY":
            *sources, _ = rest.split()
            origin = [source for source in sources if source.startswith("--from=")]
            stage.copies.append(("".join(origin), [source for source in sources if source not in origin]))
        case "RUN":
            stage.runs.append(rest)
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in rest.split())
        case "USER":
            stage.user = rest
        case "HEALTHCHECK":
            stage.health = json.loads(rest[rest.index("CMD ") + 4 :])
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.arguments = json.loads(rest)
        case "WORKDIR" | "EXPOSE" | "VOLUME":
            pass
        case _:
            raise AssertionError(f"the tests do not know {word}")


def dockerfile(name: str) -> Stage:
    """Return a stage by its name; the one that is run has none."""
    return stages()[name]


@cache
def compose() -> dict[str, Any]:
    """Return compose.yaml, with its anchors resolved."""
    found: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
    return found


def inputs_of_compose() -> list[str]:
    """Return the input topics of compose's worker."""
    settings = load(DEPLOY / "compose/streams.yaml", {})
    return [topic for _, topic in settings.inputs.roles()]
