"""One replay of dead letters: chosen, asked for and answered, partition by partition, so that little is in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from streams.letters.reading import Reading, Span
from streams.letters.replayable import Choice, Kind, replay_of
from streams.letters.replaying import Owners
from streams.letters.verdicts import Verdicts
from streams.letters.wanted import Wanted
from streams.profile_commands import Replay
from streams.registry.records import Version


class Run:
    """Of the letters in a *view* that are *wanted*; *by* whom it is asked.

    *in_force* tells what is in force of a destination by name. *left* is told from time to time how many offsets are
    left to be looked at.
    """

    def __init__(
        self,
        app: str,
        by: str,
        in_force: Callable[[str], Version | None],
        view: Reading,
        wanted: Wanted,
        left: Callable[[int], None],
    ) -> None:
        self._app, self._by, self._in_force = app, by, in_force
        self._view, self._wanted, self._left = view, wanted, left
        self.verdicts = Verdicts()

    async def look(self, spans: Sequence[Span]) -> None:
        """Only tell what would be replayed."""
        async for _, choice in self._choices(spans):
            self.verdicts.replayable(choice)

    async def replay(self, spans: Sequence[Span], owners: Owners, seconds: float) -> None:
        """Replay, waiting at most *seconds* for an answer; once one has not come, the others are not waited for."""
        async for span, choice in self._choices(spans):
            if not choice.offsets:
                continue
            asked: dict[str, Kind] = {}
            requests = self._requests(span, choice.offsets, asked)
            answered = await owners.replay(span.partition, choice.incarnations, requests, seconds)
            self.verdicts.answered(asked, answered.written, is_taken=answered.is_taken)
            seconds = seconds if answered.is_taken else 0.0

    async def _choices(self, spans: Sequence[Span]) -> AsyncIterator[tuple[Span, Choice]]:
        behind = sum(span.end - span.begin for span in spans)
        for span in spans:
            behind -= span.end - span.begin
            choice = Choice(self._app, self._by, self._in_force)
            async for letter in self._view.letters([span], self._wanted, self._with(behind)):
                choice.consider(letter)
            self.verdicts.chosen(choice)
            yield span, choice

    def _with(self, behind: int) -> Callable[[int], None]:
        return lambda here: self._left(here + behind)

    async def _requests(
        self, span: Span, offsets: Collection[int], asked: dict[str, Kind]
    ) -> AsyncIterator[tuple[bytes, Replay]]:
        """Yield what is asked for, with the key of the profile, and note it by its id."""
        async for letter in self._view.letters([span], self._wanted):
            replay = replay_of(letter, self._app, self._by) if letter.place.offset in offsets else None
            if isinstance(replay, Replay):
                asked[replay.id] = Kind(letter.destination, letter.reason)
                yield letter.key or b"", replay
