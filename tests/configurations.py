"""Files of settings and documents for tests, and what loading them says."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References

NO_SECRETS = References({}, None)


def written(folder: Path, text: str, name: str = "documents.yaml") -> Path:
    """Write *text*, without its indentation, to a file in *folder*."""
    path = folder / name
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def complaints(act: Callable[[], object], folder: Path) -> list[str]:
    """Return what is wrong, line for line, with *folder* left out of the places."""
    with pytest.raises(ConfigurationError) as caught:
        act()
    return str(caught.value).replace(f"{folder}/", "").splitlines()
