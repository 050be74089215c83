"""What must hold between the parts of a document: each rule yields the flaws that it finds."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence

from streams.codes import Mistake
from streams.configuration import headers
from streams.configuration.references import NO_REFERENCE, holds_reference, is_reference
from streams.configuration.validation import Flaw

ALWAYS_SENT = ("segmentMembership", "identityMap")
"""What every export carries; an attribute there would be a second, different, account of the same."""

Path = tuple[str, ...]

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_IDENTIFYING = frozenset(
    {
        *("id", "ids", "identifier", "uuid", "guid", "uid", "ecid", "crmid", "userid", "customerid", "key", "ref"),
        *("email", "mail", "phone", "mobile", "telephone", "msisdn", "idfa", "gaid", "username", "login"),
    }
)


def path_of(text: str) -> Path:
    """Return the names in a dotted path."""
    return tuple(text.split("."))


def path_flaws(key: str, text: str) -> Iterator[Flaw]:
    """Refuse paths with empty parts, and those of what is always sent."""
    path = path_of(text)
    if not all(part.strip() for part in path):
        yield Flaw(f"{text!r} has an empty part", "write names joined by single dots, such as person.email", (key,))
    if path[0].strip() in ALWAYS_SENT:
        yield Flaw(f"{path[0]} is sent always", "leave it out of the attributes", (key,))


def target_flaws(targets: Sequence[Path | None]) -> Iterator[Flaw]:
    """Refuse targets that cannot stand in one body: equal ones, and one inside another; None is no target."""
    holders: dict[Path, Path] = {}
    taken: set[Path] = set()
    for index, target in enumerate(targets):
        if target is None:
            continue
        above = (target[:length] for length in range(1, len(target) + 1))
        other = next((path for path in above if path in taken), None) or holders.get(target)
        if other is not None:
            what = f"the targets {'.'.join(target)!r} and {'.'.join(other)!r} cannot both be in one body"
            yield Flaw(what, "give each its own place, neither inside the other", (index,), Mistake.CONTRADICTION)
        taken.add(target)
        for length in range(1, len(target)):
            holders.setdefault(target[:length], target)


def repeated(values: Sequence[Hashable | None]) -> Iterator[Flaw]:
    """Refuse a list that holds a value twice; None is no value."""
    seen: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value is not None and value in seen:
            yield Flaw(f"is here twice, first as number {seen[value] + 1}", "keep one", (index,), Mistake.CONTRADICTION)
        seen.setdefault(value, index)


def credential_flaws(given: Mapping[str, bool]) -> Iterator[Flaw]:
    """Refuse some but not all of what OAuth2 client credentials need."""
    missing = [key for key, is_given in given.items() if not is_given]
    if 0 < len(missing) < len(given):
        verb = "is" if len(missing) == 1 else "are"
        remedy = f"give {', '.join(given)}, or none of them"
        yield Flaw(f"{' and '.join(missing)} {verb} missing", remedy, code=Mistake.MISSING_VALUE)


def header_value_flaws(value: str) -> Iterator[Flaw]:
    """Refuse an illegal value, and a reference where no secret is meant."""
    if holds_reference(value):
        remedy = "write {value: ..., secret: true}"
        yield Flaw("has a reference, but is not marked secret", remedy, code=Mistake.SECRET_LITERAL)
    elif flaw := headers.flaw_of_value(value):
        yield Flaw(*flaw)


def secret_flaws(value: str) -> Iterator[Flaw]:
    """Refuse a secret that is written out."""
    if not is_reference(value):
        yield Flaw(*NO_REFERENCE, code=Mistake.SECRET_LITERAL)


def authorization_flaws(names: Sequence[str]) -> Iterator[Flaw]:
    """Refuse a header that would take the place of the token; only for accounts with credentials."""
    for name in names:
        if name.lower() == "authorization":
            remedy = "leave it out, or leave out authEndpoint, clientID and clientSecret"
            yield Flaw("would replace the OAuth2 token", remedy, ("customHeaders", name), Mistake.CONTRADICTION)


def identifies(path: Path) -> bool:
    """Whether some word of a path says that its value tells one profile from another: ``crmId``, ``person.email``.

    A guess by the words, which is why nothing more than a warning follows from it.
    """
    words = (word.lower() for part in path for word in _CAMEL.findall(part))
    return any(word in _IDENTIFYING for word in words)
