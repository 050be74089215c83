"""The policies as people look them up: those that are shipped and those of documents, and whom each forbids what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.configuration.governing import Ruled, governed
from streams.governance.core import CORE_POLICIES
from streams.governance.evaluating import Governance, Violation
from streams.governance.policies import Policy
from streams.registry.changes import Standing
from streams.registry.records import POLICY, Version
from streams.registry.verdicts import violations_of


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy, whether it is in force, and what it forbids those that are; *version* is 0 without a document."""

    policy: Policy
    is_enabled: bool
    is_shipped: bool
    version: int
    forbids: Mapping[str, tuple[Violation, ...]]
    """By destination."""


def rules_of(standing: Standing) -> dict[str, Rule]:
    """Return all policies that can be read, by name, the shipped ones first."""
    known = governed(standing.governing)
    found = violations(standing, known.governance)
    ruled = {name: each for (_, name), each in known.read.items() if isinstance(each, Ruled)}
    shipped = {name: ruled.get(name, Ruled(policy, is_enabled=False)) for name, policy in CORE_POLICIES.items()}
    versions = standing.governing.get(POLICY, {})
    return {
        name: Rule(
            each.policy,
            each.is_enabled,
            name in CORE_POLICIES,
            _version(versions.get(name)),
            {destination: by for destination, all_of in found.items() if (by := _of(name, all_of))},
        )
        for name, each in {**shipped, **ruled}.items()
    }


def violations(standing: Standing, governance: Governance) -> dict[str, tuple[Violation, ...]]:
    """Return what *governance* forbids the destinations in force, by name; those that it forbids nothing are absent."""
    live = {name: version for name, version in standing.destinations.items() if version.life != "deleted"}
    found = {name: violations_of(version, governance) for name, version in sorted(live.items())}
    return {name: of_one for name, of_one in found.items() if of_one}


def _version(version: Version | None) -> int:
    return 0 if version is None or version.life == "deleted" else version.version


def _of(policy: str, found: tuple[Violation, ...]) -> tuple[Violation, ...]:
    return tuple(each for each in found if each.policy.name == policy)
