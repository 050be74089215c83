"""The codes of messages that have no closed list of their own; ``remedies`` says what each means and what mends it."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a worker does not start, or a command cannot do what it is asked."""

    BROKER_AWAY = "broker-away"
    CLUSTER_NOT_READY = "cluster-not-ready"
    LISTENER_UNSUITED = "listener-unsuited"
    LOGIN_REFUSED = "login-refused"
    LOGIN_MECHANISM = "login-mechanism"
    LOGIN_NOT_ASKED = "login-not-asked"
    LOGIN_BROKEN = "login-broken"
    TLS_WANTED = "tls-wanted"
    TLS_NOT_SPOKEN = "tls-not-spoken"
    TLS_VERSION = "tls-version"
    CERTIFICATE_HOST = "certificate-host"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_INVALID = "certificate-invalid"
    CERTIFICATE_REFUSED = "certificate-refused"
    KAFKA_REFUSED = "kafka-refused"
    INPUT_MISSING = "input-missing"
    INPUT_PARTITIONS = "input-partitions"
    INPUT_CHANGED = "input-changed"
    TOPIC_ABSENT = "topic-absent"
    TOPIC_PARTITIONS = "topic-partitions"
    TOPIC_CONFIG = "topic-config"
    TOPIC_HIDDEN = "topic-hidden"
    TOPIC_NOT_CREATED = "topic-not-created"
    STATE_DIRECTORY = "state-directory"
    PORT_TAKEN = "port-taken"
    LIBRARY_VERSION = "library-version"


class Mistake(StrEnum):
    """What is wrong with settings or documents."""

    UNREADABLE = "unreadable"
    SYNTAX = "syntax"
    UNKNOWN_KEY = "unknown-key"
    MISSING_VALUE = "missing-value"
    WRONG_VALUE = "wrong-value"
    CONTRADICTION = "contradiction"
    UNKNOWN_PATH = "unknown-path"
    POLICY_VIOLATION = "policy-violation"
    SECRET_LITERAL = "secret-literal"  # noqa: S105 - no password, though it speaks of secrets
    SECRET_MISSING = "secret-missing"  # noqa: S105


class Advice(StrEnum):
    """What is legal, but probably not meant."""

    NO_DOCUMENTS = "no-documents"
    NO_IDENTIFIER = "no-identifier"
    CLEAR_BESIDE_HASH = "clear-beside-hash"
    UNENCRYPTED = "unencrypted"
    UNKNOWN_ACTION = "unknown-action"
    INPUT_POLICY = "input-policy"
    EXPORTS_KEPT = "exports-kept"


class Obstacle(StrEnum):
    """Why a document is not changed, or a change not followed."""

    LOST_RACE = "lost-race"
    OTHER_RELEASE = "other-release"
    DRAINING = "draining"
    ACCOUNT_IN_USE = "account-in-use"
    NOT_FOLLOWED = "not-followed"
    STEP_FAILED = "step-failed"
    GROUP_IN_USE = "group-in-use"


class Denial(StrEnum):
    """Why what is known of profiles is not told."""

    NO_TOKEN = "no-token"  # noqa: S105 - no password, though it speaks of tokens
    WRONG_TOKEN = "wrong-token"  # noqa: S105
    WRONG_REQUEST = "wrong-request"
    NO_OWNER = "no-owner"
    WORKER_UNREACHABLE = "worker-unreachable"
    WORKER_TOO_OLD = "worker-too-old"
    PROFILE_UNKNOWN = "profile-unknown"
    DESTINATION_UNKNOWN = "destination-unknown"
    NOT_ANSWERED = "not-answered"


def coded(text: str, code: str) -> str:
    """Return a message with the code of its line."""
    return f"{text} [{code}]"
