"""K8L: as K8, with few large profiles; ``--scale 0.02`` is quick."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.rows.k8 import recover

NAME = "K8L"
WHAT = "as K8, with 100 000 profiles of 20 KiB, each with 200 memberships"

PROFILES, PADDING, MEMBERSHIPS = 100_000, 4_000, 200


async def run(lab: Lab, seed: int) -> Result:
    return await recover(lab, seed, (NAME, WHAT), int(PROFILES * lab.scale), padding=PADDING, memberships=MEMBERSHIPS)
