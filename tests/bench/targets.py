"""What is to be reached, by the figure: at least, and what is reached for."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Target:
    """Limits of the ratio, or of the *value*; with *least* they are lower limits. *where* says of which parameters."""

    name: str
    limits: tuple[float, ...]
    value: bool = False
    least: bool = False
    where: tuple[tuple[str, object], ...] = ()

    def covers(self, each: Figure) -> bool:
        """Whether it is a target of this figure."""
        return each["name"] == self.name and all(each["params"].get(key) == value for key, value in self.where)

    def reached(self, each: Figure) -> tuple[bool, ...]:
        """Return whether each of its limits is kept."""
        got = each["value"] if self.value else each["ratio"]
        return tuple(got >= limit if self.least else got <= limit for limit in self.limits)

    def told(self, each: Figure) -> list[str]:
        """Return its limits as people write them."""
        unit = f" {each['unit']}" if self.value else " x"
        return [f"{'>=' if self.least else '<='} {limit:g}{unit}" for limit in self.limits]


_SINGLE = (("batch", 1),)

TARGETS = (
    Target("delivery_cpu_per_export", (0.8, 0.5), where=_SINGLE),
    Target("whole_way_cpu_per_export", (1.6, 1.0), where=_SINGLE),
    Target("share_of_ceiling_50ms", (0.9,), value=True, least=True),
    Target("latency_p99", (50, 10), value=True, where=(*_SINGLE, ("latency_ms", 0), ("payload_bytes", 512))),
    Target("low_rate_cpu", (0.5, 0.2), value=True, where=(*_SINGLE, ("latency_ms", 0), ("payload_bytes", 512))),
    Target("growth_cpu_1m_vs_10k", (1.15,)),
    Target("recovery_profiles_per_second", (50_000,), value=True, least=True, where=(("profiles", 1_000_000),)),
    Target("recovery_peak_rss", (800, 500), value=True, where=(("profiles", 1_000_000),)),
    Target("isolation_p99", (1.1,)),
    Target("idle_100_cpu", (0.1,), value=True),
    Target("idle_100_rss", (150,), value=True),
)


def target_of(each: Figure) -> Target | None:
    """Return the target of a figure, if it has one."""
    return next((target for target in TARGETS if target.covers(each)), None)


def verdict(each: Figure) -> tuple[str, str, str]:
    """Return what is to be reached at least, what is reached for, and what of it is reached; empty where nothing is."""
    if (target := target_of(each)) is None:
        return "", "", ""
    least, *more = target.told(each)
    done = target.reached(each)
    return least, "".join(more), "both" if len(done) > 1 and all(done) else "yes" if done[0] else "no"
