"""Who saw an incident: one camera or several, and what that makes of its level, its ring and its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from patrol.domain.events import IncidentClass
from patrol.domain.incidents import ClockName, Incident, IncidentId, LoopStage, StageTimes, Witness
from patrol.domain.vocabulary import RingName

_INNERMOST_FIRST = {ring: rank for rank, ring in enumerate(RingName)}


def opened(incident_id: IncidentId, witness: Witness, *, simulated: bool, drill: bool) -> Incident:
    """The incident that one witness makes, with its clock running since that one's first alert was accepted."""
    incident = Incident(
        id=incident_id,
        kind=witness.kind,
        level=witness.level,
        ring=witness.ring,
        camera_id=witness.camera_id,
        camera_name=witness.camera_name,
        camera_name_en=witness.camera_name_en,
        place=witness.place,
        target_s=witness.target_s,
        crews_missing=0 if witness.target_s is None else 1,
        fingerprint=witness.fingerprint,
        words_zh=witness.words_zh,
        words_en=witness.words_en,
        evidence_id=witness.evidence_id,
        simulated=simulated,
        alert_ids=witness.alert_ids,
        clip_id=witness.clip_id,
        drill=drill,
        level_why_zh=witness.level_why_zh,
        level_why_en=witness.level_why_en,
        witnesses=(replace(witness, distance_m=0.0, why_zh="", why_en="", operator=None),),
        stages=StageTimes(LoopStage.COLLECT, witness.accepted_at),
    )
    return (
        incident.stamped(ClockName.BEGAN, witness.began_at, "rule")
        .stamped(ClockName.FIRST_FRAME, witness.began_at, "camera")
        .stamped(ClockName.DETECTED, witness.detected_at, "detector")
        .stamped(ClockName.ACCEPTED, witness.accepted_at, "store")
    )


def witnesses_of(incident: Incident) -> tuple[Witness, ...]:
    """The first one first; none of maintenance. What was stored before there were witnesses has the one it names."""
    if incident.witnesses or incident.incident_class is IncidentClass.MAINTENANCE:
        return incident.witnesses
    accepted = incident.accepted_at
    began, detected = (
        incident.clocks[name].at if name in incident.clocks else accepted
        for name in (ClockName.BEGAN, ClockName.DETECTED)
    )
    return (
        Witness(
            fingerprint=incident.fingerprint,
            camera_id=incident.camera_id,
            camera_name=incident.camera_name,
            camera_name_en=incident.camera_name_en,
            site="",
            place=incident.place,
            ring=incident.ring,
            target_s=incident.target_s,
            kind=incident.kind,
            level=incident.level,
            words_zh=incident.words_zh,
            words_en=incident.words_en,
            evidence_id=incident.evidence_id,
            clip_id=incident.clip_id,
            alert_ids=incident.alert_ids,
            began_at=began,
            detected_at=detected,
            accepted_at=accepted,
            last_at=detected,
            level_why_zh=incident.level_why_zh,
            level_why_en=incident.level_why_en,
        ),
    )


def seen_last_at(incident: Incident) -> datetime:
    """The last frame in which any of its alerts saw it."""
    return max(witness.last_at for witness in witnesses_of(incident))


def with_witnesses(incident: Incident, witnesses: Sequence[Witness]) -> Incident:
    """It with just these: the highest level, the innermost ring and the shortest target of them, and their alerts.

    A level that an operator gave it stays. Its clock is not touched: no change of who saw it restarts it.
    """
    theirs = dict.fromkeys(alert_id for witness in witnesses for alert_id in witness.alert_ids)
    alert_ids = dict.fromkeys((*(alert_id for alert_id in incident.alert_ids if alert_id in theirs), *theirs))
    targets = [witness.target_s for witness in witnesses if witness.target_s is not None]
    changed = replace(
        incident,
        witnesses=tuple(witnesses),
        alert_ids=tuple(alert_ids),
        ring=min((witness.ring for witness in witnesses), key=_INNERMOST_FIRST.__getitem__),
        target_s=min(targets, default=incident.target_s),
        clip_id=next((witness.clip_id for witness in witnesses if witness.clip_id is not None), None),
    )
    if incident.level_by is not None:
        return changed
    most_urgent = min(witnesses, key=lambda witness: witness.level.rank)
    is_as_before = most_urgent.level is incident.level and changed.ring is incident.ring
    return replace(
        changed,
        level=most_urgent.level,
        level_why_zh=most_urgent.level_why_zh,
        level_why_en=most_urgent.level_why_en,
        # Of another level, or in another ring, it may have to be confirmed by another time, or not at all.
        held_until=incident.held_until if is_as_before else None,
    )


def together(witnesses: Sequence[Witness], more: Sequence[Witness]) -> tuple[Witness, ...]:
    """All of them, those that are the same thing on the same camera as one."""
    found = {witness.fingerprint: witness for witness in witnesses}
    for witness in more:
        known = found.get(witness.fingerprint)
        found[witness.fingerprint] = witness if known is None else _as_one(known, witness)
    return tuple(found.values())


def _as_one(known: Witness, other: Witness) -> Witness:
    most_urgent = min((known, other), key=lambda witness: witness.level.rank)
    return replace(
        known,
        alert_ids=tuple(dict.fromkeys((*known.alert_ids, *other.alert_ids))),
        clip_id=known.clip_id or other.clip_id,
        level=most_urgent.level,
        level_why_zh=most_urgent.level_why_zh,
        level_why_en=most_urgent.level_why_en,
        last_at=max(known.last_at, other.last_at),
    )
