"""What is wrong with settings or documents, and what is probably not meant."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

MISTAKES: Remedies = {
    "unreadable": Remedy("A file cannot be read: it is not there, not ours, no UTF-8 or too long.", "Name another"),
    "syntax": Remedy(
        "It is no YAML or JSON, or a part of YAML that is not taken (aliases, tags, the same key twice).",
        "Mend the line that is named",
    ),
    "unknown-key": Remedy(
        "A key, a kind or an environment name is none of ours.", "Take the one that the message suggests"
    ),
    "missing-value": Remedy("What must be given is not there.", "Give it; the reference below has each key"),
    "wrong-value": Remedy("A value is not what is expected there.", "Write what the message expects"),
    "contradiction": Remedy(
        "Two values, keys or documents cannot stand beside each other.", "Change the one that the message names"
    ),
    "unknown-path": Remedy(
        "A destination maps an attribute that no union schema in force, or given beside it, knows.",
        "Take the path that the message suggests, or add it to a document of `kind: schema`",
    ),
    "policy-violation": Remedy(
        "Labels on what a destination is sent, and a policy in force, forbid one of its marketing actions.",
        "Leave out what the line names, or mend labels or policy; `streams policies show NAME` has it",
    ),
    "secret-literal": Remedy(
        "A secret stands where only a reference to one may stand, or a reference where none is taken.",
        "Write `${env:STREAMS_SECRET_NAME}` or `${file:name}`, and only in a secret field",
    ),
    "secret-missing": Remedy(
        "A secret that is referred to is not found on this machine.",
        "Set it in the environment of the worker, or put its file below `secrets.directory`",
    ),
    "no-documents": Remedy(
        "Warning: a file or folder of documents has none.", "Write one, or take it off the list `documents`"
    ),
    "no-identifier": Remedy(
        "Warning: no attribute looks like a unique identifier.", "Map one, so that the endpoint can tell people apart"
    ),
    "clear-beside-hash": Remedy(
        "Warning: what is hashed may leave in the clear beside it: mapped a second time, or among the identities.",
        "Hash it everywhere, or leave it out",
    ),
    "unencrypted": Remedy(
        "Warning: a secret or a token is sent over http://.", "Write https://, unless nobody else can listen on the way"
    ),
    "unknown-action": Remedy(
        "Warning: a marketing action is no core one, and no policy names it: nothing can forbid what it is for.",
        "Take the one that the message suggests, or name it in a policy",
    ),
    "input-policy": Remedy(
        "Warning: Kafka deletes from an input what a worker may still need.",
        "Profile topics compacted, membership topics not: the message has the command",
    ),
    "exports-kept": Remedy(
        "Warning: this worker may not delete from an exports topic, so it grows; all else goes on.",
        "Allow DELETE on it, or set `delivery.keepSeconds` to -1",
    ),
}
