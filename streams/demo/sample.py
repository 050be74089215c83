"""The sample: what is sent to Kafka step by step, and the settings and documents that it runs with.

The files are in ``streams/demo/sample``: they are meant to be read, copied and changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

DIRECTORY = Path(__file__).parent / "sample"
SETTINGS = "streams.yaml"
DOCUMENTS = ("crm.yaml", "newsletter.yaml")

ENDPOINT = "http://endpoint.example"
TOKEN_URL = "http://login.example/oauth2/token"  # noqa: S105 - an address
"""What the documents call the two servers, whose ports are not known before they are started."""

SECRET_NAME = "STREAMS_SECRET_DEMO"  # noqa: S105 - the name of the secret, not the secret
"""Where the documents refer to for the client secret."""

EXAMPLE = "crm"
"""The destination of the published example."""

PARTITIONS = 2
TOPICS = ("profiles", "qualifications", "exits")

TRIED_AGAIN, REFUSED = "A-1002", "A-1003"
"""Jonas, whose first request the endpoint answers with 503, and Teo, whom it refuses for good, by their identities."""


class Record(msgspec.Struct, frozen=True):
    """A record to send: the profile's id is its key; *text* is sent as it is, for what is no JSON."""

    profile: str
    value: msgspec.Raw = msgspec.Raw(b"")
    text: str | None = None

    @property
    def bytes(self) -> bytes:
        """The record's value, every digit as it stands in the file."""
        return bytes(self.value) if self.text is None else self.text.encode()


@dataclass(frozen=True)
class Step:
    """Records of one topic that are sent together, and what they are to show."""

    title: str
    topic: str
    file: str

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The records in their order."""
        lines = (DIRECTORY / self.file).read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=Record) for line in lines)


STEPS = (
    Step("Profiles come first: nobody is in a segment yet, so nothing leaves.", "profiles", "1-profiles.jsonl"),
    Step(
        "People qualify. One has no profile yet, one the endpoint refuses, one record is cut off.",
        "qualifications",
        "2-qualifications.jsonl",
    ),
    Step("Two exits. An exit never waits, and the newest export replaces the older ones.", "exits", "3-exits.jsonl"),
    Step("The profile that was missing comes late, and heals the entry.", "profiles", "4-late-profile.jsonl"),
)


def documents(*, endpoint: str, token_url: str) -> Iterator[tuple[str, str]]:
    """Return the documents by file name, with the servers' addresses put in."""
    for name in DOCUMENTS:
        text = (DIRECTORY / name).read_text(encoding="utf-8")
        yield name, text.replace(ENDPOINT, endpoint).replace(TOKEN_URL, token_url)


def settings() -> str:
    """Return the worker's settings; the broker's address and the worker's port come by the environment."""
    return (DIRECTORY / SETTINGS).read_text(encoding="utf-8")
