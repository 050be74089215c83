"""What the workers of a lab are told: settings, the destination and its secrets, as an operator would write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.faults.profiles import ANCHOR, ATTRIBUTES, TURNING, Marks

DESTINATION = "crm"
SESSION_SECONDS = 6
MAX_IN_FLIGHT = 64
TIMEOUT_SECONDS = 15.0
"""Long, so that on a busy machine a request ends by what the endpoint does and not by the clock."""

_HEADER_SECRET, _CLIENT_SECRET = "STREAMS_SECRET_HEADER", "STREAMS_SECRET_CLIENT"


def settings(app: str, bootstrap: str, topic: Callable[[str], str], *, split: bool = False) -> dict[str, Any]:
    """Return a worker's settings; short sessions, so that a crash is noticed soon.

    With *split* each kind of membership record has a topic of its own.
    """
    both = {"memberships": topic("memberships")}
    return {
        "app": app,
        "kafka": {"bootstrapServers": bootstrap},
        "inputs": {
            **({"qualifications": topic("qualifications"), "exits": topic("exits")} if split else both),
            "profiles": [topic("profiles")],
        },
        "activation": {"sessionTimeoutSeconds": SESSION_SECONDS},
        "delivery": {"sessionTimeoutSeconds": SESSION_SECONDS},
    }


def destination(url: str) -> dict[str, Any]:
    """Return a destination with a secret header; ``with_tokens`` adds credentials."""
    return {
        "kind": "destination",
        "name": DESTINATION,
        "account": {"httpEndpoint": f"{url}/v1"},
        "customHeaders": {"x-api-key": {"value": f"${{env:{_HEADER_SECRET}}}", "secret": True}},
        "segments": [ANCHOR, TURNING],
        "attributes": list(ATTRIBUTES),
        "delivery": {"maxInFlight": MAX_IN_FLIGHT, "timeoutSeconds": TIMEOUT_SECONDS},
    }


def with_tokens(url: str) -> dict[str, Any]:
    """Return what makes a destination ask the endpoint at *url* for access tokens."""
    return {
        "account": {"authEndpoint": f"{url}/token", "clientID": "judge", "clientSecret": f"${{env:{_CLIENT_SECRET}}}"}
    }


def secrets(marks: Marks) -> dict[str, str]:
    """Return the environment that the documents' references are looked up in."""
    return {_HEADER_SECRET: f"{marks.secret}-header", _CLIENT_SECRET: f"{marks.secret}-client"}


def merged(base: Mapping[str, Any], *more: Mapping[str, Any]) -> dict[str, Any]:
    """Return *base* with *more* written over it, key by key."""
    result = dict(base)
    for each in more:
        for key, value in each.items():
            known = result.get(key)
            both = isinstance(known, Mapping) and isinstance(value, Mapping)
            result[key] = merged(known, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return result
