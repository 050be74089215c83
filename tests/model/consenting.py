"""What a profile's consents allow a destination, as XDM says them: to send it at all, and with which identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.model.contents import MISSING, Document, at

Identities = dict[str, list[Any]]


def permitted(document: Document, consents: Any, known: Identities) -> Identities | None:
    """Return those of the *known* identities that may be sent; None if the profile may not be sent."""
    if "consent" not in document:
        return known
    rule = document["consent"]
    general = {need: _answer(rule, consents, need) for need in rule["needs"]}
    if False in general.values():
        return None
    specific = at(consents, "idSpecific")
    left: Identities = {}
    for namespace, items in known.items():
        for item in items:
            own = MISSING
            if isinstance(specific, Mapping) and isinstance(specific.get(namespace), Mapping):
                own = specific[namespace].get(item["id"], MISSING)
            if _is_given(rule, own, general):
                left.setdefault(namespace, []).append(item)
    if not known:
        return known if _is_given(rule, MISSING, general) else None
    return left or None


def _is_given(rule: Mapping[str, Any], own: Any, general: Mapping[str, bool | None]) -> bool:
    for need, whole in general.items():
        answer = _answer(rule, own, need)
        answer = whole if answer is None else answer
        if not (rule.get("absent") == "granted" if answer is None else answer):
            return False
    return True


def _answer(rule: Mapping[str, Any], said: Any, need: str) -> bool | None:
    value = at(said, f"{need}.val")
    if need.startswith("marketing.") and need != "marketing.any":
        every = at(said, "marketing.any.val")
        if every == "n":
            return False
        value = every if value is MISSING else value
    return None if value is MISSING else value in rule.get("granted", ("y",))
