"""What Prometheus sees of the queue, and of Patrol's watch over itself. A part of ``metrics``; see there."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from patrol.domain.auditing import FindingKind
from patrol.domain.clocks import Jump
from patrol.domain.messages import STREAMS
from patrol.metric_parts import FAST_SECONDS, start_at_zero

GROUPS = ("dispatch", "positions")


class QueueMetrics:
    """The outbox, the streams and their consumers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outbox = Gauge("patrol_outbox_messages", "Messages not published yet.", registry=registry)
        self.outbox_age = Gauge(
            "patrol_outbox_age_seconds", "How long the oldest unpublished message has waited.", registry=registry
        )
        self.published = Counter("patrol_messages_published_total", "Messages given to Redis.", registry=registry)
        self.handled = Counter(
            "patrol_messages_handled_total",
            "Messages whose effect is stored and which were acknowledged.",
            ("group",),
            registry=registry,
        )
        self.handling = Histogram(
            "patrol_message_handling_seconds",
            "How long a message took to have its effect stored, the waits for the store included.",
            ("group",),
            buckets=FAST_SECONDS,
            registry=registry,
        )
        start_at_zero(self.handling, GROUPS)
        self.repeated = Counter(
            "patrol_messages_repeated_total",
            "Deliveries of a message whose effect was stored before.",
            ("group",),
            registry=registry,
        )
        self.reclaimed = Counter(
            "patrol_messages_reclaimed_total",
            "Messages taken over from a dead consumer.",
            ("group",),
            registry=registry,
        )
        self.dead = Counter(
            "patrol_messages_dead_total", "Messages moved to the dead letters.", ("group",), registry=registry
        )
        self.recovered = Counter(
            "patrol_alerts_recovered_total",
            "Alerts that came back from the queue into a database that was put back to an older state.",
            registry=registry,
        )
        self.replayed = Counter(
            "patrol_dead_letters_replayed_total",
            "Dead letters that operators put back on their streams in the feed.",
            registry=registry,
        )
        for counter in (self.handled, self.repeated, self.reclaimed, self.dead):
            start_at_zero(counter, GROUPS)
        self.published_again = Counter(
            "patrol_messages_published_again_total",
            "Messages that the queue had lost, found by comparing it with the store.",
            registry=registry,
        )
        self.unreplicated = Counter(
            "patrol_messages_unreplicated_total",
            "Red alerts that no replica had within 0.1 s, where there are replicas.",
            registry=registry,
        )
        self.unsettled = Gauge(
            "patrol_messages_unsettled",
            "Messages that were published and that some group has not acknowledged yet.",
            registry=registry,
        )
        self.entries = Gauge("patrol_stream_entries", "Entries of a stream.", ("stream",), registry=registry)
        start_at_zero(self.entries, STREAMS)
        self.trimmed = Counter(
            "patrol_stream_entries_trimmed_total",
            "Entries let go of after every group had acknowledged them.",
            registry=registry,
        )
        self.memory = Gauge(
            "patrol_queue_memory_ratio",
            "Share of Redis's memory limit that is used; 0 where it has no limit.",
            registry=registry,
        )
        self.degraded = Gauge(
            "patrol_queue_degraded", "1 while Redis cannot be reached or refuses messages.", registry=registry
        )


class WatchMetrics:
    """Patrol's watch over itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.heartbeat_age = Gauge(
            "patrol_heartbeat_age_seconds",
            "Since the newest heartbeat was sent that made the whole way: store, outbox, Redis, dispatch, store.",
            registry=registry,
        )
        self.heartbeat_round = Histogram(
            "patrol_heartbeat_round_seconds",
            "How long heartbeats took for the whole way.",
            buckets=FAST_SECONDS,
            registry=registry,
        )
        self.findings = Gauge(
            "patrol_audit_findings", "What the auditor found not to move.", ("kind",), registry=registry
        )
        start_at_zero(self.findings, tuple(kind.value for kind in FindingKind))
        self.last_audit = Gauge(
            "patrol_auditor_last_run_timestamp_seconds",
            "When the auditor last looked, Unix time by the machine's clock.",
            registry=registry,
        )

        self.clock_offset = Gauge(
            "patrol_clock_offset_seconds",
            "By how much the machine's clock is ahead of the time Patrol keeps; more than 2 is a jump, not followed.",
            registry=registry,
        )
        self.clock_jumps = Counter(
            "patrol_clock_jumps_total",
            "Jumps of the machine's clock by more than 2 s.",
            ("direction",),
            registry=registry,
        )
        start_at_zero(self.clock_jumps, tuple(jump.value for jump in Jump))

    def audited(self, findings: Mapping[str, int]) -> None:
        """The auditor has looked, just now."""
        for kind, count in findings.items():
            self.findings.labels(kind).set(count)
        self.last_audit.set_to_current_time()  # what Prometheus compares it with is no clock of ours
