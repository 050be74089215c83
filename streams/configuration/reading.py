"""Reads one document: a located value becomes an account, or a destination."""

from __future__ import annotations

from collections.abc import Mapping

from streams.codes import Mistake
from streams.configuration.conversion import Conversion, may_refer
from streams.configuration.drafts import AccountDraft, DestinationDraft
from streams.configuration.files import text_of
from streams.configuration.located import Node
from streams.configuration.names import is_document_name
from streams.configuration.problems import Problem, dotted, nearest
from streams.configuration.references import holds_reference
from streams.configuration.validation import validate
from streams.destinations import Account, Destination

_NO_ACCOUNT = "no account is called"


def refuse_stray_references(document: Node, problems: list[Problem]) -> None:
    """Refuse references where no secret is expected, so that none is ever taken for a text that is sent."""
    for path, node in document.scalars():
        if not isinstance(node.value, str) or not holds_reference(node.value) or may_refer(path):
            continue
        remedy = "references stand only in clientSecret and in headers marked secret: true"
        problems.append(Problem(node.where, "has a reference", remedy, dotted(path), Mistake.SECRET_LITERAL))


def account_in(document: Node, conversion: Conversion) -> Account | None:
    """Return the account that *document* describes; None with its problems where it is wrong."""
    draft = validate(AccountDraft, document, conversion.problems)
    if draft is None:
        conversion.note_unresolved(document)
    return None if draft is None else conversion.account(draft, document)


def destination_in(
    document: Node, accounts: Mapping[str, Account | None], conversion: Conversion
) -> Destination | None:
    """Return the destination that *document* describes; None with its problems where it is wrong.

    *accounts* are those that it may name; one that is None is wrong itself, which is not this document's problem.
    """
    name = text_of(document, "account")
    if name is not None and name not in accounts and is_document_name(name):
        conversion.problems.append(_unknown_account(document, name, list(accounts)))
    draft = validate(DestinationDraft, document, conversion.problems)
    if draft is None:
        conversion.note_unresolved(document)
        return None
    if not isinstance(draft.account, str):
        account = conversion.account(draft.account, document.at(("account",)), ("account",))
        return conversion.destination(draft, account, document)
    named = accounts.get(draft.account)
    return None if named is None else conversion.destination(draft, named, document)


def _unknown_account(document: Node, name: str, known: list[str]) -> Problem:
    close = nearest(name, known)
    remedy = f"did you mean {close!r}?" if close else "write a document of kind: account with this name"
    where = document.at(("account",)).where
    return Problem(where, f"{_NO_ACCOUNT} {name!r}", remedy, "account", Mistake.CONTRADICTION)


def is_elsewhere(problem: Problem) -> bool:
    """Whether *problem* is only that an account is not among the documents that were looked at."""
    return problem.key == "account" and problem.what.startswith(_NO_ACCOUNT)
