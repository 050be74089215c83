"""What a user may do, granted and withdrawn by Kafka's own tool."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_WITHIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Grant:
    """Some operations on a topic or group, or on all whose names begin so."""

    resource: str
    """``topic`` or ``group``."""
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


class Acls:
    """Grants to one user of a node; whoever calls the tool comes by the plain listener."""

    def __init__(self, jars: Path, user: str) -> None:
        self._command = ["java", "-cp", f"{jars}/*", "org.apache.kafka.tools.AclCommand"]
        self._principal = f"User:{user}"

    async def grant(self, bootstrap: str, grants: Iterable[Grant]) -> None:
        """Grant; returns when the tool says that it is done."""
        for each in grants:
            await self._run(bootstrap, "--add", each)

    async def withdraw(self, bootstrap: str, grants: Iterable[Grant]) -> None:
        """Take back what was granted."""
        for each in grants:
            await self._run(bootstrap, "--remove", each)

    async def _run(self, bootstrap: str, act: str, grant: Grant) -> None:
        arguments = ["--bootstrap-server", bootstrap, act, "--force", "--allow-principal", self._principal]
        arguments += [each for operation in grant.operations for each in ("--operation", operation)]
        arguments += [f"--{grant.resource}", grant.name]
        arguments += ["--resource-pattern-type", "prefixed" if grant.prefixed else "literal"]
        done = await asyncio.to_thread(
            subprocess.run,
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN_SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"kafka-acls {' '.join(arguments)}: {done.stdout}{done.stderr}")
