"""What must hold on this machine before a worker starts; each refusal says what to do."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from streams.codes import Refusal, coded


class RefusedError(Exception):
    """A worker cannot start here; the text says what is wrong and what mends it."""


def writable(directory: Path) -> None:
    """Make *directory* be there, and raise RefusedError unless files can be made in it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        why = f"state.directory {directory} cannot be used ({_why(error)}): name a folder that this worker may write to"
        raise RefusedError(coded(why, Refusal.STATE_DIRECTORY)) from error


def listenable(host: str, port: int) -> None:
    """Raise RefusedError where health cannot be served; tried before anything else is begun."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        remedy = "stop what listens there, or set another"
        why = f"http.host {host}, http.port {port} cannot be listened on ({_why(error)}): {remedy}"
        raise RefusedError(coded(why, Refusal.PORT_TAKEN)) from error


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
