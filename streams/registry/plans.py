"""What applying documents would do: to each document, and to the destinations that name a changed account.

It decides only, from what is in force and what is given; nothing is asked of Kafka here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from streams.codes import Obstacle, coded
from streams.configuration.canonical import canonical
from streams.configuration.documents import Given
from streams.configuration.problems import ConfigurationError
from streams.configuration.stored import document_node, stored_without_secrets
from streams.registry.changes import Change as Change
from streams.registry.changes import Plan as Plan
from streams.registry.changes import Standing as Standing
from streams.registry.differences import Difference, differences
from streams.registry.edits import Author, changed, created
from streams.registry.narrowing import narrowings
from streams.registry.records import ACCOUNT, DESTINATION, GOVERNING, NamedAccount, Version
from streams.registry.verdicts import unjudged, with_verdicts


def plan(given: Sequence[Given], standing: Standing, author: Author) -> Plan:
    """Return what applying *given* does; the documents are valid, and the accounts that they name exist.

    Raises ConfigurationError where a destination that was not given would not be valid with a changed account.
    """
    refusals = list(filter(None, (_refusal(each, standing) for each in given)))
    taken = [each for each in given if _refusal(each, standing) is None]
    governing = [
        _document(each, standing.governing.get(each.kind, {}).get(each.name), author)
        for each in taken
        if each.kind in GOVERNING
    ]
    accounts = [_document(each, standing.accounts.get(each.name), author) for each in taken if each.kind == ACCOUNT]
    changed = {change.name: change.version for change in accounts}
    after = {**standing.accounts, **changed}
    destinations = []
    unread = unjudged(standing, governing)
    for each in taken:
        if each.kind == DESTINATION:
            base = standing.destinations.get(each.name)
            change = _destination(each, base, _named(each.account, after), author)
            objections = _objections(each, unread) if change.action != "nothing" else []
            refusals += objections
            destinations += [] if objections else [change]
    ours = {each.name for each in given if each.kind == DESTINATION}
    others = {name: version for name, version in standing.destinations.items() if name not in ours}
    changes = (*governing, *accounts, *destinations, *_following(others, changed, author))
    return Plan(tuple(with_verdicts(changes, standing)), tuple(refusals))


def _objections(given: Given, unread: Sequence[str]) -> list[str]:
    """Return why a destination may not come to be in force, be it that nobody can tell."""
    told = f"{given.where}: whether destination {given.name} is allowed cannot be told: {'; '.join(unread)}"
    return [*map(str, given.objections), *([coded(told, Obstacle.OTHER_RELEASE)] if unread else [])]


def _refusal(given: Given, standing: Standing) -> str | None:
    """Return why a document cannot be applied as things stand."""
    if (given.kind, given.name) in standing.unreadable:
        told = f"{given.where}: {given.kind} {given.name} was written by another release: use that one, or a newer one"
        return coded(told, Obstacle.OTHER_RELEASE)
    base = standing.destinations.get(given.name)
    is_draining = given.kind == DESTINATION and base is not None and base.life == "draining"
    return _draining(given, base) if base is not None and is_draining else None


def _draining(given: Given, base: Version) -> str:
    told = (
        f"{given.where}: destination {given.name} is draining since version {base.version}, and takes no change: wait "
        f"until 'streams destinations delete {given.name} --drain' has ended, then apply it as a new one"
    )
    return coded(told, Obstacle.DRAINING)


def _document(given: Given, base: Version | None, author: Author) -> Change:
    """Return the change of a document that is no destination."""
    kind, name = given.kind, given.name
    if base is None or base.life == "deleted":
        version = created(base, given.document, None, author)
        return Change(kind, name, "create", base, version, tuple(_told({}, given.document)))
    before = _canonical(kind, base.document, base.version)
    if before == given.document:
        return Change(kind, name, "nothing", base, base)
    version = changed(base, given.document, None, author)
    return Change(kind, name, "change", base, version, tuple(differences(before, given.document)))


def _destination(given: Given, base: Version | None, account: NamedAccount | None, author: Author) -> Change:
    if base is None or base.life == "deleted":
        version = created(base, given.document, account, author)
        return Change(DESTINATION, given.name, "create", base, version, tuple(_told({}, _effective(version))))
    return _changed(base, given.document, account, author)


def _changed(base: Version, document: dict[str, Any], account: NamedAccount | None, author: Author) -> Change:
    """Return the change of a live destination; a newer version of an account that says the same is none."""
    name = document["name"]
    before, version = _effective(base), changed(base, document, account, author)
    after = _effective(version)
    if before == after:
        return Change(DESTINATION, name, "nothing", base, base)
    narrowed = tuple(_narrowed(base, version))
    if narrowed:
        version = msgspec.structs.replace(version, min_version=version.version)
    return Change(DESTINATION, name, "change", base, version, tuple(_told(before, after)), narrowed)


def _narrowed(base: Version, version: Version) -> list[str]:
    after = stored_without_secrets(version)
    try:
        return narrowings(stored_without_secrets(base), after)
    except ConfigurationError:
        return ["what was in force is no legal document any more"]


def behind(standing: Standing, author: Author) -> list[Change]:
    """Return the changes of the live destinations whose account in force says something else than their copy of it.

    There are some only where one operator changed an account while another one let a destination name it.
    """
    accounts = {name: version for name, version in standing.accounts.items() if version.life == "live"}
    return list(_following(standing.destinations, accounts, author))


def _following(
    destinations: Mapping[str, Version], accounts: Mapping[str, Version], author: Author
) -> Iterator[Change]:
    """Yield the changes of live destinations that were not given, but name an account that was."""
    for base in destinations.values():
        account = base.account
        if base.life != "live" or account is None or account.name not in accounts:
            continue
        change = _changed(base, base.document, _named(account.name, accounts), author)
        if change.action != "nothing":
            yield replace(change, because=f"account {account.name} changes")


def _named(name: str | None, accounts: Mapping[str, Version]) -> NamedAccount | None:
    if name is None:
        return None
    version = accounts[name]
    return NamedAccount(name=name, version=version.version, document=version.document)


def _effective(version: Version) -> dict[str, Any]:
    """Return a destination's document with all that it is sent by: the account that it names is written out."""
    document = _canonical(DESTINATION, version.document, version.version)
    if (named := version.account) is None:
        return document
    account = _canonical(ACCOUNT, named.document, named.version)
    keys = {key: value for key, value in account.items() if key not in {"kind", "name", "description"}}
    return {**document, "account": {"name": named.name, **keys}}


def _canonical(kind: str, document: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return a stored document written the one way of this release; as it is where it is not legal any more."""
    return canonical(kind, document_node(document, version)) or dict(document)


def _told(before: dict[str, Any], after: dict[str, Any]) -> Iterable[Difference]:
    return [each for each in differences(before, after) if each.path not in {"kind", "name"}]


def users_of(account: str, destinations: Mapping[str, Version]) -> list[str]:
    """Return the destinations that name an account, and are not deleted."""
    named = {name: version.account for name, version in destinations.items() if version.life != "deleted"}
    return sorted(name for name, its in named.items() if its is not None and its.name == account)
