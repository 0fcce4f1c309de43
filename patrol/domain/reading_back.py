"""Reading back: an alert, an order and an incident out of the messages that told of them.

``message_data`` says what is in a message; what is not is taken from what was known before, or the configuration.
Everything here raises KeyError, TypeError or ValueError for data that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patrol.domain.alerts import Alert, fingerprint_of
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    AlertId,
    Cause,
    ClockName,
    ClosingRequest,
    Disposition,
    Escalation,
    EscalationStep,
    EvidenceId,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LoopStage,
    Maintenance,
    OrderId,
    OrderLine,
    StageTimes,
    Stamp,
    TroubledCamera,
)
from patrol.domain.messages import Envelope
from patrol.domain.orders import Order, OrderState
from patrol.domain.shortfalls import Shortfall, ShortfallReason
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitId
from patrol.domain.zones import RuleId, ZoneId

LONGEST_TARGET_S = 86_400.0  # a day, as in the configuration
WHY_ZH, WHY_EN = "由队列中的消息恢复", "made again from its message in the queue"


@dataclass(frozen=True, slots=True)
class Known:
    """What messages leave out and the configuration says."""

    cameras: Mapping[CameraId, Camera]
    rings: Mapping[RingName, Ring]


def alert_of(envelope: Envelope) -> Alert:
    """The alert, whole: all of it is in its message."""
    data = envelope.data
    camera, kind = CameraId(data["camera_id"]), Kind(data["kind"])
    rule, zone = RuleId(data["rule_id"]), ZoneId(data["zone_id"])
    return Alert(
        id=AlertId(envelope.id),
        incident_id=envelope.incident_id,
        camera_id=camera,
        ring=RingName(data["ring"]),
        kind=kind,
        level=Level(data["level"]),
        rule_id=rule,
        zone_id=zone,
        fingerprint=fingerprint_of(camera, kind, rule, zone),
        began_at=time_of(data["began_at"]),
        frame_at=time_of(envelope.time),
        detected_at=time_of(data["detected_at"]),
        accepted_at=time_of(envelope.recordedtime),
        score=float(data["score"]),
        count=int(data["count"]),
        words_zh=data["words"]["zh"],
        words_en=data["words"]["en"],
        evidence_id=EvidenceId(data["evidence_id"]),
        simulated=bool(data["simulated"]),
        clip_id=EvidenceId(data["clip_id"]) if data.get("clip_id") else None,
        drill=bool(data.get("drill", False)),
        level_why_zh=(data.get("why") or {}).get("zh", ""),
        level_why_en=(data.get("why") or {}).get("en", ""),
    )


def order_of(envelope: Envelope, incident: Incident) -> Order:
    """The order as it was sent to its unit; the units that were weighed are not told."""
    data, sent_at = envelope.data, time_of(envelope.time)
    eta_s = float(data["eta_s"])
    return Order(
        id=OrderId(data["order_id"]),
        incident_id=incident.id,
        unit_id=UnitId(data["unit_id"]),
        ring=RingName(data["ring"]),
        destination=_place(data["destination"]),
        state=OrderState.SENT,
        sent_at=sent_at,
        eta_s=eta_s,
        target_feasible=incident.due_at is None or sent_at + timedelta(seconds=eta_s) <= incident.due_at,
        why_zh=WHY_ZH,
        why_en=WHY_EN,
        candidates=(),
        is_drone=bool(data.get("is_drone", False)),
        ordered_by=data.get("ordered_by"),
        life=incident.life if incident.is_of_this_life(sent_at) else incident.life - 1,
    )


def incident_as_told(incident_id: IncidentId, envelope: Envelope, base: Incident | None, known: Known) -> Incident:
    """The incident as its message tells it; what is not told is as in ``base``, which is what was known of it."""
    data = envelope.data
    camera_id, kind = CameraId(data["camera_id"]), Kind(data["kind"])
    clocks = {
        ClockName(name): Stamp(time_of(stamp["at"]), str(stamp["source"])) for name, stamp in data["clocks"].items()
    }
    why = data.get("why") or {}
    camera, closed = known.cameras.get(camera_id), clocks.get(ClockName.CLOSED)
    return Incident(
        id=incident_id,
        kind=kind,
        level=Level(data["level"]),
        ring=RingName(data["ring"]),
        camera_id=camera_id,
        camera_name=base.camera_name if base else camera.name if camera else camera_id,
        camera_name_en=base.camera_name_en if base else camera.name_en if camera else camera_id,
        place=_place(data["place"]),
        target_s=_target_s(data["target_s"]),
        fingerprint=base.fingerprint if base else f"{'maintenance' if data.get('maintenance') else kind}/{incident_id}",
        words_zh=data["words"]["zh"],
        words_en=data["words"]["en"],
        evidence_id=base.evidence_id if base else None,
        simulated=bool(data["simulated"]),
        alert_ids=base.alert_ids if base else (),
        state=IncidentState(data["state"]),
        sequence=envelope.sequence,
        clocks=clocks,
        overdue=bool(data["overdue"]),
        disposition=Disposition(data["disposition"]) if data.get("disposition") else None,
        closed_by=closed.source if closed else None,
        reason=(base.reason if base and base.reason else WHY_ZH) if closed else None,
        maintenance=_maintenance(data["maintenance"]) if data.get("maintenance") else None,
        clip_id=base.clip_id if base else None,
        drill=bool(data.get("drill", False)),
        witnesses=base.witnesses if base else (),
        urged_at=base.urged_at if base else None,
        merged_into=IncidentId(data["merged_into"]) if data.get("merged_into") else None,
        split_from=IncidentId(data["split_from"]) if data.get("split_from") else None,
        split_by=base.split_by if base else None,
        escalation=_escalation(data.get("escalation"), int(data.get("life", 1))),
        orders=tuple(
            OrderLine(OrderId(one["order_id"]), str(one["unit_id"]), OrderState(one["state"]))
            for one in data.get("orders", ())
        ),
        crews_missing=int(data.get("crews_missing", base.crews_missing if base else 0)),
        reminders=(reminders := int(data.get("reminders", 0))),
        reminded_at=time_of(envelope.recordedtime) if reminders else None,
        life=int(data.get("life", 1)),
        reopened_at=time_of(data["reopened_at"]) if data.get("reopened_at") else None,
        history=base.history if base else (),
        level_why_zh=why.get("zh", ""),
        level_why_en=why.get("en", ""),
        level_by=data.get("level_by"),
        level_changes=base.level_changes if base else (),
        notes=base.notes if base else (),
        held_until=time_of(data["held_until"]) if data.get("held_until") else None,
        reason_code=FalseAlarmReason(data["reason_code"]) if data.get("reason_code") else None,
        closing=_closing(data["closing"]) if data.get("closing") else None,
        shortfall=_shortfall(data["shortfall"]) if data.get("shortfall") else None,
        duplicate_of=IncidentId(data["duplicate_of"]) if data.get("duplicate_of") else None,
        stages=_stages(data["stages"]) if data.get("stages") else StageTimes(),
    )


def _target_s(told: float | None) -> float | None:
    """A response target as it was told. Raises ValueError for one that no configuration has."""
    if told is not None and not 0 < told <= LONGEST_TARGET_S:
        raise ValueError(f"target_s: expected more than 0 and at most {LONGEST_TARGET_S:g}, got {told:g}")
    return told


def _maintenance(data: Mapping[str, Any]) -> Maintenance:
    cameras = (
        TroubledCamera(
            CameraId(one["id"]),
            Trouble(one["trouble"]),
            str(one["detail"]),
            time_of(one["since"]),
            time_of(one["returned_at"]) if one["returned_at"] else None,
            bool(one["unsteady"]),
        )
        for one in data["cameras"]
    )
    trouble = Trouble(data["trouble"]) if data["trouble"] else None
    return Maintenance(
        Cause(data["cause"]), str(data["where"]), trouble, tuple(sorted(cameras, key=lambda one: one.id))
    )


def _shortfall(data: Mapping[str, Any]) -> Shortfall:
    return Shortfall(
        ShortfallReason(data["reason"]),
        int(data["missing"]),
        str(data["words"]["zh"]),
        str(data["words"]["en"]),
        time_of(data["since"]),
        data["unit_id"],
        data["eta_s"],
        data["late_s"],
    )


def _escalation(data: Mapping[str, Any] | None, life: int) -> Escalation | None:
    """What it was taken for is not told: after an old backup, what is late still may be told once more."""
    if data is None:
        return None
    acknowledged_at = data["acknowledged_at"]
    return Escalation(
        EscalationStep(data["step"]),
        time_of(data["at"]),
        str(data["why"]["zh"]),
        str(data["why"]["en"]),
        acknowledged_by=data["acknowledged_by"],
        acknowledged_at=time_of(acknowledged_at) if acknowledged_at else None,
        taken_on_at=time_of(acknowledged_at) if acknowledged_at else None,
        life=life,
    )


def _closing(data: Mapping[str, Any]) -> ClosingRequest:
    return ClosingRequest(
        Disposition(data["disposition"]),
        FalseAlarmReason(data["reason_code"]) if data["reason_code"] else None,
        str(data["reason"]),
        str(data["operator"]),
        time_of(data["at"]),
        IncidentId(data["duplicate_of"]) if data.get("duplicate_of") else None,
    )


def _stages(data: Mapping[str, Any]) -> StageTimes:
    now, since = data["now"], data["since"]
    before_s = {LoopStage(stage): float(spent) for stage, spent in data["before_s"].items()}
    return StageTimes(LoopStage(now) if now else None, time_of(since) if since else None, before_s)


def _place(data: Mapping[str, Any]) -> Place:
    return Place(float(data["latitude"]), float(data["longitude"]))


def time_of(text: str) -> datetime:
    """A time with its offset. Raises ValueError for one without."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"expected a time with an offset, got {text!r}")
    return at
