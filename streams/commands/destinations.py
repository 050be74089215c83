"""``streams destinations``: what documents say of destinations, made to be in force, looked at and changed."""

from __future__ import annotations

import click

from streams.commands.activating import activate
from streams.commands.applying import apply_command, plan_command
from streams.commands.catalogue import list_destinations, show_destination
from streams.commands.checking import check
from streams.commands.deleting import delete
from streams.commands.helps import epilog
from streams.commands.pausing import pause, resume
from streams.commands.trials import test


@click.group(epilog=epilog("streams destinations check documents/", "streams destinations apply documents/"))
def destinations() -> None:
    """Look at destinations, and change them while the workers run."""


for _command in (
    *(check, test, plan_command("destinations"), apply_command("destinations"), activate),
    *(list_destinations, show_destination, pause, resume, delete),
):
    destinations.add_command(_command)
