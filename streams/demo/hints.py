"""What can be tried beside, and after, a run of the demo: exact command lines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from streams.demo.sample import DIRECTORY, NEWSLETTER
from streams.demo.stage import Stage


def afterwards() -> Iterator[tuple[str, str]]:
    """Return what can be tried when the demo has ended."""
    yield "the settings, documents and records that ran", str(DIRECTORY)
    yield "every option", f"{streams()} demo --help"
    yield "each request as a line of JSON", f"{streams()} demo --once --output json"


def meanwhile(stage: Stage) -> Iterator[tuple[str, str]]:
    """Return what can be tried while the demo runs."""
    config, document = f"--config {stage.config}", stage.config.with_name(f"{NEWSLETTER}.yaml")
    yield "workers, lag and states", f"{streams()} status {config}"
    yield "destinations", f"{streams()} destinations list {config}"
    yield "pause one", f"{streams()} destinations pause {NEWSLETTER} --why 'a look' {config}"
    yield "resume it", f"{streams()} destinations resume {NEWSLETTER} {config}"
    yield "edit its document, and apply it", f"{streams()} destinations apply {document} {config}"
    yield "export a profile anew", f"{streams()} re-export --profile amira --destination {NEWSLETTER} {config}"
    yield "why a profile was sent", f"{streams()} explain --profile amira --destination {NEWSLETTER} {config}"
    yield "the worker's health, and its figures", f"curl {stage.worker.url}/readyz {stage.worker.url}/metrics"


def streams() -> str:
    """Return how this very command is called from here."""
    found, ours = shutil.which("streams"), Path(sys.executable).with_name("streams")
    if found is not None and Path(found).resolve() == ours.resolve():
        return "streams"
    return str(ours.relative_to(Path.cwd())) if ours.is_relative_to(Path.cwd()) else str(ours)
