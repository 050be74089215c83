"""The course of the sample, act by act: what is sent, and what goes wrong, or is done, meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from streams.demo.sample import CRM, NEWSLETTER, Record, records


@dataclass(frozen=True, slots=True)
class Outage:
    """The endpoint answers 503 to all that a destination sends it, until so many exports were each tried so often."""

    destination: str
    exports: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Paused:
    """An operator pauses a destination before the records are sent, and resumes it after."""

    destination: str
    why: str


@dataclass(frozen=True)
class Act:
    """Records that are sent one after the other, and what they are to show."""

    title: str
    file: str
    during: Outage | Paused | None = None

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The records in their order."""
        return records(self.file)


ACTS = (
    Act("Profiles come first: nobody is in a segment yet, so nothing leaves.", "1-profiles.jsonl"),
    Act("People enter. One has no profile yet, one is refused, one record is cut off.", "2-entries.jsonl"),
    Act("Two leave. An exit never waits, and the newest export replaces older ones.", "3-exits.jsonl"),
    Act("The profile that was missing comes late, and heals the entry.", "4-late-profile.jsonl"),
    Act(
        "The CRM's endpoint fails for a while. What is for it waits, in order.",
        "5-outage.jsonl",
        Outage(CRM, exports=2, attempts=3),
    ),
    Act(
        "The newsletter is paused: what is for it waits on Kafka until it is resumed.",
        "6-pause.jsonl",
        Paused(NEWSLETTER, "they move servers"),
    ),
)
