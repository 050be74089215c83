"""The sample's files: the records, the settings and the documents that a demo runs with.

They are in ``streams/demo/sample``, and are meant to be read, copied and changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

DIRECTORY = Path(__file__).parent / "sample"
SETTINGS = "streams.yaml"
DOCUMENTS = ("crm.yaml", "newsletter.yaml")

APP = "demo"
SECRET_FILE = "secrets/demo"  # noqa: S105 - where it is, below the settings
TOKEN_FILE = "secrets/token"  # noqa: S105 - likewise
ENDPOINT = "http://endpoint.example"
TOKEN_URL = "http://login.example/oauth2/token"  # noqa: S105 - an address
BROKER, PORT = "127.0.0.1:9092", "port: 8080"
"""What the files say where an address stands that is not known before the demo has started."""

CRM, NEWSLETTER = "crm", "newsletter"
"""The destination of the published example, and one without OAuth2."""

PARTITIONS = 2
PROFILES, QUALIFICATIONS, EXITS = TOPICS = ("profiles", "qualifications", "exits")

EXAMPLE = "14575006536349286404619648085736425115"
"""An identity of the person whom the published example is about."""
TRIED_AGAIN, REFUSED = "A-1002", "A-1003"
"""Jonas, whose first request the endpoint answers with 503, and Teo, whom it refuses for good, by their identities."""


class Record(msgspec.Struct, frozen=True):
    """A record to send: the profile's id is its key; *text* is sent as it is, for what is no JSON."""

    topic: str
    profile: str
    value: msgspec.Raw = msgspec.Raw(b"")
    text: str | None = None

    @property
    def bytes(self) -> bytes:
        """The record's value, every digit as it stands in the file."""
        return bytes(self.value) if self.text is None else self.text.encode()


def records(file: str) -> tuple[Record, ...]:
    """Return the records of a file in their order."""
    lines = (DIRECTORY / file).read_bytes().splitlines()
    return tuple(msgspec.json.decode(line, type=Record) for line in lines)


def documents(*, endpoint: str, token_url: str) -> Iterator[tuple[str, str]]:
    """Return the documents by file name, with the servers' addresses put in."""
    for name in DOCUMENTS:
        text = (DIRECTORY / name).read_text(encoding="utf-8")
        yield name, text.replace(ENDPOINT, endpoint).replace(TOKEN_URL, token_url)


def settings(*, bootstrap: str, port: int) -> str:
    """Return the settings, with the broker's address and the worker's port put in."""
    text = (DIRECTORY / SETTINGS).read_text(encoding="utf-8")
    return text.replace(BROKER, bootstrap).replace(PORT, f"port: {port}")
