"""``streams dead-letters list``, ``stats`` and ``show``: what could not be read or delivered, found and understood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from streams.codes import Refusal, coded
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.letter_options import POSITION, filters, moment_of, wanted
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
from streams.exports import dead_letters_topic
from streams.letters.counts import Counts
from streams.letters.letter import DeadLetter, Place, open_headers
from streams.letters.newest import Newest
from streams.letters.reading import Reading, reading
from streams.letters.wanted import Wanted
from streams.topics import cluster

ANSWER_SECONDS = 10.0
NO_TOPIC = "there is no topic of dead letters, since no worker has begun"
NO_LETTER = "no dead letter stands at {place}: 'streams dead-letters list' tells where some do"
NOTHING = "no such dead letters"
FAILED = f"{NO_TOPIC}; {UNREACHED}"
HEADS = ("position", "time", "reason", "destination", "status", "attempts", "replays", "source")


@click.command(
    name="list",
    short_help="List dead letters, the newest last.",
    epilog=epilog(
        "streams dead-letters list --destination crm --since 2h",
        "streams dead-letters list --reason refused --reason exhausted --limit 1000 --output json",
        done="told, whether or not there are any",
        failed=FAILED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@filters
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many, the newest."
)
@config_option
@output_option
def list_letters(config: Path | None, output: str, limit: int, **options: Any) -> None:
    """List dead letters, a line each, the newest last: where each stands, why, and what it was a record of.

    Neither keys nor bodies are shown. POSITION is what `show` takes.
    """
    newest = Newest(limit)
    on_cluster(_told(_settings(config), wanted(**options), newest.add))
    kept = newest.in_order()
    if output == "json":
        click.echo(orjson.dumps([_listed(each) for each in kept], option=orjson.OPT_INDENT_2))
    elif kept:
        print_table(HEADS, map(_row, kept))
    else:
        click.echo(NOTHING)
    if newest.count > len(kept):
        click.echo(f"the newest {len(kept)} of {newest.count} are shown: narrow it, or raise --limit", err=True)


@click.command(
    name="stats",
    short_help="Count dead letters by reason and destination.",
    epilog=epilog(
        "streams dead-letters stats --since 7d",
        "streams dead-letters stats --destination crm --output json",
        done="told, whether or not there are any",
        failed=FAILED,
        wrong=WRONG_OR_REFUSED,
    ),
)
@filters
@config_option
@output_option
def stats(config: Path | None, output: str, **options: Any) -> None:
    """Count dead letters by reason and destination, each with the times of the first and the last."""
    counts = Counts()
    on_cluster(_told(_settings(config), wanted(**options), counts.add))
    rows = [
        {
            "reason": reason,
            "destination": destination,
            "count": count.count,
            "first": moment_of(count.first),
            "last": moment_of(count.last),
        }
        for reason, destination, count in counts.most_first()
    ]
    if output == "json":
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    elif rows:
        print_table(tuple(rows[0]), ([_cell(value) for value in row.values()] for row in rows))
    else:
        click.echo(NOTHING)


@click.command(
    short_help="Show one dead letter with all its headers.",
    epilog=epilog(
        "streams dead-letters show 3:120",
        "streams dead-letters show 3:120 --reveal --output json",
        failed=FAILED,
        wrong=f"{WRONG_OR_REFUSED}; no letter stands there",
    ),
)
@click.argument("position", type=POSITION)
@click.option(
    "--reveal",
    is_flag=True,
    help="Show the key, the body and the record's own headers too, which are a profile's data.",
)
@config_option
@output_option
def show(position: Place, reveal: bool, config: Path | None, output: str) -> None:
    """Show the dead letter at POSITION, which is PARTITION:OFFSET as `list` tells it, with all its headers."""
    letter = on_cluster(_one(_settings(config), position))
    if letter is None:
        raise click.UsageError(NO_LETTER.format(place=position))
    shown = _shown(letter, reveal=reveal)
    if output == "json":
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        return
    for name, value in _flat(shown):
        click.echo(f"{name}: {value}")


def _settings(config: Path | None) -> Settings:
    with configuration_errors():
        return read_settings(config)


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Reading]:
    """Lend a view of the app's dead letters; ends with 1 where there is no such topic."""
    brokers, topic = settings.kafka.brokers, dead_letters_topic(settings.app)
    await cluster.wait_for_broker(brokers, within_seconds=ANSWER_SECONDS)
    partitions = (await cluster.counts(brokers)).get(topic)
    if partitions is None:
        fail(absent(topic))
    async with reading(brokers, topic, partitions) as view:
        yield view


def absent(topic: str) -> str:
    """Return what to say of a topic of ours that is not there."""
    told = f"topic {topic} does not exist, or may not be described: start a worker, or run 'streams topics apply'"
    return coded(told, Refusal.TOPIC_ABSENT)


async def _told(settings: Settings, asked: Wanted, tell: Any) -> None:
    """Tell of each letter that is asked for."""
    async with looking(settings) as view:
        with Progress("reading dead letters", "letters", say_after_seconds=5.0) as progress:
            async for letter in view.letters(await view.spans(asked.since), asked, progress.left):
                tell(letter)


async def _one(settings: Settings, place: Place) -> DeadLetter | None:
    async with looking(settings) as view:
        return await view.at(place)


def _listed(letter: DeadLetter) -> dict[str, Any]:
    source = letter.source
    return {
        "position": str(letter.place),
        "time": moment_of(letter.written_at),
        "reason": letter.reason,
        "stage": letter.stage,
        "destination": letter.destination,
        "status": letter.status,
        "attempts": letter.attempts,
        "replays": letter.replays,
        "source": None if source is None else source._asdict(),
        "bytes": letter.size,
        "omitted": letter.omitted,
    }


def _row(letter: DeadLetter) -> list[str]:
    told = _listed(letter) | {"source": None if letter.source is None else str(letter.source)}
    return [_cell(told[head]) for head in HEADS]


def _shown(letter: DeadLetter, *, reveal: bool) -> dict[str, Any]:
    headers = [
        {"name": name, "value": _text(value) if reveal or is_open else _masked(value)}
        for name, value, is_open in open_headers(letter)
    ]
    told = {name: value for name, value in _listed(letter).items() if name != "bytes"}
    show = _text if reveal else _masked
    return {**told, "headers": headers, "key": show(letter.key), "body": show(letter.body)}


def _masked(value: bytes | None) -> str | None:
    return None if value is None else f"<{len(value)} bytes>"


def _text(value: bytes | None) -> str | None:
    """Return bytes as text; what is no UTF-8 with its bytes written as ``\\xff``."""
    return None if value is None else value.decode(errors="backslashreplace")


def _flat(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in shown.items():
        if name == "headers":
            yield from ((header["name"], _cell(header["value"])) for header in value)
        elif name == "source" and value is not None:
            yield name, "-".join(map(str, value.values()))
        else:
            yield name, _cell(value)


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
