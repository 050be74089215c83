"""Whether aiohttp is one whose internals the prepared requests know.

They use parts that its documentation does not promise. Another version may have changed what they mean: then requests
go by ``ClientSession``, which does the same for more CPU, and the log says so once. It is no reason to stand still, as
it is for what acknowledges records.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import structlog

KNOWN = ("3.14.0", "3.14.1", "3.14.2", "3.14.3", "3.14.4", "3.14.5")
"""The versions against which tests/endpoints/test_conformance.py ran."""


@cache
def is_known(installed: str) -> bool:
    """Whether *installed*, a version of aiohttp, is one of them; where it is not, this is told once."""
    if installed in KNOWN:
        return True
    structlog.get_logger().warning(
        "requests.plain",
        aiohttp=installed,
        known=KNOWN,
        todo="nothing is lost, but a request costs twice the CPU: install a version of aiohttp that is known",
    )
    return False


def knows_aiohttp() -> bool:
    """Whether the installed aiohttp is known."""
    return is_known(version("aiohttp"))
