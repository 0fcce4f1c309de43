"""What Prometheus sees of the tour wall. A part of ``metrics``; see there."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from patrol.metric_parts import start_at_zero


class WallMetrics:
    """Stills of what somebody has in sight, and who looks."""

    OUTCOMES = ("shown", "behind", "unreadable", "queue_away")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stills = Counter(
            "patrol_wall_stills_total",
            "Stills of cameras that somebody has in sight: shown, or not: overtaken by newer ones while the tour was"
            " behind with them, not to be encoded, or the queue was away.",
            ("outcome",),
            registry=registry,
        )
        start_at_zero(self.stills, self.OUTCOMES)
        self.in_sight = Gauge(
            "patrol_wall_cameras_in_sight", "Cameras that somebody has in sight on the tour wall.", registry=registry
        )
        self.viewers = Gauge("patrol_wall_viewers", "Pages that show pictures of the tour wall now.", registry=registry)
