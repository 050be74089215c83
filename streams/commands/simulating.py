"""``streams simulate``: what would become of records in files, by the decoders and the activation of a worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from streams.activation.events import Input, Kind
from streams.activation.masking import Mask
from streams.activation.recorded import Line, lines_of, moment
from streams.activation.simulating import Arrived, Simulation
from streams.activation.simulation import Taken
from streams.commands.helps import WRONG, epilog
from streams.commands.options import now as clock
from streams.commands.shared import DEFAULT_CONFIG, config_option, configuration_errors, output_option
from streams.commands.simulated import told
from streams.configuration.meanings import inputs_of
from streams.configuration.settings import Settings, load_incomplete
from streams.destinations import Destination
from streams.registry.rehearsal import Rehearsal

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
        failed="a record is malformed, and --strict is given; or 'apply' would refuse the documents",
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
        run = _Run(settings, documents, _moment(at), Mask(reveal=reveal))
        taken = [each for file in files for each in run.file(file)]
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


class _Run:
    """Takes the lines of files, one after the other, as a worker of *settings* would."""

    def __init__(self, settings: Settings, documents: Sequence[Path], now_ms: int, mask: Mask) -> None:
        self._inputs, self._now_ms = inputs_of(settings) or XDM, now_ms
        self._rehearsal = Rehearsal()
        self._simulation = Simulation(
            self._inputs,
            self._applied(documents or settings.documents),
            merge=settings.merge,
            partitioner=settings.partitioner,
            partitions=settings.inputs.partitions or 1,
            mask=mask,
        )

    def _applied(self, paths: Sequence[Path]) -> list[Destination]:
        return self._rehearsal.apply(paths, self._now_ms)

    def file(self, file: str) -> Iterator[Taken]:
        """Take a file, ``[TOPIC=]FILE``; wrong usage where it holds what is no record."""
        topic, _, path = file.rpartition("=")
        if topic and topic not in self._inputs:
            known = ", ".join(self._inputs)
            raise click.BadParameter(f"no input is called {topic!r}; known are {known}", param_hint="FILE")
        where = path
        try:
            for number, line in lines_of(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()):
                where = f"{path}:{number}"
                yield from self._line(line, topic, where, Path(path).parent)
        except (ValueError, OSError) as error:
            raise click.UsageError(f"{where}: {error}") from None

    def _line(self, line: Line, topic: str, where: str, folder: Path) -> Iterator[Taken]:
        if line.now is not None:
            self._now_ms = moment(line.now)
        if line.lets_time_pass:
            yield from self._simulation.expire(self._now_ms, where)
        if line.documents is not None:
            self._simulation.follow(self._applied([folder / line.documents]))
        if line.is_record:
            yield self._record(line, self._topic(line, topic), where)

    def _topic(self, line: Line, topic: str) -> str:
        """Return the input that a line is of."""
        if line.topic is not None:
            topic = line.topic
        elif line.kind is not None:
            topic = next((name for name, source in self._inputs.items() if source.kind is KINDS[line.kind]), "")
        if topic not in self._inputs:
            named = repr(topic) if topic else "no topic"
            raise ValueError(f"is a record of {named}; the inputs are {', '.join(self._inputs)}")
        return topic

    def _record(self, line: Line, topic: str, where: str) -> Taken:
        key = None if line.key is None else line.key.encode(errors="surrogatepass")
        partition, offset = self._simulation.place(topic, key, line.partition, line.offset)
        told_at = line.ts if line.timestamp is None else moment(line.timestamp)
        at = self._now_ms if told_at is None else told_at
        return self._simulation.take(Arrived(topic, partition, offset, at, key, line.bytes), self._now_ms, where)
