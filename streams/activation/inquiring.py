"""Answers what is asked of the profiles that this worker owns: why one was sent or not, and what is known of all.

It runs in the loop of the agents, between two records: a profile is seen as of the last record taken, and whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from streams.activation import explanation
from streams.activation.agents import Agents
from streams.activation.cataloguing import Catalogue
from streams.activation.explaining import explain
from streams.activation.masking import Mask
from streams.activation.questions import EXPLAIN, SEEN, Explain
from streams.codes import Denial
from streams.denied import DeniedError
from streams.telemetry.guarded import Answer

_question = msgspec.json.Decoder(Explain).decode


class Inquiry:
    """Asks *agents* about the profiles of the *partitions* that are ours and recovered; *now* is in seconds."""

    def __init__(
        self, agents: Agents, catalogue: Catalogue, partitions: Callable[[], Collection[int]], now: Callable[[], float]
    ) -> None:
        self._agents, self._catalogue, self._partitions, self._now = agents, catalogue, partitions, now

    @property
    def answers(self) -> dict[str, Answer]:
        """What answers, by path."""
        return {EXPLAIN: self._explain, SEEN: self._seen}

    async def _explain(self, asked: bytes) -> bytes:
        try:
            question = _question(asked)
        except msgspec.MsgspecError:
            raise DeniedError(Denial.WRONG_REQUEST, "expected a profile and a destination, as JSON") from None
        return explanation.encode(self.explained(question))

    def explained(self, question: Explain) -> explanation.Explanation:
        """Return the answer; raises DeniedError."""
        followed, partitions = self._agents.followed, self._asked(question)
        incarnation = next((each for each in followed.exports if each.rpartition(".")[0] == question.destination), None)
        if incarnation is None:
            raise DeniedError(
                Denial.DESTINATION_UNKNOWN, f"nothing is exported to a destination {question.destination!r}"
            )
        key = question.profile.encode(errors="surrogatepass")
        for partition in partitions:
            profile = self._agents.look(partition, key)
            if profile is not None:
                now_ms, mask = int(self._now() * 1_000), Mask(reveal=question.reveal)
                prevents = self._agents.prevents
                return explain(followed.activation, incarnation, profile, key, partition, now_ms, mask, prevents)
        raise DeniedError(Denial.PROFILE_UNKNOWN, "nothing is known of this profile")

    def _asked(self, question: Explain) -> list[int]:
        """Return the partitions to look in."""
        ours = sorted(self._partitions())
        asked = ours if question.partition is None else [each for each in ours if each == question.partition]
        if not asked:
            which = "no partition" if question.partition is None else f"not partition {question.partition}"
            raise DeniedError(Denial.NO_OWNER, f"the worker owns {which} now, or has not recovered it")
        return asked

    async def _seen(self, _: bytes) -> bytes:
        if not self._partitions():
            raise DeniedError(Denial.NO_OWNER, "the worker owns no partition now, or has not recovered")
        return msgspec.json.encode(self._catalogue.look())

    async def stop(self) -> None:
        """End what is under way."""
        await self._catalogue.stop()
