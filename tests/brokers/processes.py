"""What the tests' own processes need: a child that cannot outlive its parent, and a port to listen on."""

from __future__ import annotations

import ctypes
import os
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
"""Nobody's seed: tests that run side by side begin with the same one, and would ask for the same ports."""

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Resolved before any fork: the child of a process with threads must not load libraries."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that forked it ends; a ``preexec_fn``, Linux only."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def freeze(pid: int) -> None:
    """Stop a child process; returns when all of its threads have stopped.

    The signal alone is not enough: on a busy machine the others run on until the thread that takes it gets its turn,
    and a broker so reads what was sent to it after it was "frozen".
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)


def thaw(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)


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
