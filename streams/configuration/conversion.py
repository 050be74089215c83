"""Turns documents as they are written into the words of the rest, with their secrets resolved."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from streams.activation.timestamps import parse_time
from streams.codes import Mistake
from streams.configuration import headers, rules
from streams.configuration.delivery_draft import BatchDraft, DeliveryDraft
from streams.configuration.drafts import AccountKeys, DestinationDraft
from streams.configuration.header_draft import HeaderDraft
from streams.configuration.located import Node
from streams.configuration.mapping_draft import AttributeDraft, IdentityDraft, SegmentDraft
from streams.configuration.names import NOW, is_clean
from streams.configuration.problems import ConfigurationError, Problem, dotted
from streams.configuration.references import References, is_reference
from streams.destinations import (
    Account,
    Attribute,
    Batch,
    ClientCredentials,
    Consent,
    Delivery,
    Destination,
    Header,
    Identity,
    Outcomes,
    Retry,
    Segment,
)
from streams.secrets import Secret

Path = tuple[str | int, ...]


class Conversion:
    """Converts valid drafts; what only shows when a secret is resolved is added to *problems*.

    A secret that is not found is noted as *unresolved*, and is empty.
    """

    def __init__(self, references: References, problems: list[Problem]) -> None:
        self.problems = problems
        self.unresolved: list[Problem] = []
        self._references = references

    def account(self, draft: AccountKeys, node: Node, path: Path = ()) -> Account:
        """Return the account at *node*, which is called *path* in messages."""
        if draft.auth_endpoint is None or draft.client_id is None or draft.client_secret is None:
            return Account(draft.http_endpoint)
        below = node.below("clientSecret") or node.below("client_secret") or node
        secret = self._secret(draft.client_secret, below, (*path, "clientSecret"))
        if not is_clean(secret.reveal()):
            self._refuse(below, (*path, "clientSecret"), "has control characters", "keep the secret alone, on one line")
        credentials = ClientCredentials(
            draft.auth_endpoint, draft.client_id, secret, draft.client_credentials_type, draft.scope
        )
        return Account(draft.http_endpoint, credentials)

    def destination(self, draft: DestinationDraft, account: Account, node: Node) -> Destination:
        """Return the destination that *draft* describes."""
        where = node.below("customHeaders") or node.below("custom_headers") or node
        if account.credentials is not None:
            for flaw in rules.authorization_flaws(list(draft.custom_headers)):
                self._refuse(where.below(str(flaw.path[-1])) or where, flaw.path, flaw.what, flaw.remedy, flaw.code)
        return Destination(
            name=draft.name,
            account=account,
            description=draft.description,
            headers=tuple(self._header(name, header, where) for name, header in draft.custom_headers.items()),
            marketing_actions=draft.marketing_actions,
            segments=tuple(map(_segment, draft.segments)),
            attributes=tuple(map(_attribute, draft.attributes)),
            identities=None if draft.identities is None else tuple(map(_identity, draft.identities)),
            required_identities=draft.required_identity,
            consent=None if draft.consent is None else Consent(**draft.consent.model_dump()),
            include_segment_names=draft.include_segment_names,
            include_segment_timestamps=draft.include_segment_timestamps,
            absent=draft.absent,
            triggers=draft.triggers,
            status=draft.status,
            since=_since(draft.since),
            delivery=_delivery(draft.delivery),
        )

    def note_unresolved(self, document: Node) -> None:
        """Note which secrets of a document are not found; for one in which something else is wrong."""
        for path, node in document.scalars():
            if may_refer(path) and isinstance(node.value, str) and is_reference(node.value):
                self._secret(node.value, node, path)

    def _header(self, name: str, draft: HeaderDraft, node: Node) -> Header:
        if not draft.secret:
            return Header(name, draft.value.strip(" \t"))
        below, path = node.below(name) or node, ("customHeaders", name)
        secret = self._secret(draft.value, below, path)
        flaw = headers.flaw_of_value(secret.reveal())
        if flaw:
            self._refuse(below, path, *flaw)
        return Header(name, secret)

    def _secret(self, text: str, node: Node, path: Path) -> Secret:
        try:
            return self._references.resolve(text, node.where)
        except ConfigurationError as error:
            self.unresolved.extend(replace(problem, key=dotted(path)) for problem in error.problems)
        return Secret("")

    def _refuse(self, node: Node, path: Path, what: str, remedy: str, code: str = Mistake.WRONG_VALUE) -> None:
        self.problems.append(Problem(node.where, what, remedy, dotted(path), code))


def may_refer(path: Path) -> bool:
    """Whether a secret is expected at *path* of a document; which headers are secret is decided where they are read."""
    is_client_secret = path[-1:] in {("clientSecret",), ("client_secret",)} and path[:-1] in {(), ("account",)}
    is_header = path[:1] in {("customHeaders",), ("custom_headers",)}
    return is_client_secret or is_header


def _since(moment: str | None) -> int | Literal["now"] | None:
    """Return a moment in milliseconds, the first that is not before it."""
    if moment is None or moment == NOW:
        return None if moment is None else NOW
    return -(-parse_time(moment) // 1_000)


def _attribute(draft: AttributeDraft) -> Attribute:
    source, target = rules.path_of(draft.source), draft.target_path
    return Attribute(source, target, draft.mandatory, draft.deduplication_key, draft.hash)


def _segment(draft: SegmentDraft) -> Segment:
    created_at, updated_at = _milliseconds(draft.created_at), _milliseconds(draft.updated_at)
    return Segment(draft.id, draft.namespace, draft.name, created_at, updated_at)


def _milliseconds(text: str | None) -> int | None:
    return None if text is None else parse_time(text) // 1_000


def _identity(draft: IdentityDraft) -> Identity:
    return Identity(draft.namespace, draft.target or draft.namespace, draft.hash)


def _delivery(draft: DeliveryDraft) -> Delivery:
    return Delivery(
        **draft.model_dump(exclude={"retry", "outcomes", "batch"}),
        retry=Retry(**draft.retry.model_dump()),
        outcomes=Outcomes(**draft.outcomes.model_dump()),
        batch=None if draft.batch is None else _batch(draft.batch),
    )


def _batch(draft: BatchDraft) -> Batch:
    return Batch(draft.max_exports, draft.max_bytes, draft.linger_ms / 1_000, draft.format)
