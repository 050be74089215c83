"""What is known of profiles is not told: why, with the code of the line that says what to do."""

from __future__ import annotations

from streams.codes import Denial, coded


class DeniedError(Exception):
    """A question that is not answered; *why* shows nothing of a profile."""

    def __init__(self, code: Denial, why: str) -> None:
        super().__init__(coded(why, code))
        self.code, self.why = code, why
