"""``streams explain``: why a profile was, or was not, sent to a destination, asked of the worker that owns it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from streams.activation import explanation
from streams.activation.partitioners import HASHES
from streams.activation.questions import EXPLAIN, Explain
from streams.codes import Denial
from streams.commands.asking import ASK_SECONDS, Owners, first_of, owners_of, token_of
from streams.commands.explained import told
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.shared import config_option, configuration_errors, on_cluster, output_option, read_settings
from streams.configuration.settings import Settings
from streams.denied import DeniedError
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION
from streams.status.inquiry import Asked
from streams.status.table import ranges


@click.command(
    short_help="Show why a profile was, or was not, sent to a destination.",
    epilog=epilog(
        "streams explain --profile p-1 --destination crm",
        "streams explain --profile p-1 --destination crm --reveal --output json",
        done="told, whatever the reason",
        failed=f"nothing is known of the profile, nobody owns it now, or its worker cannot be reached; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name; no token, or not the worker's",
    ),
)
@click.option("--profile", required=True, help="The profile id, the key of its records.")
@click.option("--destination", "name", required=True, help="The destination's name.")
@click.option("--partition", type=click.IntRange(0), help="Where its records are; found out otherwise.")
@click.option("--reveal", is_flag=True, help="Show values, not only their types and lengths.")
@config_option
@output_option
def explain(profile: str, name: str, partition: int | None, reveal: bool, config: Path | None, output: str) -> None:
    """Show why a profile was, or was not, sent to a destination: what is known of it, what each rule says, and the
    export that would be sent now.

    The worker that owns the profile answers, over HTTP; the setting `http.token` must be the one that it has. Values
    are masked unless --reveal is given; segments, paths and states are not.
    """
    with configuration_errors():
        settings = read_settings(config)
    question = Explain(profile=profile, destination=name, partition=partition, reveal=reveal)
    answer = on_cluster(_asked(settings, question))
    if output == "json":
        click.echo(msgspec.json.format(answer, indent=2))
        return
    for line in told(explanation.decode(answer)):
        click.echo(line)


async def _asked(settings: Settings, question: Explain) -> bytes:
    async with looked_at(settings) as registry:
        in_force(registry, DESTINATION, question.destination)
    owners, token = await owners_of(settings), token_of(settings)
    partition = question.partition if question.partition is not None else _home(settings, question, owners)
    asked = msgspec.structs.replace(question, partition=partition)
    async with Asked(token, ASK_SECONDS) as workers:
        each = (workers.ask(worker, EXPLAIN, asked) for worker in owners.of(partition))
        answers = await asyncio.gather(*each, return_exceptions=True)
    try:
        return first_of(answers)
    except DeniedError as denied:
        if denied.code is Denial.PROFILE_UNKNOWN and partition is None and owners.unowned:
            why = f"no owner knows this profile, and the partitions {ranges(owners.unowned)} have none now"
            raise DeniedError(Denial.NO_OWNER, why) from None
        raise


def _home(settings: Settings, question: Explain, owners: Owners) -> int | None:
    """Return where the profile lives; None where the settings do not say how keys are placed: then all are asked."""
    hash_of = HASHES.get(settings.partitioner)
    if hash_of is None or not owners.partitions:
        return None
    return hash_of(question.profile.encode(errors="surrogatepass")) % owners.partitions
