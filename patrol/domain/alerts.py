"""Alerts: an event that was accepted. Ids and fingerprints are made here, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId, Ring, RingName
from patrol.domain.closeness import NEVER, MergePolicy, Nearness, Reach, Seen, nearest, reach_of, why
from patrol.domain.events import Event, IncidentClass, Kind, Level, class_of
from patrol.domain.incidents import AlertId, EvidenceId, Incident, IncidentId, IncidentState, Witness
from patrol.domain.witnesses import opened, together, with_witnesses, witnesses_of
from patrol.domain.zones import RuleId, ZoneId


@dataclass(frozen=True, slots=True)
class Alert:
    """An accepted event. Times are aware UTC; ``detected_at`` is when the detector had finished (t2).

    ``clip_id``: of its clip, which is kept some seconds later; None where there was no focus to make one of.
    ``drill``: an exercise; then it is simulated, too. ``level_why_zh``, ``level_why_en``: why it has its level.
    """

    id: AlertId
    incident_id: IncidentId
    camera_id: CameraId
    ring: RingName
    kind: Kind
    level: Level
    rule_id: RuleId
    zone_id: ZoneId
    fingerprint: str
    began_at: datetime
    frame_at: datetime
    detected_at: datetime
    accepted_at: datetime
    score: float
    count: int
    words_zh: str
    words_en: str
    evidence_id: EvidenceId
    simulated: bool
    clip_id: EvidenceId | None = None
    drill: bool = False
    level_why_zh: str = ""
    level_why_en: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A confirmed event with all that is known about it before it is accepted.

    The ids are made once, before the first try, so that a try repeated after a lost answer is the same alert.
    ``level_why_zh``, ``level_why_en``: why it has its level.
    """

    alert_id: AlertId
    incident_id: IncidentId
    evidence_id: EvidenceId
    event: Event
    camera: Camera
    ring: Ring
    level: Level
    cool_down_s: float
    detected_at: datetime
    clip_id: EvidenceId | None = None
    drill: bool = False
    level_why_zh: str = ""
    level_why_en: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What the store knows of a candidate's fingerprint: when its last alert was accepted, and had been detected.

    ``open_incident``: the one its alerts belong to. ``nearby``: others that are open and may be close, see closeness.
    """

    last_accepted_at: datetime | None
    open_incident: Incident | None
    last_detected_at: datetime | None = None
    nearby: tuple[Incident, ...] = ()


class Verdict(StrEnum):
    """What became of a candidate. Closed set: also the metric's label."""

    NEW_INCIDENT = "new_incident"
    JOINED = "joined"
    MERGED = "merged"  # with what another camera sees
    COOLING_DOWN = "cooling_down"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The decision on a candidate; ``alert`` and ``incident`` are None while it cools down."""

    verdict: Verdict
    alert: Alert | None = None
    incident: Incident | None = None


def fingerprint(event: Event) -> str:
    """What makes two events the same thing: camera, kind, rule and zone. One camera never mutes another."""
    return fingerprint_of(event.camera_id, event.kind, event.rule_id, event.zone_id)


def fingerprint_of(camera_id: CameraId, kind: Kind, rule_id: RuleId, zone_id: ZoneId) -> str:
    """The same, of what an alert says."""
    return f"{camera_id}/{kind}/{rule_id}/{zone_id}"


def accept(candidate: Candidate, history: History, now: datetime, policy: MergePolicy = NEVER) -> Acceptance:
    """Decide whether an event becomes an alert, and of which incident."""
    if cools_down(candidate, history.last_accepted_at, now, history.last_detected_at):
        return Acceptance(Verdict.COOLING_DOWN)
    if history.open_incident is not None:
        return _joined(candidate, history.open_incident, now)
    near = nearest(_seen(candidate), history.nearby, policy)
    if near is not None:
        return _merged(candidate, near, now)
    alert = _alert(candidate, now, candidate.incident_id)
    incident = opened(
        candidate.incident_id,
        witness_of(alert, candidate.camera, candidate.ring),
        simulated=alert.simulated,
        drill=alert.drill,
    )
    return Acceptance(Verdict.NEW_INCIDENT, alert, incident)


def reach(candidate: Candidate, policy: MergePolicy) -> Reach | None:
    """Where incidents may be that it belongs to; None where there can be none."""
    return reach_of(_seen(candidate), policy)


def _joined(candidate: Candidate, incident: Incident, now: datetime) -> Acceptance:
    alert = _alert(candidate, now, incident.id)
    witnesses = together(witnesses_of(incident), (witness_of(alert, candidate.camera, candidate.ring),))
    return Acceptance(Verdict.JOINED, alert, with_witnesses(incident, witnesses))


def _merged(candidate: Candidate, near: Nearness, now: datetime) -> Acceptance:
    incident = near.incident
    alert = _alert(candidate, now, incident.id)
    why_zh, why_en = why(near, candidate.camera.name, candidate.camera.name_en)
    witness = replace(
        witness_of(alert, candidate.camera, candidate.ring), distance_m=near.distance_m, why_zh=why_zh, why_en=why_en
    )
    merged = with_witnesses(incident, together(witnesses_of(incident), (witness,)))
    if alert.level is Level.RED and incident.state is IncidentState.NEW:
        merged = replace(merged, urged_at=now)
    return Acceptance(Verdict.MERGED, alert, merged)


def _seen(candidate: Candidate) -> Seen:
    event, camera = candidate.event, candidate.camera
    return Seen(
        kind=event.kind,
        level=candidate.level,
        place=camera.place,
        site=camera.site,
        began_at=event.began_at,
        confirmed_at=event.confirmed_at,
        simulated=camera.simulated or candidate.drill,
        drill=candidate.drill,
    )


def cools_down(
    candidate: Candidate, last_accepted_at: datetime | None, now: datetime, last_detected_at: datetime | None = None
) -> bool:
    """Whether it is too soon after the last alert of the same thing.

    An alert from the future was accepted before the clock was set back: it mutes nothing. Where alerts had to wait for
    the store, they are accepted one right after the other: then what counts is whether they happened apart.
    """
    if last_accepted_at is None:
        return False
    quiet = timedelta(seconds=candidate.cool_down_s)
    if last_detected_at is not None and abs(candidate.detected_at - last_detected_at) >= quiet:
        return False
    return last_accepted_at <= now < last_accepted_at + quiet


def _alert(candidate: Candidate, now: datetime, incident_id: IncidentId) -> Alert:
    event = candidate.event
    return Alert(
        id=candidate.alert_id,
        incident_id=incident_id,
        camera_id=event.camera_id,
        ring=candidate.ring.name,
        kind=event.kind,
        level=candidate.level,
        rule_id=event.rule_id,
        zone_id=event.zone_id,
        fingerprint=fingerprint(event),
        began_at=event.began_at,
        frame_at=event.confirmed_at,
        detected_at=candidate.detected_at,
        accepted_at=now,
        score=event.score,
        count=event.evidence.count,
        words_zh=event.evidence.words_zh,
        words_en=event.evidence.words_en,
        evidence_id=candidate.evidence_id,
        simulated=candidate.camera.simulated or candidate.drill,
        clip_id=candidate.clip_id,
        drill=candidate.drill,
        level_why_zh=candidate.level_why_zh,
        level_why_en=candidate.level_why_en,
    )


def witness_of(alert: Alert, camera: Camera, ring: Ring) -> Witness:
    """The camera's share of an incident, by its first alert."""
    return Witness(
        fingerprint=alert.fingerprint,
        camera_id=camera.id,
        camera_name=camera.name,
        camera_name_en=camera.name_en,
        site=camera.site,
        place=camera.place,
        ring=alert.ring,
        target_s=ring.response_target_s if class_of(alert.kind) is IncidentClass.SECURITY else None,
        kind=alert.kind,
        level=alert.level,
        words_zh=alert.words_zh,
        words_en=alert.words_en,
        evidence_id=alert.evidence_id,
        clip_id=alert.clip_id,
        alert_ids=(alert.id,),
        began_at=alert.began_at,
        detected_at=alert.detected_at,
        accepted_at=alert.accepted_at,
        last_at=alert.frame_at,
        level_why_zh=alert.level_why_zh,
        level_why_en=alert.level_why_en,
    )
