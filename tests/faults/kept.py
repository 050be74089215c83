"""The ledgers of a run, put together for the judge, kept as files to see why it failed, and read again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.evidence import (
    Asked,
    Commit,
    Evidence,
    Export,
    Fault,
    Fresh,
    Letter,
    Limits,
    Obligation,
    Vital,
    Withdrawal,
)
from tests.faults.ledger import Endpoint
from tests.faults.profiles import State
from tests.faults.quiet import is_finished

if TYPE_CHECKING:
    from tests.faults.lab import Lab
    from tests.faults.receiver import Receiver

LEDGERS = (
    *("obligations", "exports", "letters", "commits", "faults", "vitals", "fresh"),
    *("withdrawals", "asked"),
)
REST = (
    *("app", "exports_topic", "delivery_group", "activation_group", "forbidden_accepts", "is_finished", "limits"),
    *("owed_from", "owed_until", "refusals"),
)


def gathered(lab: Lab, of: Receiver, texts: Mapping[str, str]) -> Evidence:
    """Return all ledgers as they are, *of* one destination where each has its own; *texts* is what was said."""
    workers = most_alive(lab.vitals)
    others = {each.exports_topic for each in lab.receivers} - {of.exports_topic}
    return Evidence(
        app=lab.app,
        exports_topic=of.exports_topic,
        delivery_group=of.delivery_group,
        activation_group=lab.activation_group,
        obligations=lab.load.obligations,
        requests=of.endpoint.requests,
        exports=of.exports.rows,
        letters=[each for each in lab.letters.rows if each.topic not in others],
        commits=lab.commits.changes,
        faults=[each for each in (*lab.faults, *of.faults) if of.owed_from <= each.began < of.owed_until],
        vitals=lab.vitals,
        fresh=lab.fresh,
        texts=texts,
        canaries=lab.marks.all,
        forbidden_accepts=lab.forbidden.accepts,
        is_finished=is_finished(lab, of),
        withdrawals=of.withdrawals,
        asked=[each for each in lab.asked.rows if each.destination == of.incarnation],
        refusals=of.refusals,
        owed_from=of.owed_from,
        owed_until=of.owed_until,
        limits=replace(lab.limits, in_flight=lab.limits.in_flight * workers, workers=workers),
    )


def most_alive(vitals: Sequence[Vital]) -> int:
    """Return how many workers were alive at once, at most, as it was seen every second."""
    return max(Counter(round(vital.at) for vital in vitals).values(), default=1)


def write_ledgers(evidence: Evidence, directory: Path) -> None:
    """Write each ledger but the endpoint's, one JSON line for each entry, and in ``rest.json`` all else but the texts.

    Of an export the body is kept where no request has it.
    """
    posted = {request.key for request in evidence.requests}
    for name in LEDGERS:
        with (directory / f"{name}.jsonl").open("w") as file:
            file.writelines(json.dumps(_fields(entry, posted)) + "\n" for entry in getattr(evidence, name))
    rest = {name: getattr(evidence, name) for name in REST}
    (directory / "rest.json").write_text(json.dumps(rest, default=asdict) + "\n")


def read_ledgers(directory: Path) -> Evidence:
    """Return the evidence of a run whose ledgers were kept; what was said is not among it."""
    endpoint = Endpoint(directory / "endpoint")
    endpoint.read()
    bodies = {request.key: request.body for request in endpoint.requests}
    rest = json.loads((directory / "rest.json").read_text())
    kept = {name: _lines(directory / f"{name}.jsonl") for name in LEDGERS}
    return Evidence(
        **rest | {"limits": Limits(**rest["limits"]), "refusals": tuple(map(tuple, rest["refusals"]))},
        requests=endpoint.requests,
        obligations=[Obligation(**each | {"state": State(*each["state"])}) for each in kept["obligations"]],
        exports=[Export(**each | {"body": _body(each, bodies)}) for each in kept["exports"]],
        letters=[Letter(**each | {"value": _value(each), "origin": tuple(each["origin"])}) for each in kept["letters"]],
        commits=[Commit(**each) for each in kept["commits"]],
        faults=[Fault(**each) for each in kept["faults"]],
        vitals=[Vital(**each) for each in kept["vitals"]],
        fresh=[Fresh(**each) for each in kept["fresh"]],
        withdrawals=[Withdrawal(**each) for each in kept["withdrawals"]],
        asked=[Asked(**each) for each in kept["asked"]],
    )


def _fields(entry: Any, posted: Set[str]) -> dict[str, Any]:
    fields = asdict(entry)
    if isinstance(entry, Export) and entry.key in posted:
        del fields["body"]
    return {name: each.decode(errors="replace") if isinstance(each, bytes) else each for name, each in fields.items()}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _body(export: Mapping[str, Any], bodies: Mapping[str, bytes]) -> bytes:
    return bodies.get(export["key"], export.get("body", "").encode())


def _value(letter: Mapping[str, Any]) -> bytes | None:
    value = letter["value"]
    return None if value is None else value.encode()
