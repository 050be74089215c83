"""Which connections a process has to a port of loopback, as the kernel lists them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_LOOPBACK = "0100007F"


def connections(pid: int, port: int) -> int:
    """Return how many sockets the process has that are, or were, connected to 127.0.0.1 at a port."""
    there = f"{_LOOPBACK}:{port:04X}"
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{fields[9]}]" for fields in lines if fields[2] == there}
    return sum(_target(each) in inodes for each in Path(f"/proc/{pid}/fd").iterdir())


def _target(path: Path) -> str:
    with suppress(OSError):
        return str(path.readlink())
    return ""
