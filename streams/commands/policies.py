"""``streams policies``: policies, labels and union schemas, looked at and changed; what they forbid, and why."""

from __future__ import annotations

import click

from streams.commands.applying import apply_command, plan_command
from streams.commands.enabling import disable, enable
from streams.commands.evaluating import evaluate
from streams.commands.helps import epilog
from streams.commands.rules import delete, list_rules, show_rule


@click.group(epilog=epilog("streams policies list", "streams policies evaluate --destination crm"))
def policies() -> None:
    """Look at policies, labels and union schemas, and change what they forbid while the workers run."""


for _command in (
    *(list_rules, show_rule, plan_command("policies"), apply_command("policies")),
    *(enable, disable, evaluate, delete),
):
    policies.add_command(_command)
