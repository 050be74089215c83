"""How the endpoint answers: a script whose dice fall by its seed, the request's key and its try."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.faults.misconduct import ACCEPTING, RACE

ASKING = (429, 503)
"""What an endpoint answers when it asks for patience."""
HANG, CLOSE = 0, -1
"""Instead of a status: never to be answered, and the connection closed without one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one request, after how long; a *way* is one of ``misconduct.WAYS``, empty for none of them."""

    status: int
    delay: float
    way: str = ""
    patience: str = ""
    """What its ``Retry-After`` says, by the forms of ``patience``; empty for no such header."""

    @property
    def told(self) -> int | None:
        """The status that the client can read, if any."""
        return self.status if self.status > 0 else None


@dataclass(slots=True)
class Behaviour:
    """How requests are answered; shares are of all requests, drawn by *seed* from the request's key and try."""

    seed: int = 0
    latency: tuple[float, float] = (0.0, 0.0)
    """Least and most; the square of the dice makes a tail."""
    errors: float = 0.0
    error_statuses: list[int] = field(default_factory=lambda: [503])
    """What an error is answered with, each as often as the others."""
    hangs: float = 0.0
    closes: float = 0.0
    refuses: float = 0.0
    redirects: float = 0.0
    redirect_to: str = ""
    ways: dict[str, float] = field(default_factory=dict)
    """The share of each kind of misconduct."""
    early_resets: float = 0.0
    """The share of connections that are reset before anything is read."""
    slow_reads: float = 0.0
    """The share of connections of which one byte a second is read."""
    status: int = 204
    """What all others are answered with; HANG is never."""
    retry_after: float = 0.0
    """Seconds of patience that a 429 or 503 asks for."""
    patience: list[str] = field(default_factory=list)
    """In which forms it asks for it, instead: each as often as the others."""
    hanging: list[str] = field(default_factory=list)
    """Texts; a request whose body holds one of them is never answered."""
    answers: dict[str, int] = field(default_factory=dict)
    """Texts; a request whose body holds one of them is answered with its status."""
    tokens: bool = False
    """Whether a live access token is asked for."""
    token_prefix: str = "token"
    token_seconds: int = 3600

    def decide(self, key: str, attempt: int, body: bytes, *, is_reused: bool = True) -> Answer:
        """Return what becomes of a request that came on a connection which had been used before, or had not."""
        dice = random.Random(f"{self.seed}:{key}:{attempt}")
        low, high = self.latency
        delay = low + (high - low) * dice.random() ** 2
        if any(text.encode() in body for text in self.hanging):
            return Answer(HANG, delay)
        for text, status in self.answers.items():
            if text.encode() in body:
                return self._asking(status, delay, dice)
        at = dice.random()
        for share, statuses in (
            (self.errors, self.error_statuses),
            (self.hangs, [HANG]),
            (self.closes, [CLOSE]),
            (self.refuses, [422]),
            (self.redirects, [307]),
        ):
            if at < share:
                return self._asking(dice.choice(statuses), delay, dice)
            at -= share
        return self._misconduct(at, delay, attempt, is_reused=is_reused) or self._asking(self.status, delay, dice)

    def _misconduct(self, at: float, delay: float, attempt: int, *, is_reused: bool) -> Answer | None:
        for way, share in self.ways.items():
            if at < share:
                is_due = way != RACE or (is_reused and not attempt)
                return Answer(200 if way in ACCEPTING else HANG, delay, way) if is_due else None
            at -= share
        return None

    def _asking(self, status: int, delay: float, dice: random.Random) -> Answer:
        """Return a plain answer, with the patience that it asks for."""
        if status not in ASKING:
            return Answer(status, delay)
        text = f"{self.retry_after:g}" if self.retry_after else ""
        return Answer(status, delay, patience=dice.choice(self.patience) if self.patience else text)
