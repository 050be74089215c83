"""Why a record, or an export, is a dead letter: the header ``streams.reason``."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

RECORDS: Remedies = {
    "invalid-json": Remedy(
        "It is no JSON: cut off, single quotes, `NaN`, a byte order mark, half of a character (a lone surrogate).",
        "Mend the producer",
    ),
    "not-utf8": Remedy("Its bytes are no UTF-8: Latin-1, UTF-16, or compressed by the application.", "Write UTF-8"),
    "schema-encoded": Remedy(
        "It is Avro or Protobuf behind a schema registry's prefix, or an Avro file.",
        "Write the topic with a JSON (or JSON Schema) serializer, or convert it",
    ),
    "not-an-object": Remedy(
        "It is JSON, but no object; or there is none at the declared path of the attributes.",
        "Write one object per record",
    ),
    "too-large": Remedy(
        "It has more than 1 MiB; an export of it more than 8 MiB, or than `delivery.maxPayloadBytes`.",
        "Write less into one record, map less, or raise that limit",
    ),
    "state-too-large": Remedy(
        "With it the profile's state would have more than 4 MiB.", "Look for a source, or identities, that only grow"
    ),
    "too-deep": Remedy("It is nested deeper than 64 levels.", "Write it flatter"),
    "number-too-long": Remedy("It has an integer of more than 4 300 digits.", "Write it as a text"),
    "number-out-of-range": Remedy(
        "It has a number that double precision does not hold, such as `1e999`.", "Write it as a text"
    ),
    "wrong-partition": Remedy(
        "It is not where `partitioner` puts its key.", "Let all producers use the same partitioner, and name that one"
    ),
    "null-key": Remedy("It has no key, or an empty one: nobody's record.", "Key it by the profile id"),
    "null-value": Remedy("It has no value; that means something on a profile topic only.", "Write an exit"),
    "missing-membership": Remedy(
        "It names no segment: no `segmentMembership`, an empty one, or nothing at the declared path.",
        "Mend the producer, or the declared path",
    ),
    "invalid-membership": Remedy(
        "What should name a segment, or say something of it, is of another type.",
        "Mend the producer, or the declared path",
    ),
    "unknown-status": Remedy(
        "Its status is none of `realized`, `existing`, `exited`, or of the declared words.",
        "Declare the word in `statusValues`",
    ),
    "missing-status": Remedy(
        "It has no status, on a topic that holds both kinds.", "Write one, or use a topic for each kind"
    ),
    "contradicting-status": Remedy(
        "It is an exit on the topic of qualifications, or the other way round.",
        "Look at what writes there; one topic for both kinds is `inputs.memberships`",
    ),
    "invalid-time": Remedy(
        "It has no event time, one without a zone, or a day that does not exist; or its `validUntil` is before it.",
        "Write RFC 3339 with a zone, or declare `timeUnit`",
    ),
    "future-time": Remedy(
        "Its event time is more than ten minutes ahead of the clock: it would win over all that comes until then.",
        "Look at the producer's clock",
    ),
    "invalid-identity-map": Remedy(
        "Its identities are not arrays of objects with a text as `id`; or what is at a declared path is no id.",
        "Mend the producer",
    ),
    "invalid-command": Remedy(
        "It is on the topic of commands, and asks nothing that this release knows.",
        "Look at who writes there; `streams re-export` and `streams dead-letters replay` write the right ones",
    ),
    "internal-error": Remedy("A defect of ours; the log names the place.", "Report it, please"),
    "invalid-export": Remedy(
        "An export on our own topic is not one: somebody else has written there.", "Look at who may"
    ),
    "refused": Remedy(
        "The endpoint does not want it: 3xx, other 4xx, or what `outcomes` says.",
        "Read `streams.status`; mend the endpoint, then `streams dead-letters replay --reason refused`",
    ),
    "exhausted": Remedy(
        "The endpoint has failed for `maxElapsedSeconds`, or three times with `retry: adobe`.",
        "Mend the endpoint, then `streams dead-letters replay --reason exhausted`",
    ),
}
