"""C1: documents that are wrong, a secret that is rotated, an endpoint that moves, all under load: nothing fails."""

from __future__ import annotations

import json
from typing import Any

from tests.faults import site
from tests.faults.commands import Ended, given
from tests.faults.evidence import Withdrawal
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "C1"
WHAT = "bad documents applied under load (four kinds); a secret file rotated, an endpoint changed: nothing fails"

PROFILES, RATE = 300, 80
FLOWING = 60
SECRET = "api-key"
REFUSED_SECONDS = "8"
MOVED = "/v1/moved"


async def run(lab: Lab, seed: int) -> Result:
    """Give an operator's commands; where a document is refused, what was in force stays so."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.1))
    secrets = lab.directory / "secrets"
    secrets.mkdir()
    (secrets / SECRET).write_text(_secret(lab, 1))
    document = _document(lab)
    settings = {"secrets": {"directory": str(secrets)}}
    workers = [lab.worker(name, documents=[document], settings=settings) for name in "ab"]
    for worker in workers:
        await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=FLOWING)
    wrong: list[str] = []
    with lab.fault("documents applied"):
        wrong += await _refused(lab, workers[0], document)
        wrong += await _unresolved(lab, workers[0], document)
        wrong += await _rotated(lab, workers[0], document, secrets)
        wrong += await _moved(lab, workers[0], document)
    result = await lab.judge(NAME, WHAT, seed)
    for text in [*wrong, *await _failures(lab, workers)]:
        result.fail(text)
    return result


def _secret(lab: Lab, number: int) -> str:
    return f"{lab.marks.secret}-{SECRET}-{number}"


def _document(lab: Lab, *changes: dict[str, Any]) -> dict[str, Any]:
    header = {"customHeaders": {"x-api-key": {"value": f"${{file:{SECRET}}}", "secret": True}}}
    return lab.receivers[0].document(header, *changes)


async def _applied(lab: Lab, worker: Worker, text: str, *options: str) -> Ended:
    file = lab.directory / "applied.yaml"
    file.write_text(text)
    return await given(worker, "destinations", "apply", file, *options)


async def _refused(lab: Lab, worker: Worker, document: dict[str, Any]) -> list[str]:
    """Apply what no document may be; it ends with 2, and nothing of it is written."""
    wrong = []
    texts = {
        "unknown key": json.dumps(document | {"colour": "red"}),
        "invalid YAML": "kind: destination\nname: [crm\n",
        "unknown account": json.dumps(document | {"account": "nobody"}),
    }
    for what, text in texts.items():
        before = _documents(lab)
        ended = await _applied(lab, worker, text)
        await lab.flowing(delivered=FLOWING)
        if ended.code != 2 or not ended.error:
            wrong.append(f"{what}: apply ended with {ended.code}: {ended.error[-300:]}")
        if _documents(lab) != before:
            wrong.append(f"{what}: something was written")
    return wrong


def _documents(lab: Lab) -> int:
    """Return how many versions of the destination were written."""
    beginning = f"destination/{site.DESTINATION}/".encode()
    return sum((row.key or b"").startswith(beginning) for row in lab.destinations.rows)


async def _unresolved(lab: Lab, worker: Worker, document: dict[str, Any]) -> list[str]:
    """Apply a secret that no worker has: apply says who does not follow, and why; a right document mends it."""
    header = {"customHeaders": {"x-other": {"value": "${env:STREAMS_SECRET_NOWHERE}", "secret": True}}}
    ended = await _applied(lab, worker, json.dumps(site.merged(document, header)), "--timeout", REFUSED_SECONDS)
    wrong = []
    if ended.code != 1 or "STREAMS_SECRET_NOWHERE" not in ended.out + ended.error:
        wrong.append(f"a secret that is missing: apply ended with {ended.code}: {ended.out[-300:]}{ended.error[-300:]}")
    mended = await _applied(lab, worker, json.dumps(document | {"description": "mended"}))
    if mended.code != 0:
        wrong.append(f"mended: apply ended with {mended.code}: {mended.error[-300:]}")
    await lab.flowing(delivered=FLOWING)
    if any("x-other" in each.head for each in lab.endpoint.requests):
        wrong.append("a request came with a header whose secret nobody has")
    return wrong


async def _rotated(lab: Lab, worker: Worker, document: dict[str, Any], secrets: Any) -> list[str]:
    """Write another secret into the file; what is applied next takes it up."""
    (secrets / SECRET).write_text(_secret(lab, 2))
    ended = await _applied(lab, worker, json.dumps(document | {"description": "rotated"}))
    await lab.flowing(delivered=FLOWING)
    late = [each for each in lab.endpoint.requests if each.arrived > ended.ended]
    old = sum(_secret(lab, 2) not in each.head for each in late)
    wrong = [f"rotated: apply ended with {ended.code}: {ended.error[-300:]}"] if ended.code != 0 else []
    return [*wrong, f"{old} requests came with the old secret"] if old else wrong


async def _moved(lab: Lab, worker: Worker, document: dict[str, Any]) -> list[str]:
    """Apply another endpoint: once that has returned, nothing goes to the old one."""
    moved = site.merged(document, {"account": {"httpEndpoint": f"{lab.endpoint.url}{MOVED}"}})
    ended = await _applied(lab, worker, json.dumps(moved))
    lab.receivers[0].withdrawals.append(Withdrawal(None, ended.began, ended.ended))
    await lab.flowing(delivered=FLOWING)
    late = [each for each in lab.endpoint.requests if each.arrived > ended.ended]
    old = sum(not each.head.startswith(f"POST {MOVED} ") for each in late)
    wrong = [f"moved: apply ended with {ended.code}: {ended.error[-300:]}"] if ended.code != 0 else []
    return [*wrong, f"{old} requests went to the old endpoint"] if old else wrong


async def _failures(lab: Lab, workers: list[Worker]) -> list[str]:
    """Return what failed, as the workers count, and as the endpoint saw."""
    failed = sum(each.status != 204 for each in lab.endpoint.requests)
    wrong = [f"{failed} requests were not taken"] if failed else []
    for worker in workers:
        samples = await worker.samples("streams_attempts_total")
        counts = {has["outcome"]: value for has, value in samples if has["outcome"] != "delivered" and value}
        wrong += [f"{worker.name} counts {counts}"] if counts else []
    if lab.letters.rows:
        wrong.append(f"there are {len(lab.letters.rows)} dead letters")
    return wrong
