"""``streams dead-letters``: what could not be read or delivered, found, understood and sent once more."""

from __future__ import annotations

import click

from streams.commands.helps import WRONG_OR_REFUSED, epilog
from streams.commands.letter_views import FAILED, list_letters, show, stats
from streams.commands.replaying import replay


@click.group(
    name="dead-letters",
    epilog=epilog(
        "streams dead-letters stats", "streams dead-letters list --since 2h", failed=FAILED, wrong=WRONG_OR_REFUSED
    ),
)
def dead_letters() -> None:
    """Look at what could not be read or delivered, and send it once more.

    Nothing is changed by looking. What is shown holds no profile's data unless you ask for it.
    """


for _command in (list_letters, show, stats, replay):
    dead_letters.add_command(_command)
