"""Labels, policies and destinations for the tests of governance, and random ones of few words."""

from __future__ import annotations

from hypothesis import strategies as st

from streams.destinations import Account, Attribute, Destination, Identity, Segment
from streams.governance.evaluating import Governance
from streams.governance.labels import Labels
from streams.governance.policies import All, Any, Expression, Policy

PARTNER = "Export to Third Party"


def a_destination(
    *paths: str,
    actions: tuple[str, ...] = (PARTNER,),
    segments: tuple[str, ...] = (),
    identities: tuple[str, ...] | None = (),
) -> Destination:
    """Return a destination that maps *paths*, without identities unless told."""
    sources = [tuple(path.split(".")) for path in paths]
    return Destination(
        "crm",
        Account("https://api.example.com"),
        marketing_actions=actions,
        segments=tuple(map(Segment, segments)),
        attributes=tuple(Attribute(source, source) for source in sources),
        identities=None if identities is None else tuple(Identity(each, each) for each in identities),
    )


def on_paths(labelled: dict[str, str]) -> Labels:
    """Return labels of attribute paths, a word of them each."""
    return Labels("labels ours", {tuple(path.split(".")): tuple(labels.split()) for path, labels in labelled.items()})


def deny(expression: Expression, *actions: str) -> Policy:
    """Return a policy of that name."""
    return Policy("no", expression, actions or (PARTNER,))


def governed(policy: Policy, *labels: Labels) -> Governance:
    """Return a governance of one policy."""
    return Governance((policy,), labels)


LABELS = st.sampled_from(["C1", "C2", "I1", "own"])
ACTIONS = st.sampled_from([PARTNER, "Analytics", "Own Use"])
PATHS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map(tuple)
IDS = st.sampled_from(["s1", "s2", "s3"])
NAMESPACES = st.sampled_from(["ecid", "email"])

EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    LABELS,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda of: st.sampled_from([All(tuple(of)), Any(tuple(of))])
    ),
    max_leaves=5,
)
POLICIES = st.builds(
    Policy,
    st.sampled_from(["one", "two"]),
    EXPRESSIONS,
    st.none() | st.lists(ACTIONS, min_size=1, unique=True).map(tuple),
)
SOME_LABELS = st.lists(LABELS, min_size=1, max_size=2, unique=True).map(tuple)
ALL_LABELS = st.builds(
    Labels,
    st.sampled_from(["labels ours", "labels theirs"]),
    attributes=st.dictionaries(PATHS, SOME_LABELS, max_size=3),
    sources=st.dictionaries(st.sampled_from(["web", "crm"]), SOME_LABELS, max_size=2),
    segments=st.dictionaries(st.tuples(st.just("ups"), IDS), SOME_LABELS, max_size=3),
    identities=st.dictionaries(NAMESPACES, SOME_LABELS, max_size=2),
)
GOVERNANCES = st.builds(
    Governance, st.lists(POLICIES, max_size=3).map(tuple), st.lists(ALL_LABELS, max_size=2).map(tuple)
)
DESTINATIONS = st.builds(
    Destination,
    st.just("crm"),
    st.just(Account("https://api.example.com")),
    marketing_actions=st.lists(ACTIONS, max_size=2, unique=True).map(tuple),
    segments=st.lists(IDS, max_size=3, unique=True).map(lambda ids: tuple(map(Segment, ids))),
    attributes=st.lists(PATHS, max_size=3, unique=True).map(lambda of: tuple(Attribute(each, each) for each in of)),
    identities=st.none()
    | st.lists(NAMESPACES, max_size=2, unique=True).map(lambda of: tuple(Identity(each, each) for each in of)),
)
