"""A child process that cannot outlive its parent, and a port for it to listen on."""

from __future__ import annotations

import ctypes
import random
import signal
import socket
import sys
from contextlib import ExitStack

_PR_SET_PDEATHSIG = 1
_PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections: a client that keeps trying to reach a stopped broker
on such a port can end up connected to itself, and the broker cannot start there again."""

_dice = random.SystemRandom()
"""Nobody's seed: whoever else looks for a port at the same time is not to look at the same ones."""

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Resolved before any fork: the child of a process with threads must not load libraries."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that forked it ends; a ``preexec_fn``, Linux only."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Return *count* different loopback ports that were free a moment ago."""
    with ExitStack() as held:
        return [_hold(held) for _ in range(count)]


def _hold(held: ExitStack) -> int:
    for port in _dice.sample(_PORTS, len(_PORTS)):
        probe = held.enter_context(socket.socket())
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError(f"no free port between {_PORTS.start} and {_PORTS.stop}")
