"""Custom headers: the text ``name1:value1,name2:value2``, and which names and values a document may set.

Splitting at commas and at the first ``:`` leaves no way to write a comma in a value; such a header needs the mapping.
No message shows a value: it may be a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from streams.configuration.problems import ConfigurationError, Problem

MAX_HEADERS = 100
MAX_VALUE = 8 * 1024
"""What common servers take for all the headers of a request."""

_FRAMES = "which says how the body is sent: the worker knows that"
_ONE_CONNECTION = "which belongs to one connection (hop-by-hop), not to a request"

RESERVED: Mapping[str, str] = {
    **dict.fromkeys(("content-encoding", "content-length", "expect", "transfer-encoding"), _FRAMES),
    **dict.fromkeys(("connection", "http2-settings", "keep-alive", "te", "trailer", "upgrade"), _ONE_CONNECTION),
    "host": "which the URL names",
    "idempotency-key": "which the worker sets itself, to the export's id",
}
"""The headers that no document sets, as are all ``Proxy-*``, each with the reason.

A wrong one is not harmless: ``Content-Length: 0`` empties the body and is still answered with 200."""

_BLANKS = " \t"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_PAIR = ("is no name:value", "write name:value; a value with a comma needs a mapping")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(text: str, where: str) -> list[tuple[str, str]]:
    """Return the names and values in *text*, in their order; raises ConfigurationError with all that is wrong.

    An empty text has no headers. Blanks around names and values are trimmed.
    """
    if not text.strip(_BLANKS):
        return []
    pairs: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for number, part in enumerate(text.split(","), start=1):
        name, colon, value = part.partition(":")
        pair = name.strip(_BLANKS), value.strip(_BLANKS)
        flaw = flaw_of(*pair) if colon else _NO_PAIR
        if flaw:
            problems.append(Problem(where, f"header {number} {flaw[0]}", flaw[1]))
        else:
            pairs.append(pair)
    problems += (Problem(where, what, remedy) for what, remedy in flaws_of([name for name, _ in pairs]))
    if problems:
        raise ConfigurationError(problems)
    return pairs


def flaw_of(name: str, value: str) -> tuple[str, str] | None:
    """Return what is wrong with one header, and the remedy."""
    return flaw_of_name(name) or flaw_of_value(value)


def flaw_of_name(name: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a header, and the remedy."""
    if not _TOKEN.fullmatch(name):
        return "has a name that is no token (RFC 9110)", "write letters, digits and !#$%&'*+-.^_`|~"
    reason = RESERVED.get(name.lower(), _ONE_CONNECTION if name.lower().startswith("proxy-") else None)
    return (f"is {name}, {reason}", "leave it out") if reason else None


def flaw_of_value(value: str) -> tuple[str, str] | None:
    """Return what is wrong with the value of a header, and the remedy."""
    if _CONTROL.search(value):
        return "has a value with control characters, which could end it and begin another header", "leave them out"
    if not value.isascii():
        return "has a value with non-ASCII characters, which servers read differently", "write ASCII alone"
    if len(value) > MAX_VALUE:
        return f"has a value of {len(value)} characters", f"write at most {MAX_VALUE}"
    return None


def flaws_of(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with names that stand together, and the remedy."""
    if len(names) > MAX_HEADERS:
        yield f"{len(names)} headers are here", f"write at most {MAX_HEADERS}"
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            yield f"the header {name} is here twice", "keep one; case makes no difference"
        seen.add(name.lower())
