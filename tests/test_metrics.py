"""The metrics are a promise to those who watch: their list in docs/metrics.txt and the code say the same.

``python -m tests.test_metrics`` writes the list anew, for a look at the difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

from patrol.domain.alerts import Verdict
from patrol.domain.camera import RingName
from patrol.domain.errors import CaptureFailure
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import FixVerdict, Freshness
from patrol.domain.incidents import Cause, Disposition, EscalationStep, LoopStage
from patrol.domain.lateness import LatenessKind
from patrol.domain.orders import OrderState
from patrol.domain.room import RingStatus, StageStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitState
from patrol.metrics import UNREADABLE, DetectMetrics, Metrics

LIST = Path(__file__).parents[1] / "docs" / "metrics.txt"
HEAD = """\
# Patrol's metrics: name, type {label: values; ...} [upper bucket edges], and what it means.
# Every label set is closed and starts at zero. The process's own (process_*, python_*) come with the client library.
"""
RINGS = {ring.value for ring in RingName}
LEVELS = {level.value for level in Level}


def families() -> list[Metric]:
    return list(Metrics(CollectorRegistry()).registry.collect())


def labels_of(family: Metric) -> dict[str, list[str]]:
    """The label names of a family with the values each takes from the start."""
    found: dict[str, list[str]] = {}
    for sample in family.samples:
        for name, value in sample.labels.items():
            if name != "le" and value not in found.setdefault(name, []):
                found[name].append(value)
    return found


def buckets_of(family: Metric) -> list[str]:
    return list(dict.fromkeys(sample.labels["le"] for sample in family.samples if "le" in sample.labels))


def described(family: Metric) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = "; ".join(f"{label}: {' '.join(values)}" for label, values in labels_of(family).items())
    edges = " ".join(buckets_of(family))
    head = f"{name} {family.type}" + (f" {{{labels}}}" if labels else "") + (f" [{edges}]" if edges else "")
    return f"{head}\n  {family.documentation}\n"


def whole_list(found: Iterable[Metric]) -> str:
    return HEAD + "".join(f"\n{text}" for text in sorted(map(described, found)))


def family(name: str) -> Metric:
    return next(found for found in families() if found.name == name)


def test_the_list_in_the_documents_and_the_code_say_the_same() -> None:
    assert LIST.read_text(encoding="utf-8") == whole_list(families())


def test_every_label_set_is_there_and_zero_from_the_start() -> None:
    for found in families():
        samples = [sample for sample in found.samples if not sample.name.endswith("_created")]
        assert samples, f"{found.name} is not visible before it first moves"
        expected = 1.0 if found.name == "patrol_tour_stretch_ratio" else 0.0
        assert {sample.value for sample in samples} == {expected}, found.name
        sets = 1
        for values in labels_of(found).values():
            sets *= len(values)
        per_set = len(samples) / sets
        if found.name != "patrol_stage_duration_seconds":  # stages before the level is known have none
            assert per_set == int(per_set), f"{found.name}: some label sets are missing"


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("patrol_visits", {"ring": RINGS}),
        ("patrol_visit_failures", {"ring": RINGS, "failure": {failure.value for failure in CaptureFailure}}),
        ("patrol_events", {"kind": {kind.value for kind in Kind}, "ring": RINGS}),
        ("patrol_alert_verdicts", {"ring": RINGS, "verdict": {verdict.value for verdict in Verdict}}),
        ("patrol_alerts_accepted", {"ring": RINGS, "level": LEVELS}),
        ("patrol_orders", {"ring": RINGS, "state": {state.value for state in OrderState}}),
        ("patrol_response_seconds", {"ring": RINGS, "level": LEVELS}),
        ("patrol_incidents_closed", {"disposition": {disposition.value for disposition in Disposition}}),
        ("patrol_incidents_open", {"stage": {stage.value for stage in LoopStage}}),
        ("patrol_maintenance_incidents_open", {"cause": {cause.value for cause in Cause}}),
        ("patrol_cameras_in_trouble", {"trouble": {trouble.value for trouble in Trouble}}),
        ("patrol_late", {"kind": {kind.value for kind in LatenessKind}}),
        ("patrol_escalations", {"level": LEVELS, "step": {step.value for step in EscalationStep}}),
        ("patrol_reminders", {"level": LEVELS}),
        ("patrol_dispatch_cover_share", {"ring": RINGS}),
        ("patrol_frames_dropped", {"reason": set(DetectMetrics.DROPS)}),
        ("patrol_positions", {"verdict": {*(verdict.value for verdict in FixVerdict), UNREADABLE}}),
        ("patrol_units", {"state": {state.value for state in UnitState}}),
        ("patrol_units_located", {"freshness": {freshness.value for freshness in Freshness}}),
    ],
)
def test_labels_follow_the_words_of_the_domain(name: str, labels: dict[str, set[str]]) -> None:
    assert {label: set(values) for label, values in labels_of(family(name)).items()} == labels


def test_no_label_can_grow_without_end() -> None:
    for found in families():
        unbounded = {"camera", "camera_id", "unit", "incident", "order", "host", "error", "message"}
        assert not unbounded & set(labels_of(found)), found.name
        assert len(found.samples) < 2000, found.name


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("patrol_response_seconds", {60.0, 180.0, 300.0}),
        ("patrol_response_from_onset_seconds", {60.0, 180.0, 300.0}),
        ("patrol_gap_seconds", {5.0, 15.0, 30.0}),
    ],
)
def test_promises_are_bucket_edges_so_that_the_share_inside_is_exact(name: str, edges: set[float]) -> None:
    assert edges <= {float(edge) for edge in buckets_of(family(name))}


def test_names_follow_the_conventions() -> None:
    for found in families():
        assert found.name.startswith("patrol_")
        assert found.documentation.endswith(".")
        if found.type == "histogram":
            assert found.name.endswith(("_seconds", "_frames")), found.name


def test_a_stage_that_seems_to_take_less_than_no_time_counts_as_none() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.stages.took("accept", RingName.CORE, -3600.0, Level.RED)  # the wall clock was set back
    labels = {"stage": "accept", "ring": "core", "level": "red"}
    assert metrics.registry.get_sample_value("patrol_stage_duration_seconds_sum", labels) == 0.0
    assert metrics.registry.get_sample_value("patrol_stage_duration_seconds_count", labels) == 1.0


def test_the_tours_gauges_show_each_ring_apart() -> None:
    metrics = Metrics(CollectorRegistry())
    core = RingStatus(RingName.CORE, 5.0, 60.0, 64, 3, 100, 1.0, 4.0, 4.5)
    far = RingStatus(RingName.FAR, 30.0, 300.0, 212, 0, 100, 10.0, 25.0, 29.0)
    metrics.tour.show(1.25, (core, far))
    text = generate_latest(metrics.registry).decode()
    for line in (
        "patrol_tour_stretch_ratio 1.25",
        'patrol_cameras{ring="core",state="failing"} 3.0',
        'patrol_cameras{ring="core",state="ok"} 61.0',
        'patrol_blind_age_seconds{ring="far",stat="max"} 29.0',
        'patrol_blind_age_seconds{ring="periphery",stat="max"} 0.0',
        'patrol_revisit_bound_seconds{ring="far"} 30.0',
    ):
        assert line in text.splitlines()


def test_the_bound_to_hold_blind_ages_against_is_the_one_in_force_at_this_hour() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.tour.show(1.0, (RingStatus(RingName.FAR, 30.0, 300.0, 212, 0, 100, 4.0, 9.0, 9.5, bound_in_force_s=10.0),))
    assert metrics.registry.get_sample_value("patrol_revisit_bound_seconds", {"ring": "far"}) == 10.0


def test_the_gauges_of_the_loop_show_count_and_age() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.dispatch.show([StageStatus(LoopStage.ORDER, 4, 12.5)])
    assert metrics.registry.get_sample_value("patrol_incidents_open", {"stage": "order"}) == 4
    assert metrics.registry.get_sample_value("patrol_incident_age_seconds", {"stage": "order"}) == 12.5


def test_what_is_late_no_more_is_shown_as_none() -> None:
    metrics = Metrics(CollectorRegistry())
    for count in (3, 0):
        metrics.dispatch.show_late({LatenessKind.NOBODY_SENT: count} if count else {})
        assert metrics.registry.get_sample_value("patrol_late", {"kind": "nobody_sent"}) == count


def test_the_cover_of_each_ring_is_shown_as_it_is_now() -> None:
    metrics = Metrics(CollectorRegistry())
    for shares in ({RingName.CORE: 1.0, RingName.FAR: 0.75}, {RingName.CORE: 0.5, RingName.FAR: 0.75}):
        metrics.dispatch.show_cover(shares)
    seen = [metrics.registry.get_sample_value("patrol_dispatch_cover_share", {"ring": ring}) for ring in RingName]
    assert seen == [0.5, 0.0, 0.75]


def test_counters_can_be_summed_over_all_their_labels() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.alerts.events.labels("crowd", "core").inc(2)
    metrics.alerts.events.labels("intrusion", "far").inc(3)
    metrics.queue.outbox.set(7)
    counts = metrics.counts()
    assert counts("patrol_events_total") == 5
    assert counts("patrol_messages_dead_total") == 0
    assert counts("patrol_outbox_messages") == 0  # a gauge is no count


if __name__ == "__main__":
    LIST.write_text(whole_list(families()), encoding="utf-8")
