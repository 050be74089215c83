"""The judge shares no code with the judged: nothing that it is made of imports the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JUDGED = "streams"
IN_THE_WORKER = ("tests.faults.unmeasured", "tests.faults.hooks")
"""What runs inside a worker's process to take a measure away; the judge must not import it."""


def imports(text: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides what it reaches"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str, root: Path) -> Path | None:
    """Return the file of a module of ours."""
    path = root.joinpath(*name.split("."))
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)


def offences(root: Path) -> list[str]:
    """Return who, of all that the judge imports, imports what is judged or what runs inside of it."""
    waiting = [path for path in (root / "tests" / "faults").rglob("*.py") if not _is_in_the_worker(path, root)]
    seen, found = set(waiting), []
    while waiting:
        path = waiting.pop()
        for name in imports(path.read_text()):
            if name.split(".")[0] == JUDGED or name.startswith(IN_THE_WORKER):
                found.append(f"{path.relative_to(root)} imports {name}")
            file = file_of(name, root) if name.startswith("tests") else None
            if file is not None and file not in seen:
                seen.add(file)
                waiting.append(file)
    return sorted(set(found))


def _is_in_the_worker(path: Path, root: Path) -> bool:
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    return name.startswith(IN_THE_WORKER)


def test_nothing_that_judges_imports_what_is_judged() -> None:
    assert offences(ROOT) == []


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("tests/faults/lab.py", "import streams", "tests/faults/lab.py imports streams"),
        (
            "tests/faults/lab.py",
            "def f():\n    from streams.exports import X",
            "tests/faults/lab.py imports streams.exports",
        ),
        ("tests/brokers/node.py", "import streams.demo", "tests/brokers/node.py imports streams.demo"),
        (
            "tests/faults/lab.py",
            "from tests.faults import unmeasured",
            "tests/faults/lab.py imports tests.faults.unmeasured",
        ),
    ],
)
def test_an_import_however_deep_is_told(tmp_path: Path, file: str, text: str, told: str) -> None:
    files = {
        "tests/faults/lab.py": "from tests.brokers import node",
        "tests/brokers/node.py": "",
        "tests/faults/unmeasured.py": "import streams",
    }
    for name, content in (files | {file: text}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    assert told in offences(tmp_path)
