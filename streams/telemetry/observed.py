"""Families whose series come and go: each scrape asks what there is, and shows nothing that is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.labels import SET_ASIDE_REASONS, STATE_REASONS, known

Stopped = tuple[str, str, int]
"""Stage, topic and partition of what stands still."""


class Gaps(Collector):
    """``streams_gaps``: 1 for each partition that *stopped* names."""

    LABELS = ("stage", "topic", "partition")

    def __init__(self) -> None:
        self.stopped: Callable[[], Iterable[Stopped]] = tuple

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the one family."""
        text = "1 for each partition that stands still until its gap is accepted: see streams gaps list."
        family = GaugeMetricFamily("streams_gaps", text, labels=self.LABELS)
        for stage, topic, partition in self.stopped():
            family.add_metric((stage, topic, str(partition)), 1.0)
        return (family,)


class Refusing(Collector):
    """``streams_exports_refused``: 1 for each destination that *refusing* names, with the reason."""

    LABELS = ("destination", "reason")

    def __init__(self) -> None:
        self.refusing: Callable[[], Mapping[str, str]] = dict

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the one family."""
        text = "1 for each destination whose exports topic refuses what activation writes: it is owed to it."
        family = GaugeMetricFamily("streams_exports_refused", text, labels=self.LABELS)
        for destination, reason in self.refusing().items():
            family.add_metric((destination, known(reason, STATE_REASONS)), 1.0)
        return (family,)


class SetAside(Collector):
    """``streams_state_set_aside_total``: what *counted* says, by reason; each known reason from the start, as 0."""

    LABELS = ("reason",)

    def __init__(self) -> None:
        self.counted: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return the one family."""
        text = "State directories that were not believed and are rebuilt, by reason."
        family = CounterMetricFamily("streams_state_set_aside", text, labels=self.LABELS)
        counts = Counter(dict.fromkeys(SET_ASIDE_REASONS, 0))
        for reason, count in self.counted().items():
            counts[known(reason, SET_ASIDE_REASONS)] += count
        for reason, count in counts.items():
            family.add_metric((reason,), float(count))
        return (family,)
