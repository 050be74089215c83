"""How a record, and how an export, ends: the closed lists that metrics, logs, books and dead letters share."""

from __future__ import annotations

from enum import StrEnum


class RecordEnd(StrEnum):
    """How a record of an input topic ends in activation; each record counts once (design law 3.12)."""

    MALFORMED = "malformed"
    OVERTAKEN = "overtaken"
    ACTIVATED = "activated"
    EXCLUDED = "excluded"
    NOT_TRIGGERED = "not-triggered"


class ExportEnd(StrEnum):
    """How an export ends in delivery; then, and only then, may its offset be committed (design law 4.1)."""

    DELIVERED = "delivered"
    DEAD_LETTERED = "dead-lettered"
    OVERTAKEN = "overtaken"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Exclusion(StrEnum):
    """Why a triggered destination is not sent an export."""

    MANDATORY_ATTRIBUTE_MISSING = "mandatory-attribute-missing"
    REQUIRED_IDENTITY_MISSING = "required-identity-missing"
    CONSENT = "consent"
    """The profile has not consented to what the destination needs."""
    POLICY = "policy"
    """A policy forbids the destination; what it misses meanwhile is owed to it."""
    BEFORE_SINCE = "before-since"
    OWED = "owed"
    """Its exports topic refuses; the profile's state notes the export, and it follows when the topic is back."""


class Reason(StrEnum):
    """Why a record is a dead letter: the header ``streams.reason``; free text would be unfilterable."""

    INVALID_JSON = "invalid-json"
    NOT_UTF8 = "not-utf8"
    SCHEMA_ENCODED = "schema-encoded"
    NOT_AN_OBJECT = "not-an-object"
    TOO_LARGE = "too-large"
    STATE_TOO_LARGE = "state-too-large"
    TOO_DEEP = "too-deep"
    NUMBER_TOO_LONG = "number-too-long"
    NUMBER_OUT_OF_RANGE = "number-out-of-range"
    WRONG_PARTITION = "wrong-partition"
    NULL_KEY = "null-key"
    NULL_VALUE = "null-value"
    MISSING_MEMBERSHIP = "missing-membership"
    INVALID_MEMBERSHIP = "invalid-membership"
    UNKNOWN_STATUS = "unknown-status"
    MISSING_STATUS = "missing-status"
    CONTRADICTING_STATUS = "contradicting-status"
    INVALID_TIME = "invalid-time"
    FUTURE_TIME = "future-time"
    INVALID_IDENTITY_MAP = "invalid-identity-map"
    INVALID_COMMAND = "invalid-command"
    INTERNAL_ERROR = "internal-error"
    INVALID_EXPORT = "invalid-export"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"
