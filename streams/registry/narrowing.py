"""What a changed destination may not be sent any more: then exports of before must not be posted. Pure.

Whatever sends more than before, or sends the same otherwise, is not listed: what was rendered then may still go out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from streams.destinations import Account, Attribute, Consent, Destination, Identity, Segment


def narrowings(old: Destination, new: Destination) -> list[str]:
    """Return why no export that was rendered for *old* may be posted for *new*; nothing where they may."""
    return [
        *_recipient(old.account, new.account),
        *_removed(old, new),
        *_hidden(old, new),
        *_identities(old, new),
        *_unsaid(old, new),
        *_actions(old, new),
        *_consent(old.consent, new.consent),
        *_since(old, new),
    ]


def _recipient(old: Account, new: Account) -> Iterator[str]:
    if old.http_endpoint != new.http_endpoint:
        yield "the endpoint changes"
    if _client(old) != _client(new):
        yield "the client that it is sent for changes"


def _client(account: Account) -> tuple[str, str] | None:
    """Return whom a token is for: another client may be another tenant of the same endpoint."""
    credentials = account.credentials
    return None if credentials is None else (credentials.token_url, credentials.client_id)


def _removed(old: Destination, new: Destination) -> Iterator[str]:
    mapped = {(each.source, each.target) for each in new.attributes}
    for attribute in old.attributes:
        if (attribute.source, attribute.target) not in mapped:
            yield f"attribute {_path(attribute)} is removed"
    waited_for = {each.source for each in old.attributes if each.mandatory}
    for attribute in new.attributes:
        if attribute.mandatory and attribute.source not in waited_for:
            yield f"attribute {_path(attribute)} becomes mandatory"
    segments = {(each.namespace, each.id) for each in new.segments}
    for segment in old.segments:
        if (segment.namespace, segment.id) not in segments:
            yield f"segment {_name(segment)} is removed"


def _hidden(old: Destination, new: Destination) -> Iterator[str]:
    """Of the attributes that stay, what is no longer sent as it was."""
    before = {(each.source, each.target): each for each in old.attributes}
    for attribute in new.attributes:
        was = before.get((attribute.source, attribute.target))
        if was is None:
            continue
        if attribute.hash != was.hash and attribute.hash is not None:
            yield f"attribute {_path(attribute)} is hashed"
        if was.deduplication_key and not attribute.deduplication_key:
            yield f"attribute {_path(attribute)} is no longer sent with a withdrawal"


def _identities(old: Destination, new: Destination) -> Iterator[str]:
    """Of the identities, what is no longer sent as it was, and what is waited for; None selects all, as they come."""
    if old.identities is None and new.identities is not None:
        yield "only selected identities are sent"
    before = {each.namespace: each for each in old.identities or ()}
    after = None if new.identities is None else {each.namespace: each for each in new.identities}
    for namespace, was in before.items():
        now = Identity(namespace, namespace) if after is None else after.get(namespace)
        if now is None:
            yield f"identity {namespace} is removed"
        elif now.target != was.target:
            yield f"identity {namespace} is no longer sent as {was.target}"
        elif now.hash != was.hash and now.hash is not None:
            yield f"identity {namespace} is hashed"
    required = set(old.required_identities)
    yield from (f"identity {each} becomes required" for each in new.required_identities if each not in required)


def _unsaid(old: Destination, new: Destination) -> Iterator[str]:
    """Of what memberships say of their segments, what they say no more."""
    if old.include_segment_names and not new.include_segment_names:
        yield "names of segments are no longer sent"
    if old.include_segment_timestamps and not new.include_segment_timestamps:
        yield "times of segments are no longer sent"
    known = replace(new, include_segment_names=True, include_segment_timestamps=True)
    segments = {(each.namespace, each.id): each for each in new.segments}
    for segment in old.segments:
        now = segments.get((segment.namespace, segment.id))
        if now is not None and (lost := old.told_of(segment).keys() - known.told_of(now)):
            yield f"segment {_name(segment)} loses its {', '.join(sorted(lost))}"


def _actions(old: Destination, new: Destination) -> Iterator[str]:
    """Of what the data is sent for, anything less and anything more may forbid what was allowed."""
    before, after = old.marketing_actions, new.marketing_actions
    yield from (f"marketing action {each} is removed" for each in before if each not in after)
    yield from (f"marketing action {each} is added" for each in after if each not in before)


def _consent(old: Consent | None, new: Consent | None) -> Iterator[str]:
    """Of what a profile must have consented to, what was not asked for then."""
    if new is None:
        return
    before = old.needs if old is not None else ()
    yield from (f"consent to {need} is needed" for need in new.needs if need not in before)
    if old is None:
        return
    yield from (f"consent {value} no longer counts as given" for value in old.granted if value not in new.granted)
    if old.absent == "granted" and new.absent == "denied":
        yield "no word of consent no longer counts as given"


def _since(old: Destination, new: Destination) -> Iterator[str]:
    if _moment(new) > _moment(old):
        yield "since begins later"


def _moment(destination: Destination) -> float:
    return destination.since if isinstance(destination.since, int) else -math.inf


def _path(attribute: Attribute) -> str:
    source, target = ".".join(attribute.source), ".".join(attribute.target)
    return source if source == target else f"{source} -> {target}"


def _name(segment: Segment) -> str:
    return segment.id if segment.namespace == "ups" else f"{segment.namespace}:{segment.id}"
