"""Which destinations an app has once the files that its settings name are applied: what topics are needed for."""

from __future__ import annotations

from streams.configuration.documents import examine
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.configuration.stored import stored_without_secrets
from streams.destinations import Destination
from streams.registry.applying import standing_of
from streams.registry.edits import Author
from streams.registry.opening import looked_at
from streams.registry.plans import Standing, plan
from streams.registry.records import DESTINATION

NOBODY = Author("", 0)
"""Nothing is written."""


async def expected(settings: Settings) -> list[Destination]:
    """Return them without their secrets, changing nothing; raises ConfigurationError, and what a cluster raises."""
    async with looked_at(settings) as registry:
        standing = Standing({}, {}) if registry is None else standing_of(registry)
    found = examine(settings.documents, References({}, None), standing.accounts, standing.governing)
    if found.problems:
        raise ConfigurationError(found.problems)
    given = {
        each.name: each.version for each in plan(found.given, standing, NOBODY).changes if each.kind == DESTINATION
    }
    versions = {**standing.destinations, **given}.values()
    return [stored_without_secrets(version) for version in versions if version.life != "deleted"]
