from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry.metrics import NAMES, Metrics


def declared() -> dict[str, tuple[str, str]]:
    """Name, as it is scraped, to type and help."""
    found = {}
    for family in Metrics().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, family.documentation)
    return found


def test_what_is_registered_is_what_is_documented() -> None:
    assert {name for name in declared() if not name.startswith(("process_", "python_"))} == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_every_metric_says_what_it_means_in_base_units() -> None:
    for name, (kind, text) in declared().items():
        assert len(text) > 10, name
        assert not name.endswith(("_ms", "_milliseconds", "_minutes", "_kb")), name
        assert kind != "histogram" or name.endswith(("_seconds", "_exports")), name


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    one, other = Metrics(), Metrics()

    one.fetched.labels("crm").inc()

    assert one.registry.get_sample_value("streams_exports_fetched_total", {"destination": "crm"}) == 1
    assert other.registry.get_sample_value("streams_exports_fetched_total", {"destination": "crm"}) is None


def test_no_created_series_double_the_counters() -> None:
    metrics = Metrics()
    metrics.fetched.labels("crm").inc()

    text = generate_latest(metrics.registry).decode()

    assert "_created" not in {sample.name[-8:] for f in text_string_to_metric_families(text) for sample in f.samples}
