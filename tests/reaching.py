"""The tests' brokers as the code under test is given them; the brokers themselves know nothing of that code."""

from __future__ import annotations

import json
from typing import Any

from streams.brokers import Brokers
from streams.configuration.settings import load
from tests.brokers.client import Client
from tests.brokers.secured import PASSWORD, VARIABLE, Secured


def brokers_of(client: Client) -> Brokers:
    """Return the broker of *client*."""
    return Brokers((client.bootstrap,))


def secured_brokers(
    secured: Secured, listener: str, mechanism: str = "SCRAM-SHA-256", password: str = PASSWORD, **more: Any
) -> Brokers:
    """Return what is made of the settings for a *listener* of the secured broker."""
    file = secured.folder / "streams.yaml"
    kafka = secured.settings(listener, mechanism, **more)
    file.write_text(json.dumps({"inputs": {"memberships": "none"}, "kafka": kafka}))
    return load(file, {VARIABLE: password} if "saslUsername" in kafka else {}).kafka.brokers
