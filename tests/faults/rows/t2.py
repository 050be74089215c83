"""T2: the access token is revoked in the middle of a run."""

from __future__ import annotations

from tests.faults import site
from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "T2"
WHAT = "access token revoked under load"

PROFILES, RATE = 300, 100


async def run(lab: Lab, seed: int) -> Result:
    await lab.open()
    await lab.endpoint.behave(tokens=True, latency=(0.01, 0.2))
    destination = site.merged(site.destination(lab.endpoint.url), site.with_tokens(lab.endpoint.url))
    worker = lab.worker("a", documents=[destination])
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100, open_requests=3)
    with lab.fault("token revoked"):
        await lab.endpoint.behave(revoke=True)
    await lab.flowing(delivered=300)
    result = await lab.judge(NAME, WHAT, seed)
    renewals = len(lab.endpoint.tokens) - 1
    result.figures |= {
        "renewals": renewals,
        "refused_with_401": sum(request.status == 401 for request in lab.endpoint.requests),
    }
    if renewals != 1:
        result.fail(f"the token was renewed {renewals} times")
    return result
