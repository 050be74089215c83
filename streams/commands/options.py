"""The options of commands that change documents: what they wait for, and who asks."""

from __future__ import annotations

import getpass
import os
import socket
import time

import click

from streams.registry.edits import Author

TIMEOUT_SECONDS = 30.0

timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=TIMEOUT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the workers may take to follow.",
)
wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Whether to return only when all live workers follow."
)


def author() -> Author:
    """Return who runs this command, and that it is now."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        user = str(os.getuid())
    return Author(f"{user}@{socket.gethostname()}", now())


def now() -> int:
    """Return the time in milliseconds."""
    return int(time.time() * 1000)
