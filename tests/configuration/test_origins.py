from __future__ import annotations

from pathlib import Path

from streams.configuration.settings import load_with_origins
from tests.configurations import written


def test_each_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        app: shop
        kafka:
          bootstrap_servers: [a:1]
        inputs: {memberships: {topic: m}}
        http: {port: 1}
        """,
    )
    _, origins = load_with_origins(path, {"STREAMS_HTTP_PORT": "2", "STREAMS_DELIVERY_MAX_IN_FLIGHT": "3"})
    told = {name: origin.replace(f"{tmp_path}/", "") for name, origin in origins.items() if origin != "default"}

    assert told == {
        "app": "documents.yaml:1",
        "kafka.bootstrapServers": "documents.yaml:3",
        "inputs.memberships": "documents.yaml:4",
        "http.port": "STREAMS_HTTP_PORT",
        "delivery.maxInFlight": "STREAMS_DELIVERY_MAX_IN_FLIGHT",
    }
    assert {"http.host", "kafka.saslPassword", "delivery.drainSeconds"} <= origins.keys()
