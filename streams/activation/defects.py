"""A defect of ours costs one record, not the stream: it is told without showing what the record held."""

from __future__ import annotations

import logging

from streams.activation.events import Malformed
from streams.crashes import place
from streams.ends import Reason
from streams.engine import Message

log = logging.getLogger(__name__)


def defect(doing: str, message: Message, error: Exception) -> Malformed:
    """Log what went wrong while *doing* something with a record, and return why it is a dead letter."""
    position = f"{message.topic}-{message.partition}-{message.offset}"
    log.error("%s %s failed: %s at %s", doing, position, type(error).__name__, place(error))
    return Malformed(Reason.INTERNAL_ERROR, type(error).__name__)
