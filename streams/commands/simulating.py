"""``streams simulate``: what would become of records in files, by the decoders and the activation of a worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from streams.activation.activate import Activation
from streams.activation.events import Input, Kind
from streams.activation.masking import Mask
from streams.activation.recorded import Line, lines_of, moment
from streams.activation.simulating import Arrived, Simulation
from streams.activation.simulation import Taken
from streams.commands.helps import WRONG, epilog
from streams.commands.options import now as clock
from streams.commands.shared import DEFAULT_CONFIG, config_option, configuration_errors, output_option
from streams.commands.simulated import told
from streams.configuration.documents import examine
from streams.configuration.meanings import inputs_of
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.settings import Settings, load_incomplete
from streams.destinations import Destination

XDM = {
    "qualifications": Input(Kind.QUALIFICATION, "qualifications"),
    "exits": Input(Kind.EXIT, "exits"),
    "memberships": Input(Kind.MEMBERSHIP, "memberships"),
    "profiles": Input(Kind.FRAGMENT, "profiles"),
}
"""The inputs where no settings name any: XDM on topics that are called after what they hold."""
KINDS = {
    "qualification": Kind.QUALIFICATION,
    "exit": Kind.EXIT,
    "membership": Kind.MEMBERSHIP,
    "profile": Kind.FRAGMENT,
}


@click.command(
    name="simulate",
    short_help="Show what would become of records in files, without Kafka.",
    epilog=epilog(
        "streams simulate records.jsonl --document crm.yaml",
        "streams simulate profiles=people.jsonl exits=left.jsonl --document crm.yaml --reveal",
        "streams simulate - --document crm.yaml --now 2026-06-01T00:00:00Z --output json",
        done="told, whatever became of the records",
        failed="a record is malformed, and --strict is given",
        wrong=f"{WRONG}; a file holds what is no record, or a record of no input",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="[TOPIC=]FILE...")
@click.option(
    "--document",
    "documents",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Documents, or folders of them; those that the settings name otherwise. Repeatable.",
)
@click.option("--now", "at", metavar="TIME", help="The clock, such as 2026-06-01T00:00:00Z; the present otherwise.")
@click.option("--reveal", is_flag=True, help="Show values, not only their types and lengths.")
@click.option("--strict", is_flag=True, help="End with 1 where a record is malformed.")
@config_option
@output_option
def simulate(
    files: tuple[str, ...],
    documents: tuple[Path, ...],
    at: str | None,
    reveal: bool,
    strict: bool,
    config: Path | None,
    output: str,
) -> None:
    """Show what would become of records in files, without Kafka: one JSON object a line, or an array of them; - is
    standard input.

    Each is decoded and applied as a worker does it: what was read and written, and for each destination that it could
    concern the trigger, or what excludes it, and the export that would be sent. Inputs, merge and partitioner are
    those of the settings; without any, they are XDM on the topics qualifications, exits, memberships and profiles.
    Nobody is asked for secrets, and nothing is sent.
    """
    with configuration_errors():
        settings = load_incomplete(DEFAULT_CONFIG if config is None and DEFAULT_CONFIG.exists() else config, os.environ)
        now_ms = _moment(at)
        destinations = _destinations(settings, documents, now_ms)
    inputs = inputs_of(settings) or XDM
    taken = list(_run(_simulation(settings, inputs, destinations, reveal), inputs, files, now_ms))
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(taken), indent=2))
    else:
        for each in taken:
            click.echo("\n".join(told(each)))
    if strict and any(each.end == "malformed" for each in taken):
        sys.exit(1)


def _moment(text: str | None) -> int:
    if text is None:
        return clock()
    try:
        return moment(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--now") from None


def _destinations(settings: Settings, paths: Sequence[Path], now_ms: int) -> list[Destination]:
    """Return what the documents say; their secrets are not needed. "now" is when the run begins."""
    found = examine(paths or settings.documents, References({}, None))
    if found.problems:
        raise ConfigurationError(found.problems)
    return [replace(each, since=now_ms) if each.since == "now" else each for each in found.destinations]


def _simulation(
    settings: Settings, inputs: dict[str, Input], destinations: Sequence[Destination], reveal: bool
) -> Simulation:
    sources = [source.source for source in inputs.values()]
    return Simulation(
        inputs,
        Activation(destinations, sources, merge=settings.merge),
        partitioner=settings.partitioner,
        partitions=settings.inputs.partitions or 1,
        mask=Mask(reveal=reveal),
    )


def _run(simulation: Simulation, inputs: dict[str, Input], files: Sequence[str], now_ms: int) -> Iterator[Taken]:
    for file in files:
        topic, _, path = file.rpartition("=")
        if topic and topic not in inputs:
            raise click.BadParameter(f"no input is called {topic!r}; known are {', '.join(inputs)}", param_hint="FILE")
        where = path
        try:
            for number, line in lines_of(_content(path)):
                where = f"{path}:{number}"
                now_ms = now_ms if line.now is None else moment(line.now)
                if line.is_record:
                    yield _taken(simulation, line, _topic(line, topic, inputs), now_ms, where)
        except (ValueError, OSError) as error:
            raise click.UsageError(f"{where}: {error}") from None


def _content(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def _topic(line: Line, topic: str, inputs: dict[str, Input]) -> str:
    """Return the input that a line is of."""
    if line.topic is not None:
        topic = line.topic
    elif line.kind is not None:
        topic = next((name for name, source in inputs.items() if source.kind is KINDS[line.kind]), "")
    if topic not in inputs:
        named = repr(topic) if topic else "no topic"
        raise ValueError(f"is a record of {named}; the inputs are {', '.join(inputs)}")
    return topic


def _taken(simulation: Simulation, line: Line, topic: str, now_ms: int, where: str) -> Taken:
    key = None if line.key is None else line.key.encode(errors="surrogatepass")
    partition, offset = simulation.place(topic, key, line.partition, line.offset)
    at = line.ts if line.timestamp is None else moment(line.timestamp)
    return simulation.take(
        Arrived(topic, partition, offset, now_ms if at is None else at, key, line.bytes), now_ms, where
    )
