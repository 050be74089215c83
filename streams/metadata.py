"""What is asked of a topic never creates it: some brokers make each topic that a client asks for by its name.

aiokafka's clients, and Faust's with them, ask so unless their requests say otherwise. A topic of a user's that is
missing, misspelt or deleted must stay so: made by a question it would have the broker's number of partitions, and the
policy that deletes.
"""

from __future__ import annotations

import aiokafka.admin.client
import aiokafka.client
from aiokafka.protocol.metadata import MetadataRequest


class Question(MetadataRequest):  # type: ignore[misc]  # untyped
    """A request for metadata that creates nothing (KIP-4 of the broker's version 0.11 and newer)."""

    def __init__(self, topics: list[str] | None = None) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


def create_nothing() -> None:
    """Let every client of this process ask so, whoever makes it."""
    for module in (aiokafka.client, aiokafka.admin.client):
        module.MetadataRequest = Question
