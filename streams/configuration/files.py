"""Finds documents: the files that paths lead to, and the documents of a known kind in them, each with its lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.codes import Advice, Mistake
from streams.configuration.located import MAX_CHARACTERS, Node, lines_of, read
from streams.configuration.problems import Problem, nearest, shown

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""What is read of a folder; hidden files, and folders in it, are not."""

KINDS = ("destination", "account", "policy", "labels", "schema")

_MAX_BYTES = 4 * MAX_CHARACTERS


def files_in(paths: Sequence[Path], problems: list[Problem], warnings: list[Problem]) -> Iterator[Path]:
    """Yield each file once, those of a folder in the order of their names."""
    seen: set[Path] = set()
    for path in paths:
        try:
            found = sorted(filter(_is_document, path.iterdir())) if path.is_dir() else [path]
        except OSError as error:
            remedy = "name a readable file, or a folder of documents"
            what = f"cannot be listed ({error.strerror})"
            problems.append(Problem(name_of(path), what, remedy, code=Mistake.UNREADABLE))
            continue
        if not found:
            remedy = f"put files of {', '.join(sorted(SUFFIXES))} there"
            warnings.append(Problem(name_of(path), "has no documents", remedy, code=Advice.NO_DOCUMENTS))
        for file in found:
            if file.absolute() not in seen:
                seen.add(file.absolute())
                yield file


def _is_document(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()


def documents_in(path: Path, problems: list[Problem], warnings: list[Problem]) -> list[Node]:
    """Return the documents in a file, whether they follow each other or stand in a list."""
    known = len(problems)
    text = content(path, problems)
    if path.suffix == ".json":
        text = text.replace("\t", " ")  # JSON indents with them, YAML never; JSON has none inside its texts
    found = read(text, lines_of(name_of(path)), problems)
    flat = [item for node in found for item in (node.value if isinstance(node.value, list) else [node])]
    if not flat and len(problems) == known:
        remedy = "write one, or take the file away"
        warnings.append(Problem(name_of(path), "has no documents", remedy, code=Advice.NO_DOCUMENTS))
    problems.extend(_unknown_kind(node) for node in flat if text_of(node, "kind") not in KINDS)
    return [node for node in flat if text_of(node, "kind") in KINDS]


def content(path: Path, problems: list[Problem]) -> str:
    """Return the text of a file; a file that cannot be read is a problem, and an empty text."""
    data = b""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        return data.decode("utf-8-sig", "strict" if len(data) <= _MAX_BYTES else "ignore")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"{name_of(path)}:{line}"
        problems.append(Problem(where, "is not UTF-8", "save the file as UTF-8", code=Mistake.UNREADABLE))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no legal path"
        what, remedy = f"cannot be read ({reason})", "name a file that is there"
        problems.append(Problem(name_of(path), what, remedy, code=Mistake.UNREADABLE))
    return ""


def name_of(path: Path) -> str:
    """Return what messages call a file: its path, on one line whatever is in it."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def _unknown_kind(node: Node) -> Problem:
    remedy = f"write a mapping with kind: {', '.join(KINDS[:-1])} or {KINDS[-1]}"
    if not isinstance(node.value, dict):
        return Problem(node.where, f"a document came {shown(node.plain())}", remedy)
    found = node.below("kind")
    if found is None:
        return Problem(node.where, "a document has no kind", remedy, code=Mistake.MISSING_VALUE)
    close = nearest(found.value, KINDS) if isinstance(found.value, str) else None
    known = f"did you mean {close!r}?" if close else f"known are {', '.join(KINDS)}"
    return Problem(found.where, f"came {shown(found.plain())}", known, "kind", Mistake.UNKNOWN_KEY)


def text_of(node: Node, key: str) -> str | None:
    """Return the text that stands at *key*, if one does."""
    below = node.below(key)
    return below.value if below is not None and isinstance(below.value, str) else None
