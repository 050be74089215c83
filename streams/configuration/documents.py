"""Loads documents: YAML or JSON files, or folders of them, become destinations; everything wrong is told at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.codes import Mistake
from streams.configuration.advice import Advised, advice
from streams.configuration.canonical import canonical
from streams.configuration.conversion import Conversion
from streams.configuration.files import documents_in, files_in, name_of, text_of
from streams.configuration.governing import Governed, Read, Ruled, Versions, governed, governing_in
from streams.configuration.judging import action_advice, objections, policy_advice
from streams.configuration.located import Node
from streams.configuration.problems import ConfigurationError as ConfigurationError
from streams.configuration.problems import Problem, in_order, shown
from streams.configuration.reading import account_in, destination_in, refuse_stray_references
from streams.configuration.references import References
from streams.configuration.stored import document_node
from streams.destinations import Account, Destination
from streams.registry.records import ACCOUNT, DESTINATION, GOVERNING, Version


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the documents say, and what is legal in them but probably not meant."""

    destinations: tuple[Destination, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A valid document, written the one way, and where it stands."""

    kind: str
    name: str
    document: dict[str, Any]
    where: str
    objections: tuple[Problem, ...] = ()
    """Why it may not come to be in force, as things are beside it; what is in force already stays so."""

    @property
    def account(self) -> str | None:
        """The account document that it names."""
        account = self.document.get("account")
        return account if isinstance(account, str) else None


@dataclass(frozen=True, slots=True)
class Findings:
    """All that there is to say about documents.

    *destinations* and *accounts* (by name) are those that could be read, and *given* holds their documents, and those
    that govern them, which come first, then accounts; *unresolved* tells which secrets were not found, and there they
    are empty.
    """

    files: tuple[str, ...]

    given: tuple[Given, ...]
    destinations: tuple[Destination, ...]
    accounts: dict[str, Account]
    problems: tuple[Problem, ...]
    unresolved: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        """What keeps a worker from using the documents."""
        return in_order((*self.problems, *self.unresolved), self.files)

    @property
    def objections(self) -> list[Problem]:
        """Why those that are given may not come to be in force."""
        return in_order((problem for each in self.given for problem in each.objections), self.files)


def load(paths: Sequence[Path], references: References) -> list[Destination]:
    """Return the destinations in *paths*, in the order in which they stand there; raises ConfigurationError."""
    return list(load_all(paths, references).destinations)


def load_all(paths: Sequence[Path], references: References) -> Loaded:
    """Return the destinations in *paths* with the warnings.

    Raises ConfigurationError with all that is wrong, each with file, line and remedy; it never shows a secret, nor
    what stands where one is expected.
    """
    found = examine(paths, references)
    if found.errors:
        raise ConfigurationError(found.errors)
    return Loaded(found.destinations, found.warnings)


def examine(
    paths: Sequence[Path],
    references: References,
    standing: Mapping[str, Version] | None = None,
    governing: Versions | None = None,
) -> Findings:
    """Return all that there is to say about the documents in *paths*, each list in the order of files and lines.

    *standing* are the accounts in force, by name: destinations may name them, too. *governing* are the documents in
    force that govern them, by kind and name; what is given counts in place of those.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    files = list(files_in(paths, problems, warnings))
    documents = [document for file in files for document in documents_in(file, problems, warnings)]
    conversion = Conversion(references, problems)
    names = list(map(name_of, files))
    return _examined(documents, names, conversion, warnings, standing or {}, governed(governing or {}))


def examine_one(document: Node, standing: Mapping[str, Version], governing: Versions | None = None) -> Findings:
    """Return all that there is to say about one document that has no file, without looking for its secrets."""
    where, conversion = [document.where], Conversion(References({}, None), [])
    return _examined([document], where, conversion, [], standing, governed(governing or {}))


def _examined(
    documents: Sequence[Node],
    files: Sequence[str],
    conversion: Conversion,
    warnings: list[Problem],
    standing: Mapping[str, Version],
    in_force: Governed,
) -> Findings:
    problems, given, destinations = conversion.problems, list[Given](), list[Destination]()
    for document in documents:
        refuse_stray_references(document, problems)
    rules = in_force.given(_governing(documents, problems, warnings, given))
    accounts = _accounts(documents, conversion, given)
    known = accounts | _standing_accounts(documents, accounts, conversion, standing)
    for document in _of_kind(documents, DESTINATION, problems):
        destination = destination_in(document, known, conversion)
        if destination is not None:
            destinations.append(destination)
            given += _given(DESTINATION, document, tuple(objections(destination, document, rules)))
            advised = (*advice(destination), *action_advice(destination, rules))
            warnings += _warnings(f"destination {destination.name}", advised, document)
    return Findings(
        files=tuple(files),
        given=tuple(given),
        destinations=tuple(destinations),
        accounts={name: account for name, account in accounts.items() if account is not None},
        problems=tuple(in_order(problems, files)),
        unresolved=tuple(in_order(conversion.unresolved, files)),
        warnings=tuple(in_order(warnings, files)),
    )


def _given(kind: str, document: Node, objections: tuple[Problem, ...] = ()) -> Iterator[Given]:
    written = canonical(kind, document)
    if written is not None:
        yield Given(kind, written["name"], written, document.at(("name",)).where, objections)


def _governing(
    documents: Sequence[Node], problems: list[Problem], warnings: list[Problem], given: list[Given]
) -> dict[tuple[str, str], Read]:
    """Return what the given documents of governance say, by kind and name."""
    found: dict[tuple[str, str], Read] = {}
    for kind in GOVERNING:
        for document in _of_kind(documents, kind, problems):
            read = governing_in(kind, document, problems)
            if read is None:
                continue
            for each in _given(kind, document):
                given.append(each)
                found[kind, each.name] = read
            if isinstance(read, Ruled):
                warnings += _warnings(f"policy {read.policy.name}", policy_advice(read.policy), document)
    return found


def _of_kind(documents: Sequence[Node], kind: str, problems: list[Problem]) -> list[Node]:
    """Return the documents of a kind; a name that is there twice is a problem of the later one."""
    found = [document for document in documents if text_of(document, "kind") == kind]
    first: dict[str, str] = {}
    for document in found:
        name = text_of(document, "name")
        if name in first:
            what = f"the {kind} {shown(name)} is here twice, first at {first[name]}"
            problems.append(Problem(document.at(("name",)).where, what, "rename one", "name", Mistake.CONTRADICTION))
        elif name is not None:
            first[name] = document.at(("name",)).where
    return found


def _accounts(documents: Sequence[Node], conversion: Conversion, given: list[Given]) -> dict[str, Account | None]:
    """Return the accounts by name; one that is wrong is None, so that those who name it are not blamed."""
    accounts: dict[str, Account | None] = {}
    for document in _of_kind(documents, ACCOUNT, conversion.problems):
        account = account_in(document, conversion)
        given += _given(ACCOUNT, document)
        name = text_of(document, "name")
        if name is not None:
            accounts.setdefault(name, account)
    return accounts


def _standing_accounts(
    documents: Sequence[Node], given: Collection[str], conversion: Conversion, standing: Mapping[str, Version]
) -> dict[str, Account | None]:
    """Return the accounts that destinations name, no document here has, and are in force."""
    named = {text_of(document, "account") for document in documents} - {*given}
    found = {name: version for name, version in standing.items() if name in named and version.life == "live"}
    return {
        name: account_in(document_node(version.document, version.version), conversion)
        for name, version in found.items()
    }


def _warnings(called: str, advised: Iterable[Advised], document: Node) -> Iterator[Problem]:
    for path, what, remedy, code in advised:
        yield Problem(document.at(path).where, f"{called}: {what}", remedy, code=code)
