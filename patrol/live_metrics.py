"""What Prometheus sees of live views. A part of ``metrics``; see there."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from patrol.domain.errors import LiveRefusal
from patrol.domain.live import LiveEnd, LiveWay
from patrol.metric_parts import start_at_zero


class LiveMetrics:
    """Who looks, at how many streams, what was lost on the way, and why somebody could not look."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._viewers = Gauge("patrol_live_viewers", "Live views that are open.", registry=registry)
        self._streams = Gauge(
            "patrol_live_streams",
            "Cameras that are streamed for live views, by how their pictures get to browsers.",
            ("way",),
            registry=registry,
        )
        start_at_zero(self._streams, tuple(way.value for way in LiveWay))
        self._pictures = Counter(
            "patrol_live_pictures_total",
            "Pictures for live views: sent, or dropped because the viewer was slow.",
            ("outcome",),
            registry=registry,
        )
        start_at_zero(self._pictures, ("sent", "dropped"))
        self._bytes = Counter("patrol_live_bytes_total", "Bytes of pictures sent to live views.", registry=registry)
        self._refusals = Counter(
            "patrol_live_refusals_total", "Live views that were refused.", ("reason",), registry=registry
        )
        start_at_zero(self._refusals, tuple(reason.value for reason in LiveRefusal))
        self._ends = Counter("patrol_live_ends_total", "Live views that ended.", ("end",), registry=registry)
        start_at_zero(self._ends, tuple(end.value for end in LiveEnd))

    def show(self, viewers: int, ways: Iterable[LiveWay | None]) -> None:
        """How many there are. A way is None until the stream is open."""
        self._viewers.set(viewers)
        ways = list(ways)
        for way in LiveWay:
            self._streams.labels(way.value).set(ways.count(way))

    def passed(self, sent: int, sent_bytes: int, dropped: int) -> None:
        """What became of a view's pictures since it was last told."""
        self._pictures.labels("sent").inc(sent)
        self._bytes.inc(sent_bytes)
        self._pictures.labels("dropped").inc(dropped)

    def refused(self, reason: LiveRefusal) -> None:
        """Nobody looks."""
        self._refusals.labels(reason.value).inc()

    def ended(self, end: LiveEnd) -> None:
        """One looks no longer."""
        self._ends.labels(end.value).inc()
