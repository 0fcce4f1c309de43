"""What Prometheus sees of what is kept on disk. A part of ``metrics``; see there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from patrol.domain.errors import StoreFailure
from patrol.domain.retention import EvidenceClass, Gone, Usage
from patrol.domain.storage import DiskPlace, DiskSpace, FreeFloor


class EvidenceMetrics:
    """Evidence on disk, and what becomes of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pieces = Gauge(
            "patrol_evidence_pieces", "Pictures and clips that are kept, by class.", ("class",), registry=registry
        )
        self.size = Gauge("patrol_evidence_bytes", "Bytes of what is kept, by class.", ("class",), registry=registry)
        for each in EvidenceClass:
            self.pieces.labels(each.value)
            self.size.labels(each.value)
        self.gone = Counter(
            "patrol_evidence_gone_total",
            "Pictures and clips that were deleted, or found to be gone, and why.",
            ("reason",),
            registry=registry,
        )
        for reason in Gone:
            self.gone.labels(reason.value)
        self.quota_share = Gauge(
            "patrol_evidence_quota_ratio", "What is kept as a share of the quota; 1 is all of it.", registry=registry
        )
        self.stuck = Gauge(
            "patrol_evidence_stuck",
            "1 while the quota is passed and all that is left may not be deleted: open incidents, or the last hour.",
            registry=registry,
        )
        self.strangers = Gauge(
            "patrol_evidence_strangers",
            "Files that no alert knows, too many to be mere orphans: kept, as they may be another database's.",
            registry=registry,
        )
        self.failures = Counter(
            "patrol_evidence_failures_total",
            "Rounds of looking after the evidence that the store or the disk refused; they are made again.",
            registry=registry,
        )

    def show(self, usage: Mapping[EvidenceClass, Usage], quota_bytes: int) -> None:
        """Set the gauges."""
        for each in EvidenceClass:
            found = usage.get(each, Usage(0, 0))
            self.pieces.labels(each.value).set(found.pieces)
            self.size.labels(each.value).set(found.size)
        self.quota_share.set(sum(found.size for found in usage.values()) / quota_bytes)


class SpoolMetrics:
    """Alerts that the store refused, and those that wait on the local disk for it."""

    OUTCOMES = ("kept", "accepted", "cooled_down", "set_aside")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter(
            "patrol_alerts_refused_total",
            "Alerts that the store, or the disk of the evidence, did not take at once, and why.",
            ("reason",),
            registry=registry,
        )
        for failure in StoreFailure:
            self.refused.labels(failure.value)
        self.waiting = Gauge(
            "patrol_spool_waiting", "Alerts that wait on the local disk for the store to be back.", registry=registry
        )
        self.size = Gauge("patrol_spool_bytes", "Bytes of what waits on the local disk.", registry=registry)
        self.passed = Counter(
            "patrol_spool_alerts_total",
            "Alerts that were kept on the local disk, and what the store said to them when it was back.",
            ("outcome",),
            registry=registry,
        )
        for outcome in self.OUTCOMES:
            self.passed.labels(outcome)


class DiskMetrics:
    """The disks on which everything lies. Only the relay role looks; the others show zeros."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.free = Gauge(
            "patrol_disk_free_bytes",
            "Bytes that Patrol may still use, of what lies there.",
            ("place",),
            registry=registry,
        )
        self.size = Gauge("patrol_disk_size_bytes", "Bytes of the whole disk.", ("place",), registry=registry)
        self.short = Gauge(
            "patrol_disk_short", "1 while less is free than the configured floor.", ("place",), registry=registry
        )
        for gauge in (self.free, self.size, self.short):
            for place in DiskPlace:
                gauge.labels(place.value)

    def show(self, spaces: Sequence[DiskSpace], floor: FreeFloor) -> None:
        """Set the gauges."""
        for space in spaces:
            self.free.labels(space.place.value).set(space.free)
            self.size.labels(space.place.value).set(space.size)
            self.short.labels(space.place.value).set(floor.missing(space) > 0)


class StoreMetrics:
    """The database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.away = Gauge(
            "patrol_store_away",
            "1 from a start without the database until it is there: alerts are kept on the local disk meanwhile.",
            registry=registry,
        )
