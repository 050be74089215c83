"""Turns documents as they are written into the words of the rest, with their secrets resolved."""

from __future__ import annotations

from dataclasses import replace

from streams.configuration import headers, rules
from streams.configuration.delivery_draft import DeliveryDraft
from streams.configuration.drafts import AccountKeys, AttributeDraft, DestinationDraft, HeaderDraft
from streams.configuration.located import Node
from streams.configuration.names import is_clean
from streams.configuration.problems import ConfigurationError, Problem, dotted
from streams.configuration.references import References
from streams.destinations import Account, Attribute, ClientCredentials, Delivery, Destination, Header, Retry, Segment
from streams.secrets import Secret

Path = tuple[str | int, ...]


class Conversion:
    """Converts valid drafts; what only shows when a secret is resolved is added to *problems*."""

    def __init__(self, references: References, problems: list[Problem]) -> None:
        self.problems = problems
        self._references = references

    def account(self, draft: AccountKeys, node: Node, path: Path = ()) -> Account | None:
        """Return the account at *node*, which is called *path* in messages, or None if its secret is wrong."""
        if draft.auth_endpoint is None or draft.client_id is None or draft.client_secret is None:
            return Account(draft.http_endpoint)
        below = node.below("clientSecret") or node.below("client_secret") or node
        secret = self._secret(draft.client_secret, below, (*path, "clientSecret"))
        if secret is None:
            return None
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
                self._refuse(where.below(str(flaw.path[-1])) or where, flaw.path, flaw.what, flaw.remedy)
        return Destination(
            name=draft.name,
            account=account,
            description=draft.description,
            headers=tuple(self._header(name, header, where) for name, header in draft.custom_headers.items()),
            marketing_actions=draft.marketing_actions,
            segments=tuple(Segment(s.id, s.namespace, s.name) for s in draft.segments),
            attributes=tuple(map(_attribute, draft.attributes)),
            absent=draft.absent,
            triggers=draft.triggers,
            status=draft.status,
            delivery=_delivery(draft.delivery),
        )

    def _header(self, name: str, draft: HeaderDraft, node: Node) -> Header:
        if not draft.secret:
            return Header(name, draft.value.strip(" \t"))
        below, path = node.below(name) or node, ("customHeaders", name)
        secret = self._secret(draft.value, below, path) or Secret("")
        flaw = headers.flaw_of_value(secret.reveal())
        if flaw:
            self._refuse(below, path, *flaw)
        return Header(name, secret)

    def _secret(self, text: str, node: Node, path: Path) -> Secret | None:
        try:
            return self._references.resolve(text, node.where)
        except ConfigurationError as error:
            self.problems.extend(replace(problem, key=dotted(path)) for problem in error.problems)
        return None

    def _refuse(self, node: Node, path: Path, what: str, remedy: str) -> None:
        self.problems.append(Problem(node.where, what, remedy, dotted(path)))


def _attribute(draft: AttributeDraft) -> Attribute:
    return Attribute(rules.path_of(draft.source), draft.target_path, draft.mandatory)


def _delivery(draft: DeliveryDraft) -> Delivery:
    retry = Retry(**draft.retry.model_dump())
    return Delivery(**draft.model_dump(exclude={"retry"}), retry=retry)
