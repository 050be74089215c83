"""Real damage to a RocksDB directory, of every kind that its files allow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

Damage = Callable[[Path], object]


def _first(path: Path, pattern: str) -> Path:
    return min(path.glob(pattern))


def flip(file: Path, share: float) -> None:
    """Flip bits from *share* of a file on."""
    with file.open("r+b") as opened:
        place = int(file.stat().st_size * share)
        opened.seek(place)
        found = opened.read(16)
        opened.seek(place)
        opened.write(bytes(byte ^ 0xFF for byte in found))


def cut(file: Path, share: float) -> None:
    """Keep only *share* of a file."""
    os.truncate(file, int(file.stat().st_size * share))


def _without_directory(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    path.write_text("not a directory")


def flip_rows(path: Path) -> None:
    """Flip bits in the middle of the rows: seen only by who reads them."""
    flip(_first(path, "*.sst"), 0.4)


AT_OPENING: Mapping[str, Damage] = {
    "CURRENT is missing": lambda path: (path / "CURRENT").unlink(),
    "CURRENT is garbage": lambda path: (path / "CURRENT").write_bytes(b"garbage"),
    "MANIFEST is missing": lambda path: _first(path, "MANIFEST*").unlink(),
    "MANIFEST is flipped": lambda path: flip(_first(path, "MANIFEST*"), 0.5),
    "MANIFEST is truncated": lambda path: cut(_first(path, "MANIFEST*"), 0.5),
    "rows are truncated": lambda path: cut(_first(path, "*.sst"), 0.5),
    "rows are missing": lambda path: _first(path, "*.sst").unlink(),
    "it is a file": _without_directory,
}
"""What is seen when the directory is opened."""
