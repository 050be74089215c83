"""Which dead letters are asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from streams.letters.letter import DeadLetter, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is said narrows, what is not does not; times are milliseconds since 1970, *until* is not included."""

    reasons: Collection[str] = ()
    destination: str | None = None
    stage: Stage | None = None
    since: int | None = None
    until: int | None = None
    profile: bytes | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether *letter* is one of those."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.destination in {None, letter.destination}
            and self.stage in {None, letter.stage}
            and (self.since is None or letter.written_at >= self.since)
            and (self.until is None or letter.written_at < self.until)
            and self.profile in {None, letter.key}
        )
