"""Loads documents: YAML or JSON files, or folders of them, become destinations; everything wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.configuration.conversion import Conversion
from streams.configuration.drafts import AccountDraft, DestinationDraft
from streams.configuration.located import MAX_CHARACTERS, Node, lines_of, read
from streams.configuration.problems import ConfigurationError as ConfigurationError
from streams.configuration.problems import Problem, dotted, nearest, shown
from streams.configuration.references import References, holds_reference
from streams.configuration.rules import identifies
from streams.configuration.validation import validate
from streams.destinations import Account, Destination

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""What is read of a folder; hidden files, and folders in it, are not."""

KINDS = ("destination", "account")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the documents say, and what is legal in them but probably not meant."""

    destinations: tuple[Destination, ...]
    warnings: tuple[Problem, ...]


def load(paths: Sequence[Path], references: References) -> list[Destination]:
    """Return the destinations in *paths*, in the order in which they stand there; raises ConfigurationError."""
    return list(load_all(paths, references).destinations)


def load_all(paths: Sequence[Path], references: References) -> Loaded:
    """Return the destinations in *paths* with the warnings.

    Raises ConfigurationError with all that is wrong, each with file, line and remedy; it never shows a secret, nor
    what stands where one is expected.
    """
    problems: list[Problem] = []
    documents = [document for path in _files(paths, problems) for document in _documents(path, problems)]
    for document in documents:
        _refuse_stray_references(document, problems)
    conversion = Conversion(references, problems)
    accounts = _accounts(documents, conversion)
    loaded = [_destination(document, accounts, conversion) for document in _of_kind(documents, "destination", problems)]
    destinations = [destination for destination in loaded if destination is not None]
    if problems:
        raise ConfigurationError(problems)
    places = [document.where for document in documents if _text(document, "kind") == "destination"]
    return Loaded(tuple(destinations), tuple(_warnings(destinations, places)))


def _files(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    """Yield each file once, those of a folder in the order of their names."""
    seen: set[Path] = set()
    for path in paths:
        try:
            found = sorted(filter(_is_document, path.iterdir())) if path.is_dir() else [path]
        except (OSError, ValueError):
            problems.append(Problem(str(path), "cannot be listed", "name a readable folder of documents"))
            continue
        for file in found:
            if file.absolute() not in seen:
                seen.add(file.absolute())
                yield file


def _is_document(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _documents(path: Path, problems: list[Problem]) -> list[Node]:
    """Return the documents in a file, whether they follow each other or stand in a list."""
    text = _content(path, problems)
    if path.suffix == ".json":
        text = text.replace("\t", " ")  # JSON indents with them, YAML never; JSON has none inside its texts
    found = read(text, lines_of(str(path)), problems)
    flat = [item for node in found for item in (node.value if isinstance(node.value, list) else [node])]
    for node in flat:
        kind = _text(node, "kind")
        if kind not in KINDS:
            problems.append(_unknown_kind(node, kind))
    return [node for node in flat if _text(node, "kind") in KINDS]


def _content(path: Path, problems: list[Problem]) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARACTERS + 1).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        what = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else "is not UTF-8"
        problems.append(Problem(str(path), what, "name a readable file of documents"))
    return ""


def _unknown_kind(node: Node, kind: str | None) -> Problem:
    if kind is None:
        what = "has no kind" if isinstance(node.value, dict) else f"came {shown(node.plain())}"
        return Problem(node.where, f"a document {what}", f"write a mapping with kind: {' or '.join(KINDS)}")
    close = nearest(kind, KINDS)
    remedy = f"did you mean {close!r}?" if close else f"known are {', '.join(KINDS)}"
    return Problem(node.at(("kind",)).where, f"came {shown(kind)}", remedy, "kind")


def _text(node: Node, key: str) -> str | None:
    below = node.below(key)
    return below.value if below is not None and isinstance(below.value, str) else None


def _of_kind(documents: Sequence[Node], kind: str, problems: list[Problem]) -> list[Node]:
    """Return the documents of a kind; a name that is there twice is a problem of the later one."""
    found = [document for document in documents if _text(document, "kind") == kind]
    first: dict[str, str] = {}
    for document in found:
        name = _text(document, "name")
        if name in first:
            what = f"the {kind} {shown(name)} is here twice, first at {first[name]}"
            problems.append(Problem(document.at(("name",)).where, what, "rename one", "name"))
        elif name is not None:
            first[name] = document.at(("name",)).where
    return found


def _refuse_stray_references(document: Node, problems: list[Problem]) -> None:
    """Refuse references where no secret is expected, so that none is ever taken for a text that is sent."""
    for path, node in document.scalars():
        if not isinstance(node.value, str) or not holds_reference(node.value) or _may_refer(path):
            continue
        remedy = "references stand only in clientSecret and in headers marked secret: true"
        problems.append(Problem(node.where, "has a reference", remedy, dotted(path)))


def _may_refer(path: tuple[str | int, ...]) -> bool:
    """Whether a secret is expected at *path*; which headers are secret is decided where they are read."""
    is_client_secret = path[-1:] in {("clientSecret",), ("client_secret",)} and path[:-1] in {(), ("account",)}
    is_header = path[:1] in {("customHeaders",), ("custom_headers",)}
    return is_client_secret or is_header


def _accounts(documents: Sequence[Node], conversion: Conversion) -> dict[str, Account | None]:
    """Return the accounts by name; one that is wrong is None, so that those who name it are not blamed."""
    accounts: dict[str, Account | None] = {}
    for document in _of_kind(documents, "account", conversion.problems):
        draft = validate(AccountDraft, document, conversion.problems)
        account = None if draft is None else conversion.account(draft, document)
        name = _text(document, "name")
        if name is not None:
            accounts.setdefault(name, account)
    return accounts


def _destination(document: Node, accounts: dict[str, Account | None], conversion: Conversion) -> Destination | None:
    draft = validate(DestinationDraft, document, conversion.problems)
    if draft is None:
        return None
    if not isinstance(draft.account, str):
        account = conversion.account(draft.account, document.at(("account",)), ("account",))
        return None if account is None else conversion.destination(draft, account, document)
    if draft.account not in accounts:
        conversion.problems.append(_unknown_account(document, draft.account, list(accounts)))
    named = accounts.get(draft.account)
    return None if named is None else conversion.destination(draft, named, document)


def _unknown_account(document: Node, name: str, known: list[str]) -> Problem:
    close = nearest(name, known)
    remedy = f"did you mean {close!r}?" if close else "write a document of kind: account with this name"
    return Problem(document.at(("account",)).where, f"no account is called {name!r}", remedy, "account")


def _warnings(destinations: Sequence[Destination], places: Sequence[str]) -> Iterator[Problem]:
    for destination, where in zip(destinations, places, strict=True):
        paths = [path for attribute in destination.attributes for path in (attribute.source, attribute.target)]
        if not any(map(identifies, paths)):
            what = f"destination {destination.name}: no attribute looks like a unique identifier"
            yield Problem(
                where, what, "map one, such as person.email or crmId, so that the endpoint can tell profiles apart"
            )
