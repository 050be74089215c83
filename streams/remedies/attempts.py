"""Why a request did not deliver; those that every record would meet are a destination's fault, too."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

_WAIT = "Nothing: it is tried again. If it lasts, ask who runs the endpoint"

ATTEMPTS: Remedies = {
    "unauthorized": Remedy(
        "401 with a fresh token, or 407: the endpoint does not take our credentials.",
        "Mend `clientID`, `clientSecret` and `scope`, or the secret header",
    ),
    "forbidden": Remedy(
        "403: the credentials are known and may not do this.", "Ask who runs the endpoint for the right"
    ),
    "gone": Remedy("410: the endpoint says that it is gone for good.", "Write its new `httpEndpoint`"),
    "tls-untrusted": Remedy(
        "The endpoint's certificate does not hold: another host, expired, or of an unknown authority.",
        "Have it mended, or add the authority to this system's",
    ),
    "tls-failed": Remedy("No TLS comes about with the endpoint.", "Look at its port and its versions of TLS"),
    "egress-refused": Remedy(
        "The address is not public, and `egress.allow` does not hold it; the line `egress.refused` names it.",
        "If it is meant, let the worker's `egress.allow` hold it",
    ),
    "invalid-request": Remedy("The URL or a header cannot be sent.", "Mend `httpEndpoint` or `customHeaders`"),
    "token-refused": Remedy(
        "The token server does not take our credentials.", "Mend `clientID`, `clientSecret`, `scope`, or their type"
    ),
    "token-tls-failed": Remedy("No trusted TLS comes about with the token server.", "Look at its certificate"),
    "token-timed-out": Remedy("The token server does not answer in time.", _WAIT),
    "token-unavailable": Remedy("The token server cannot be reached, or answers 5xx or 429.", _WAIT),
    "token-invalid": Remedy(
        "What the token server answers is no token.", "Look at `authEndpoint`: is it the token endpoint?"
    ),
    "request-timeout": Remedy("408: the endpoint had no time for it.", _WAIT),
    "conflict": Remedy(
        "409: the endpoint is still busy with the same export.",
        "Nothing: it is tried again. If it says so to what it has, `outcomes: {delivered: [409]}`",
    ),
    "too-early": Remedy("425: the endpoint does not want it yet.", _WAIT),
    "throttled": Remedy(
        "429: too many requests; `Retry-After` is kept.", "Lower `delivery.maxInFlight`, or ask for a higher limit"
    ),
    "server-error": Remedy("5xx: the endpoint fails.", _WAIT),
    "timed-out": Remedy(
        "No answer within `delivery.timeoutSeconds`.", "Nothing, unless the endpoint needs longer: raise it then"
    ),
    "connect-timed-out": Remedy(
        "No connection within `delivery.connectTimeoutSeconds`, or the whole time: the endpoint got nothing.",
        "See whether a firewall on the way drops what is sent",
    ),
    "read-timed-out": Remedy(
        "The endpoint is connected and has said nothing for `delivery.readTimeoutSeconds`.",
        "Nothing, unless the endpoint needs longer: raise it then",
    ),
    "name-unresolved": Remedy("The endpoint's name has no address.", "Mend the name, or this machine's resolver"),
    "connect-failed": Remedy("Nothing takes the connection.", _WAIT),
    "disconnected": Remedy("The connection ended before the answer.", _WAIT),
    "invalid-answer": Remedy("What came is no HTTP answer.", "Look at what listens at `httpEndpoint`"),
    "rejected": Remedy(
        "Another 4xx: the endpoint does not want this export, ever. It becomes the dead letter `refused`.",
        "Compare the body with what the endpoint expects; if it will take it later, `outcomes: {retry: [...]}`",
    ),
    "rejected-again": Remedy(
        "422 to an id that was sent before: it may have been taken then. A dead letter.",
        "See whether the endpoint has it; if that is what its 422 means, `outcomes: {delivered: [422]}`",
    ),
    "not-found": Remedy(
        "404: the endpoint does not know this address. A dead letter.",
        "Look at the path of `httpEndpoint`; where it is a profile that comes later, `outcomes: {retry: [404]}`",
    ),
    "redirected": Remedy(
        "3xx: redirects are never followed. A dead letter.",
        "Write where it leads to as `httpEndpoint`; if it means thanks, `outcomes: {delivered: [303]}`",
    ),
    "not-supported": Remedy(
        "501, 505 or 511: it does not take a POST. A dead letter.", "Look at `httpEndpoint`, and for a proxy on the way"
    ),
    "overridden": Remedy(
        "A 2xx that `delivery.outcomes` does not take for a delivery.", "Look at the endpoint, or at `outcomes`"
    ),
    "unknown-answer": Remedy(
        "A status that HTTP does not know. A dead letter.", "Look at what listens at `httpEndpoint`"
    ),
    "unexpected": Remedy("An error that we do not know.", "It is tried again; report it, please"),
}
