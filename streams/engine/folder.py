"""A state's folder as its files show it, without RocksDB, and what is said when something is wrong with it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from streams.codes import Refusal
from streams.engine.manifest import is_whole
from streams.engine.trust import DistrustedError, Doubt, LockedError, UnusableError

CORRUPT = "CORRUPT"
"""The file in a folder that was found damaged while in use: it is not opened again."""
MEBIBYTE = 1024 * 1024


def last_written(path: Path) -> float | None:
    """Return when rows were last written below *path*, None where there are none.

    Raises DistrustedError at damage that RocksDB would not tell, LockedError while another process may be writing.
    """
    if not path.exists():
        return None
    if not path.is_dir():
        raise DistrustedError(Doubt.CORRUPT, "it is no directory")
    with _locked(path):
        _examine(path)
        files = [each.stat() for pattern in ("*.sst", "*.log") for each in path.glob(pattern)]
    return max((each.st_mtime for each in files if each.st_size), default=None)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that RocksDB takes too."""
    with (path / "LOCK").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(str(error)) from error
        yield


def _examine(path: Path) -> None:
    current = path / "CURRENT"
    if (path / CORRUPT).exists():
        raise DistrustedError(Doubt.CORRUPT, (path / CORRUPT).read_text().strip() or "it was found damaged")
    if not current.exists():
        if any(path.glob("*.sst")):
            raise DistrustedError(Doubt.CORRUPT, "it is damaged: it has rows and no file CURRENT")
        return
    manifest = path / current.read_text(errors="replace").strip()
    if manifest.is_file() and not is_whole(manifest.read_bytes()):
        raise DistrustedError(Doubt.CORRUPT, f"it is damaged: {manifest.name} is cut off or altered")


def damaged(path: Path, found: str) -> None:
    """Say that a folder in use is damaged, and leave that as a mark in it, for who opens it next."""
    structlog.get_logger().error(
        "state.damaged",
        directory=str(path),
        found=found,
        code=Doubt.CORRUPT.value,
        todo="nothing but to see that the worker starts again: the directory is then set aside, its state built anew",
    )
    with suppress(OSError):
        (path / CORRUPT).write_text(f"{found}\n")


class Complaint:
    """Says once what is wrong with the directories of a worker: they lie on one disk, which fails them together."""

    def __init__(self) -> None:
        self._is_made = False

    def unusable(self, path: Path, why: str) -> UnusableError:
        """Say in one line of the log what is wrong with *path* and what mends it; return the error to be raised."""
        there = next(each for each in (path, *path.parents) if each.exists())
        free = shutil.disk_usage(there).free // MEBIBYTE
        if not self._is_made:
            self._is_made = True
            structlog.get_logger().error(
                "state.unusable",
                directory=str(path),
                why=why,
                free_mib=free,
                code=Refusal.STATE_DIRECTORY.value,
                todo="give the directory room, or the worker the right to write there, and start the worker again; "
                "nothing is lost: what is not stored is not acknowledged",
            )
        return UnusableError(f"the state directory {path} cannot be used: {why}, {free} MiB are free")
