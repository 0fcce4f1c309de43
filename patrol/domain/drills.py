"""Drills: exercises that run the whole way from an alert to feedback, and move no real unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from patrol.domain.alerts import Candidate
from patrol.domain.camera import Camera, Ring
from patrol.domain.events import KIND_ZH, Event, Evidence, IncidentClass, Kind, Level, class_of
from patrol.domain.ids import make_id
from patrol.domain.incidents import AlertId, EvidenceId, IncidentId
from patrol.domain.zones import RuleId, ZoneId

DRILL = "drill"


def drill_candidate(kind: Kind, level: Level, camera: Camera, ring: Ring, now: datetime, randomness: int) -> Candidate:
    """What would be a confirmed event, marked as a drill, and so as simulated, from here to feedback.

    Its rule is named "drill": it never joins, nor mutes, what a camera really sees. Raises ValueError for a kind that
    sends nobody.
    """
    if class_of(kind) is not IncidentClass.SECURITY:
        raise ValueError(f"{kind}: nobody is sent for that, so there is no drill of it")
    event = Event(
        camera_id=camera.id,
        kind=kind,
        rule_id=RuleId(DRILL),
        zone_id=ZoneId(DRILL),
        began_at=now,
        confirmed_at=now,
        score=1.0,
        evidence=Evidence(0, 0.0, 0.0, f"演练：{KIND_ZH[kind]}", f"drill: {kind.replace('_', ' ')}", ()),
    )
    return Candidate(
        alert_id=AlertId(make_id("A", now, randomness)),
        incident_id=IncidentId(make_id("I", now, randomness >> 48)),
        evidence_id=EvidenceId(make_id("V", now, randomness >> 96)),
        event=event,
        camera=replace(camera, simulated=True),
        ring=ring,
        level=level,
        cool_down_s=0.0,
        detected_at=now,
        drill=True,
        level_why_zh="演练时指定",
        level_why_en="as the drill was given",
    )
