"""A defect of ours costs one record, not the stream: it is told without showing what the record held."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from streams.activation.events import Malformed
from streams.ends import Reason
from streams.engine import Message

log = logging.getLogger(__name__)


def defect(doing: str, message: Message, error: Exception) -> Malformed:
    """Log what went wrong while *doing* something with a record, and return why it is a dead letter."""
    position = f"{message.topic}-{message.partition}-{message.offset}"
    log.error("%s %s failed: %s at %s", doing, position, type(error).__name__, _place(error))
    return Malformed(Reason.INTERNAL_ERROR, type(error).__name__)


def _place(error: Exception) -> str:
    """Return where an error came from; its own text could hold the record."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
