"""An answer: its head, which decides, and the rest, read only so that its connection can be used again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDictProxy

MAX_ANSWER_BYTES = 16 * 1024
"""How much of an answer is read before the connection is given up; its content is not used."""

DRAIN_SECONDS = 0.5
"""How long the rest of an answer is waited for: its status line has decided, and the profile's next export waits."""


class Answer(NamedTuple):
    """The head of an answer; it stands whatever becomes of the rest."""

    status: int
    headers: CIMultiDictProxy[str]


async def drain(content: aiohttp.StreamReader) -> None:
    """Read what is left of an answer; stop where that fails or takes long."""
    if content.at_eof():
        return
    room = MAX_ANSWER_BYTES
    with suppress(aiohttp.ClientError, OSError):  # a time-out is an OSError; the status line has decided already
        async with asyncio.timeout(DRAIN_SECONDS):
            while room > 0 and not content.at_eof():
                room -= len(await content.read(room))
