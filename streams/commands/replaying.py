"""``streams dead-letters replay``: asks the owners of profiles to export once more what became a dead letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands.held import held
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.letter_options import POSITION, filters, wanted
from streams.commands.letter_views import NO_LETTER, NO_TOPIC, NOTHING, absent, looking
from streams.commands.options import TIMEOUT_SECONDS, author
from streams.commands.progress import Progress
from streams.commands.shared import (
    config_option,
    configuration_errors,
    fail,
    on_cluster,
    output_option,
    print_table,
    read_settings,
)
from streams.configuration.settings import Settings
from streams.letters.letter import Place
from streams.letters.reading import Reading, Span
from streams.letters.replaying import owners
from streams.letters.runs import Run
from streams.letters.verdicts import ASKED, REPLAYABLE, Verdicts
from streams.letters.wanted import Wanted
from streams.profile_commands import commands_topic
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION
from streams.registry.registry import Registry
from streams.remedies.replays import told as hindrance_told
from streams.topics import cluster

UNANSWERED = "no worker has taken {count} in time: they are replayed when one does, whether or not you wait"


@click.command(
    short_help="Send once more what became a dead letter.",
    epilog=epilog(
        "streams dead-letters replay --destination crm --reason refused --since 2h",
        "streams dead-letters replay --destination crm --reason refused --since 2h --yes",
        "streams dead-letters replay 3:120 --yes --output json",
        done="each has its verdict, whatever that is; without --yes it is only told",
        failed=f"no worker has taken all of them in time; {NO_TOPIC}; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no letter stands there",
    ),
)
@click.argument("position", type=POSITION, required=False)
@filters
@click.option(
    "--as",
    "how",
    type=click.Choice(["recorded"]),
    default="recorded",
    show_default=True,
    help="recorded: the same body with the same id.",
)
@click.option("--yes", is_flag=True, help="Do it; otherwise it is only shown.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=TIMEOUT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long a worker may take to answer.",
)
@config_option
@output_option
def replay(
    position: Place | None,
    how: str,
    yes: bool,
    timeout: float,
    config: Path | None,
    output: str,
    **options: Any,
) -> None:
    """Send once more the exports that could not be delivered, or the one at POSITION, after what failed is mended.

    Nothing is sent without --yes. The worker that owns a profile writes the recorded export again, if it is the last
    one of that profile to that destination: what was exported since says more, and who was forgotten stays so. What
    could not be read is not replayed: mend it where it comes from. Each time an endpoint gets an export it comes with
    the same Idempotency-Key.
    """
    with configuration_errors():
        settings = read_settings(config)
    found = on_cluster(_replayed(settings, position, wanted(**options), timeout if yes else None))
    lines = [line._asdict() for line in found.lines()]
    if output == "json":
        click.echo(orjson.dumps({"done": yes, "as": how, "letters": lines}, option=orjson.OPT_INDENT_2))
    else:
        _print(lines, found, yes=yes)
    if count := found.total(ASKED):
        fail(UNANSWERED.format(count=count))


def _print(lines: Sequence[Mapping[str, Any]], found: Verdicts, *, yes: bool) -> None:
    if not lines:
        click.echo(NOTHING)
        return
    print_table(tuple(lines[0]), (["-" if value is None else str(value) for value in line.values()] for line in lines))
    for each in found.hindrances():
        click.echo(f"{each}: {hindrance_told(each)}")
    if not yes:
        click.echo(
            "Nothing was sent: say it again with --yes." if found.total(REPLAYABLE) else "Nothing would be sent."
        )


async def _replayed(settings: Settings, place: Place | None, asked: Wanted, seconds: float | None) -> Verdicts:
    """Replay what is asked for, waiting so long for each answer; only look where *seconds* is None."""
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(looked_at(settings))
        view = await stack.enter_async_context(looking(settings))
        progress = stack.enter_context(Progress("replaying", "letters", say_after_seconds=5.0))
        in_force = lru_cache(lambda name: None if registry is None else registry.in_force(DESTINATION, name))
        run = Run(settings.app, author().by, in_force, view, asked, progress.left)
        spans = await _spans(view, place, asked)
        if seconds is None:
            await run.look(spans)
        else:
            await _check_commands(settings)
            to = await stack.enter_async_context(owners(settings.kafka.brokers, settings.app))
            await run.replay(spans, to, seconds)
        _warn(run.verdicts, registry)
        return run.verdicts


def _warn(found: Verdicts, registry: Registry | None) -> None:
    """Tell what one would not expect of where the letters go."""
    for incarnation in sorted(found.incarnations):
        if (why := held(registry, incarnation.rpartition(".")[0])) is not None:
            click.echo(why, err=True)
    for incarnation, count in found.narrowed.items():
        why = f"{count} were rendered before something was taken away from {incarnation}"
        click.echo(f"{why}: in their place the profiles are exported as they are now", err=True)


async def _spans(view: Reading, place: Place | None, asked: Wanted) -> list[Span]:
    spans = await view.spans(asked.since)
    if place is None:
        return spans
    if not any(span.partition == place.partition and span.begin <= place.offset < span.end for span in spans):
        raise click.UsageError(NO_LETTER.format(place=place))
    return [Span(place.partition, place.offset, place.offset + 1)]


async def _check_commands(settings: Settings) -> None:
    topic = commands_topic(settings.app)
    if not await cluster.exists(settings.kafka.brokers, topic):
        fail(absent(topic))
