"""How much memory a process took at most, as the kernel remembers it, from one moment to the next."""

from __future__ import annotations

import re
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Growth:
    """Watches the peak of a process's memory from its making on, or from ``forget``."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        self.forget()

    @property
    def peak_bytes(self) -> int:
        """The most that was resident since then."""
        found = _PEAK.search((self._process / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def forget(self) -> None:
        """Begin anew with what is resident now."""
        (self._process / "clear_refs").write_text("5")
