"""What Prometheus sees of what is kept on disk. A part of ``metrics``; see there."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from patrol.domain.retention import EvidenceClass, Gone, Usage


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
