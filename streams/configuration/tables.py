"""Renders the reference tables of settings and documents, so that what is printed is what is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streams.configuration.drafts import AccountDraft, DestinationDraft
from streams.configuration.fields import leaves, model_within, section_of, spelling
from streams.configuration.governance_draft import LabelsDraft, PolicyDraft, SchemaDraft
from streams.configuration.inputs import MembershipInput, ProfileInput
from streams.configuration.settings import Settings
from streams.governance.core import CORE_ACTIONS, CORE_POLICIES
from streams.governance.labels import CORE_LABELS
from streams.governance.policies import written


def settings_table() -> str:
    """Return the worker's settings as a Markdown table: key, environment name, default, meaning."""
    rows = [(_code(".".join(leaf.path)), _code(leaf.environment), *_told(leaf.info)) for leaf in leaves(Settings)]
    return _markdown(("Key", "Environment", "Default", "Meaning"), rows)


def destination_table() -> str:
    """Return the keys of a destination document as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(DestinationDraft, "")))


def memberships_table() -> str:
    """Return the keys of an input of memberships as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(MembershipInput, "")))


def profiles_table() -> str:
    """Return the keys of an input of profiles as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(ProfileInput, "")))


def account_table() -> str:
    """Return the keys of an account document as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(AccountDraft, "")))


def policy_table() -> str:
    """Return the keys of a policy document as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(PolicyDraft, "")))


def labels_table() -> str:
    """Return the keys of a document of labels as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(LabelsDraft, "")))


def schema_table() -> str:
    """Return the keys of a union schema's document as a Markdown table: key, default, meaning."""
    return _markdown(("Key", "Default", "Meaning"), list(_rows(SchemaDraft, "")))


def core_labels_table() -> str:
    """Return the core labels as a Markdown table."""
    return _markdown(
        ("Label", "What it says of the data"), [(_code(label), meaning) for label, meaning in CORE_LABELS.items()]
    )


def core_actions_table() -> str:
    """Return the core marketing actions as a Markdown table."""
    return _markdown(
        ("Marketing action", "Meaning"), [(_code(action), meaning) for action, meaning in CORE_ACTIONS.items()]
    )


def core_policies_table() -> str:
    """Return the shipped policies as a Markdown table."""
    rows = [
        (_code(each.name), ", ".join(each.marketing_actions or ("any",)), written(each.deny), each.description)
        for each in CORE_POLICIES.values()
    ]
    return _markdown(("Policy", "Denies", "Where", "Meaning"), rows)


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, info in model.model_fields.items():
        key = prefix + spelling(name, info)
        below = model_within(info.annotation)
        if section_of(info) is None:
            yield _code(key), *_told(info)
        if below is not None:
            yield from _rows(below, key + _joint(info.annotation))


def _joint(annotation: Any) -> str:
    """Return how the keys of what stands in a field are joined to its own."""
    if any(get_origin(each) is tuple for each in (annotation, *get_args(annotation))):
        return "[]."
    return ".*." if get_origin(annotation) is dict else "."


def _told(info: FieldInfo) -> tuple[str, str]:
    """Return the default and the meaning of a field."""
    meaning = info.description or ""
    if choices := _choices(info.annotation):
        meaning += f" One of {', '.join(_code(choice) for choice in choices)}."
    return _default(info), meaning


def _choices(annotation: Any) -> Sequence[str]:
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    return choices if len(choices) > 1 else ()


def _default(info: FieldInfo) -> str:
    value = info.default
    if info.is_required():
        return "required"
    if isinstance(value, bool):
        return _code(str(value).lower())
    if isinstance(value, tuple):
        return ", ".join(map(_code, value))
    return "" if value is None or value in ("", {}) else _code(str(value))


def _code(text: str) -> str:
    return f"`{text}`"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
