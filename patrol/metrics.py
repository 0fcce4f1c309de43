"""What Prometheus sees: one small class per stage, on a registry given from outside.

Names, types and help texts are fixed in docs/metrics.txt (tests/test_metrics.py holds the code to it). Every label
set is closed and starts at zero, so a counter that never moved is visible as such.
"""

from __future__ import annotations

from collections import Counter as Counter_
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from patrol.domain.alerts import Verdict
from patrol.domain.camera import RingName
from patrol.domain.change import ChangeVerdict
from patrol.domain.closer import Look
from patrol.domain.errors import CaptureFailure, Refusal
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import FixVerdict, Freshness
from patrol.domain.incidents import Cause, Disposition, EscalationStep, LoopStage
from patrol.domain.lateness import LatenessKind
from patrol.domain.orders import OrderState
from patrol.domain.room import RingStatus, StageStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitState
from patrol.live_metrics import LiveMetrics
from patrol.metric_parts import FAST_SECONDS, start_at_zero
from patrol.queue_metrics import QueueMetrics, WatchMetrics
from patrol.storage_metrics import DiskMetrics, EvidenceMetrics, SpoolMetrics, StoreMetrics
from patrol.wall_metrics import WallMetrics

RINGS = tuple(ring.value for ring in RingName)
LEVELS = tuple(level.value for level in Level)
KINDS = tuple(kind.value for kind in Kind)
IDLE_VERDICTS = tuple(verdict.value for verdict in ChangeVerdict)
LOOKS = tuple(look.value for look in Look)
CLOSER_VERDICTS = ("made", "no_room")
SIGNED_IN = "signed_in"
NO_LEVEL = "none"  # before a level is decided

STAGES_BEFORE_LEVEL = ("visit", "inspect", "detect", "rules")
STAGES_WITH_LEVEL = ("accept", "order", "unit_accept", "travel", "feedback")
STAGES_THAT_RETRY = ("visit", "accept", "inspect", "relay", "reconcile", "dispatch")

# The rings' revisit bounds (5, 15, 30) and response targets (60, 180, 300) are edges: the share inside is exact.
GAP_SECONDS = (1, 2, 3, 4, 5, 6, 7.5, 10, 12.5, 15, 20, 25, 30, 45, 60, 120, 300)
RESPONSE_SECONDS = (5, 15, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1800)


class StageMetrics:
    """Duration and errors of every stage."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "patrol_stage_duration_seconds",
            "How long a stage took, or how long an incident stood in it.",
            ("stage", "ring", "level"),
            buckets=FAST_SECONDS,
            registry=registry,
        )
        start_at_zero(self.duration, STAGES_BEFORE_LEVEL, RINGS, (NO_LEVEL,))
        start_at_zero(self.duration, STAGES_WITH_LEVEL, RINGS, LEVELS)
        self.errors = Counter(
            "patrol_stage_errors_total",
            "Work a stage could not do and will try again or has refused loudly.",
            ("stage",),
            registry=registry,
        )
        start_at_zero(self.errors, STAGES_THAT_RETRY)

    def took(self, stage: str, ring: RingName, seconds: float, level: Level | None = None) -> None:
        """One stage was passed in so many seconds."""
        self.duration.labels(stage, ring.value, level.value if level else NO_LEVEL).observe(max(0.0, seconds))


class TourMetrics:
    """Visits, gaps, blind ages and the stretch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.visits = Counter("patrol_visits_total", "Visits that brought a frame.", ("ring",), registry=registry)
        start_at_zero(self.visits, RINGS)
        self.failures = Counter(
            "patrol_visit_failures_total", "Visits that brought no frame.", ("ring", "failure"), registry=registry
        )
        start_at_zero(self.failures, RINGS, tuple(failure.value for failure in CaptureFailure))
        self.focus_visits = Counter(
            "patrol_focus_visits_total", "Visits made in spare capacity to confirm a suspicion.", registry=registry
        )
        self.gap = Histogram(
            "patrol_gap_seconds",
            "Seconds between the capture times of two successive frames of a camera that went through the detector.",
            ("ring",),
            buckets=GAP_SECONDS,
            registry=registry,
        )
        start_at_zero(self.gap, RINGS)
        self.blind_age = Gauge(
            "patrol_blind_age_seconds",
            "Seconds since cameras were last seen, by ring; the open gap.",
            ("ring", "stat"),
            registry=registry,
        )
        start_at_zero(self.blind_age, RINGS, ("p50", "p99", "max"))
        self.bound = Gauge(
            "patrol_revisit_bound_seconds",
            "The revisit bound that most cameras of the ring have at this hour.",
            ("ring",),
            registry=registry,
        )
        start_at_zero(self.bound, RINGS)
        self.cameras = Gauge("patrol_cameras", "Cameras in the tour.", ("ring", "state"), registry=registry)
        start_at_zero(self.cameras, RINGS, ("ok", "failing"))
        self.stretch = Gauge(
            "patrol_tour_stretch_ratio",
            "Factor by which all revisit bounds are stretched; 1 is as promised.",
            registry=registry,
        )
        self.stretch.set(1.0)
        self.stretched = Counter(
            "patrol_tour_stretched_seconds_total",
            "Seconds in which all revisit bounds were stretched, if only for a moment of each.",
            registry=registry,
        )
        self.past_bound = Gauge(
            "patrol_cameras_past_bound",
            "Cameras unseen for longer than their revisit bound, times the stretch.",
            ("ring",),
            registry=registry,
        )
        self.bounds_passed = Counter(
            "patrol_bounds_passed_total",
            "Times a camera went unseen for longer than its revisit bound, times the stretch.",
            ("ring",),
            registry=registry,
        )
        self.skipped = Gauge(
            "patrol_cameras_skipped",
            "Cameras that a person has the tour leave out at present; they count as unseen all the same.",
            ("ring",),
            registry=registry,
        )
        for metric in (self.past_bound, self.bounds_passed, self.skipped):
            start_at_zero(metric, RINGS)
        self.unconfirmed = Counter(
            "patrol_sessions_unconfirmed_total",
            "Sessions closed without the camera's word that it gave them up, too; not FFmpeg's, which waits for none.",
            ("ring",),
            registry=registry,
        )
        start_at_zero(self.unconfirmed, RINGS)
        self.warm = Gauge("patrol_warm_sessions", "Streams that are kept open between visits.", registry=registry)
        self.capacity = Gauge(
            "patrol_tour_capacity_visits_per_second",
            "Visits a second that the machine could make, as measured lately; 0 until it is known.",
            registry=registry,
        )
        self.needed = Gauge(
            "patrol_tour_needed_visits_per_second",
            "Visits a second that the revisit bounds ask for at present.",
            registry=registry,
        )
        self.admitted = Gauge(
            "patrol_tour_admitted",
            "1 while sessions and slots are surely enough for what visits are given at present, else 0.",
            registry=registry,
        )

    def show(self, stretch: float, rings: Sequence[RingStatus]) -> None:
        """Set the gauges."""
        self.stretch.set(stretch)
        for ring in rings:
            self.bound.labels(ring.name.value).set(ring.bound_in_force_s or ring.revisit_bound_s)
            self.blind_age.labels(ring.name.value, "p50").set(ring.blind_age_p50_s)
            self.blind_age.labels(ring.name.value, "p99").set(ring.blind_age_p99_s)
            self.blind_age.labels(ring.name.value, "max").set(ring.blind_age_max_s)
            self.cameras.labels(ring.name.value, "failing").set(ring.failing)
            self.cameras.labels(ring.name.value, "ok").set(ring.cameras - ring.failing)


class DetectMetrics:
    """Frames through the detector: captured = processed + dropped + under way, exactly."""

    DROPS = ("overwritten", "shutdown", "detector_error", "wrong_picture", "no_signal")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.captured = Counter("patrol_frames_captured_total", "Frames taken by visits.", registry=registry)
        self.processed = Counter(
            "patrol_frames_processed_total", "Frames that went through the detector.", registry=registry
        )
        self.dropped = Counter(
            "patrol_frames_dropped_total",
            "Frames that never went through the detector.",
            ("reason",),
            registry=registry,
        )
        start_at_zero(self.dropped, self.DROPS)
        self.idle_tests = Counter(
            "patrol_idle_test_total",
            "Frames by what the test for idle scenes said; only skipped ones spare the model its work.",
            ("verdict",),
            registry=registry,
        )
        start_at_zero(self.idle_tests, IDLE_VERDICTS)
        self.closer_looks = Counter(
            "patrol_closer_looks_total",
            "Closer looks that rules asked for: made, or left out while frames waited for the detector.",
            ("look", "verdict"),
            registry=registry,
        )
        start_at_zero(self.closer_looks, LOOKS, CLOSER_VERDICTS)
        self.waiting = Gauge("patrol_detector_waiting_frames", "Frames waiting for the detector.", registry=registry)
        self.waiting_age = Gauge(
            "patrol_detector_waiting_age_seconds", "How long the oldest frame has waited.", registry=registry
        )
        self.batch = Histogram(
            "patrol_detector_batch_frames", "Frames per batch.", buckets=(1, 2, 4, 8, 16, 32), registry=registry
        )

    def closer_look(self, look: Look, is_made: bool) -> None:
        """One closer look was asked for."""
        self.closer_looks.labels(look.value, CLOSER_VERDICTS[0 if is_made else 1]).inc()


class AlertMetrics:
    """Suspicions, events and alerts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.suspicions = Counter(
            "patrol_suspicions_total", "Rules that began to hold.", ("kind", "ring"), registry=registry
        )
        start_at_zero(self.suspicions, KINDS, RINGS)
        self.events = Counter(
            "patrol_events_total", "Rules that held for long enough.", ("kind", "ring"), registry=registry
        )
        start_at_zero(self.events, KINDS, RINGS)
        self.verdicts = Counter(
            "patrol_alert_verdicts_total", "What became of events.", ("ring", "verdict"), registry=registry
        )
        start_at_zero(self.verdicts, RINGS, tuple(verdict.value for verdict in Verdict))
        self.accepted = Counter(
            "patrol_alerts_accepted_total",
            "Alerts committed to the store with their outbox row.",
            ("ring", "level"),
            registry=registry,
        )
        start_at_zero(self.accepted, RINGS, LEVELS)
        self.lost = Counter(
            "patrol_events_lost_total", "Events given up at a stop, because the store still refused.", registry=registry
        )
        self.waiting = Gauge(
            "patrol_events_waiting", "Confirmed events the store has not taken yet.", registry=registry
        )


class ClipMetrics:
    """The film of each focus, and the clips that go with alerts."""

    OUTCOMES = ("stored", "lost")
    DROPS = ("waiting", "unreadable")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.made = Counter(
            "patrol_clips_total",
            "Clips of accepted alerts: stored beside their picture, or lost, while the alert stands.",
            ("outcome",),
            registry=registry,
        )
        start_at_zero(self.made, self.OUTCOMES)
        self.took = Histogram(
            "patrol_clip_seconds",
            "From an alert's acceptance until its clip is stored.",
            buckets=FAST_SECONDS,
            registry=registry,
        )
        self.frames_dropped = Counter(
            "patrol_clip_frames_dropped_total",
            "Frames of a focus that are in no clip, as others waited to be compressed or they could not be.",
            ("reason",),
            registry=registry,
        )
        start_at_zero(self.frames_dropped, self.DROPS)
        self.films_given_up = Counter(
            "patrol_films_given_up_total",
            "Times what was kept of a focus was forgotten, as there was no room for that of all cameras.",
            registry=registry,
        )
        self.film_bytes = Gauge("patrol_film_bytes", "What is kept of the focus on all cameras.", registry=registry)


class DispatchMetrics:
    """Orders and the ring's clock."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.orders = Counter(
            "patrol_orders_total", "Orders by what became of them.", ("ring", "state"), registry=registry
        )
        start_at_zero(self.orders, RINGS, tuple(state.value for state in OrderState))
        self.shortfalls = Counter(
            "patrol_dispatch_shortfalls_total",
            "Incidents that found no unit free at a try.",
            ("ring",),
            registry=registry,
        )
        start_at_zero(self.shortfalls, RINGS)
        self.response = Histogram(
            "patrol_response_seconds",
            "The ring's clock: from the first alert's acceptance (t3) to the first unit on scene (t9).",
            ("ring", "level"),
            buckets=RESPONSE_SECONDS,
            registry=registry,
        )
        self.from_onset = Histogram(
            "patrol_response_from_onset_seconds",
            "From the event's beginning (t0) to the first unit on scene (t9).",
            ("ring", "level"),
            buckets=RESPONSE_SECONDS,
            registry=registry,
        )
        self.overdue = Counter(
            "patrol_response_overdue_total",
            "Incidents whose response target passed.",
            ("ring", "level"),
            registry=registry,
        )
        for metric in (self.response, self.from_onset, self.overdue):
            start_at_zero(metric, RINGS, LEVELS)
        self.closed = Counter(
            "patrol_incidents_closed_total", "Incidents closed with feedback.", ("disposition",), registry=registry
        )
        start_at_zero(self.closed, tuple(disposition.value for disposition in Disposition))
        self.open = Gauge("patrol_incidents_open", "Open incidents by loop stage.", ("stage",), registry=registry)
        self.oldest = Gauge(
            "patrol_incident_age_seconds", "Age of the oldest open incident in a stage.", ("stage",), registry=registry
        )
        for gauge in (self.open, self.oldest):
            start_at_zero(gauge, tuple(stage.value for stage in LoopStage))
        self.late = Gauge(
            "patrol_late", "What is late about open incidents at the last look, by kind.", ("kind",), registry=registry
        )
        start_at_zero(self.late, tuple(kind.value for kind in LatenessKind))
        self.escalations = Counter(
            "patrol_escalations_total",
            "Steps that were taken because something was late for too long, or could not be in time.",
            ("level", "step"),
            registry=registry,
        )
        start_at_zero(self.escalations, LEVELS, tuple(step.value for step in EscalationStep))
        self.reminders = Counter(
            "patrol_reminders_total", "Times feedback was asked for.", ("level",), registry=registry
        )
        start_at_zero(self.reminders, LEVELS)
        self.cover = Gauge(
            "patrol_dispatch_cover_share",
            "Share of the ring's cameras that a free crew reaches within the response target, by the straight line.",
            ("ring",),
            registry=registry,
        )
        start_at_zero(self.cover, RINGS)

    def show_cover(self, shares: Mapping[RingName, float]) -> None:
        """Set the gauge of how much of each ring is covered."""
        for ring, share in shares.items():
            self.cover.labels(ring.value).set(share)

    def show_late(self, counts: Mapping[LatenessKind, int]) -> None:
        """Set the gauge of what is late."""
        for kind in LatenessKind:
            self.late.labels(kind.value).set(counts.get(kind, 0))

    def show(self, stages: Sequence[StageStatus]) -> None:
        """Set the gauges."""
        for stage in stages:
            self.open.labels(stage.stage.value).set(stage.count)
            self.oldest.labels(stage.stage.value).set(stage.oldest_s)


UNREADABLE = "unreadable"  # no position of a unit that is known


class UnitMetrics:
    """What units do, and the positions that they send."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.positions = Counter(
            "patrol_positions_total",
            "Positions that came for units, by what became of them.",
            ("verdict",),
            registry=registry,
        )
        start_at_zero(self.positions, (*(verdict.value for verdict in FixVerdict), UNREADABLE))
        self.units = Gauge("patrol_units", "Units by what they are doing.", ("state",), registry=registry)
        start_at_zero(self.units, tuple(state.value for state in UnitState))
        self.freshness = Gauge(
            "patrol_units_located",
            "Units by how far their last position still says where they are.",
            ("freshness",),
            registry=registry,
        )
        start_at_zero(self.freshness, tuple(freshness.value for freshness in Freshness))

    def show(self, states: Sequence[UnitState], located: Sequence[Freshness]) -> None:
        """Set the gauges: of every unit what it does, and how well it is known where it is."""
        counts, known = Counter_(states), Counter_(located)
        for state in UnitState:
            self.units.labels(state.value).set(counts[state])
        for freshness in Freshness:
            self.freshness.labels(freshness.value).set(known[freshness])


class MaintenanceMetrics:
    """Cameras in trouble, and the incidents technicians have of them. Apart from those that units are sent to."""

    CLOSED_BY = ("patrol", "merged", "person")

    def __init__(self, registry: CollectorRegistry) -> None:
        causes = tuple(cause.value for cause in Cause)
        self.open = Gauge(
            "patrol_maintenance_incidents_open",
            "Open incidents of the class maintenance, by what their cameras have in common.",
            ("cause",),
            registry=registry,
        )
        start_at_zero(self.open, causes)
        self.cameras = Gauge(
            "patrol_cameras_in_trouble", "Cameras of no use at present, and why.", ("trouble",), registry=registry
        )
        start_at_zero(self.cameras, tuple(trouble.value for trouble in Trouble))
        self.opened = Counter(
            "patrol_maintenance_incidents_total",
            "Incidents of the class maintenance that were opened.",
            ("cause",),
            registry=registry,
        )
        start_at_zero(self.opened, causes)
        self.closed = Counter(
            "patrol_maintenance_closed_total",
            "Incidents of the class maintenance that ended: cameras back, part of a larger one, or by a person.",
            ("by",),
            registry=registry,
        )
        start_at_zero(self.closed, self.CLOSED_BY)
        self.refused = Counter(
            "patrol_maintenance_refusals_total",
            "Times the store did not take what was decided on cameras in trouble; it is decided again.",
            registry=registry,
        )

    def show(self, open_causes: Mapping[Cause, int], troubles: Mapping[Trouble, int]) -> None:
        """Set the gauges."""
        for cause in Cause:
            self.open.labels(cause.value).set(open_causes.get(cause, 0))
        for trouble in Trouble:
            self.cameras.labels(trouble.value).set(troubles.get(trouble, 0))


class SignInMetrics:
    """People who sign in, and others."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter(
            "patrol_sign_ins_total", "Sign-ins, and why others were refused.", ("outcome",), registry=registry
        )
        start_at_zero(self.outcomes, (SIGNED_IN, *Refusal))


class Metrics:
    """All stages' metrics on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.stages = StageMetrics(registry)
        self.tour = TourMetrics(registry)
        self.detect = DetectMetrics(registry)
        self.alerts = AlertMetrics(registry)
        self.clips = ClipMetrics(registry)
        self.queue = QueueMetrics(registry)
        self.watch = WatchMetrics(registry)
        self.dispatch = DispatchMetrics(registry)
        self.units = UnitMetrics(registry)
        self.maintenance = MaintenanceMetrics(registry)
        self.evidence = EvidenceMetrics(registry)
        self.spool = SpoolMetrics(registry)
        self.store = StoreMetrics(registry)
        self.disks = DiskMetrics(registry)
        self.sign_ins = SignInMetrics(registry)
        self.wall = WallMetrics(registry)
        self.live = LiveMetrics(registry)

    def counts(self) -> Callable[[str], int]:
        """A look at the counters as they are now: the sum over all labels of one of them, by its name."""
        sums: Counter_[str] = Counter_()
        for family in self.registry.collect():
            for sample in family.samples:
                sums[sample.name] += int(sample.value) if sample.name.endswith("_total") else 0
        return sums.__getitem__
