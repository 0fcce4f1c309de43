"""Golden samples: one message of every kind, made by the code that makes them, always the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from patrol.domain.alerts import Alert
from patrol.domain.events import Kind, Level
from patrol.domain.heartbeats import Heartbeat
from patrol.domain.incidents import (
    AlertId,
    Cause,
    ClockName,
    EvidenceId,
    Incident,
    IncidentId,
    IncidentState,
    LoopStage,
    Maintenance,
    OrderId,
    OrderLine,
    StageTimes,
    TroubledCamera,
    Witness,
)
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import (
    Message,
    alert_message,
    heartbeat_message,
    incident_message,
    order_message,
    position_message,
    recall_message,
    receipt_message,
)
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitId
from patrol.domain.vocabulary import CameraId, Place, RingName, RuleId, ZoneId

NIGHT = datetime(2026, 5, 1, 2, 30, 4, tzinfo=UTC)
BEAT = datetime(2026, 5, 1, 2, 30, 5, tzinfo=UTC)
LATER = datetime(2026, 5, 1, 3, 0, 40, tzinfo=UTC)
SQUARE = Place(35.49004, 112.8518)


def samples() -> Mapping[str, Message]:
    """By name: one of every type, and the second class of incidents."""
    alert, incident, order = sample_alert(), sample_incident(), sample_order()
    ordered = replace(incident, sequence=4, clocks=incident.clocks)
    return {
        "alert": alert_message(alert, 1),
        "incident": incident_message(_sent(incident, order), order.sent_at, alert.id),
        "maintenance": incident_message(_maintenance(), LATER + timedelta(seconds=90)),
        "order": order_message(order, ordered, order.sent_at, alert.id),
        "recall": recall_message(
            order, replace(ordered, sequence=6), "expired", order.sent_at + timedelta(seconds=10.069)
        ),
        "receipt": receipt_message(_receipt(order), incident.id),
        "heartbeat": heartbeat_message(
            Heartbeat("H-20260501-023005-8d21f06c7be4", 42, datetime(2026, 5, 1, 2, 30, 5, tzinfo=UTC))
        ),
        "position": position_message(_position(), _ms(5240)),
    }


def _ms(milliseconds: int) -> datetime:
    return NIGHT + timedelta(milliseconds=milliseconds)


def sample_alert() -> Alert:
    """A crowd on the square."""
    return Alert(
        id=AlertId("A-20260501-023004-5e1c0d9a7b34"),
        incident_id=IncidentId("I-20260501-023004-91b7f2c40e6d"),
        camera_id=CameraId("C-005"),
        ring=RingName.CORE,
        kind=Kind.CROWD,
        level=Level.RED,
        rule_id=RuleId("crowd"),
        zone_id=ZoneId("north-half"),
        fingerprint="C-005/crowd/crowd/north-half",
        began_at=_ms(-3880),
        frame_at=_ms(231),
        detected_at=_ms(402),
        accepted_at=_ms(418),
        score=0.7412,
        count=7,
        words_zh="广场北半内 7 人（阈值 5），已持续 4 秒",
        words_en="7 in north half of the square (threshold 5), for 4 s",
        evidence_id=EvidenceId("V-20260501-023004-0a4d77e3c9f1"),
        simulated=False,
        clip_id=EvidenceId("V-20260501-023004-6be2190f4c5d"),
        level_why_zh="核心圈层的人员聚集，7 人",
        level_why_en="crowd of 7 in the core ring",
    )


def sample_incident() -> Incident:
    """The incident that it opened."""
    alert = sample_alert()
    incident = Incident(
        id=alert.incident_id,
        kind=alert.kind,
        level=alert.level,
        ring=alert.ring,
        camera_id=alert.camera_id,
        camera_name="政府大楼前广场中央",
        camera_name_en="Government Building front square centre",
        place=SQUARE,
        target_s=60.0,
        fingerprint=alert.fingerprint,
        words_zh=alert.words_zh,
        words_en=alert.words_en,
        evidence_id=alert.evidence_id,
        simulated=False,
        alert_ids=(alert.id,),
        sequence=2,
        clip_id=alert.clip_id,
        witnesses=(_witness(alert),),
        level_why_zh=alert.level_why_zh,
        level_why_en=alert.level_why_en,
        stages=StageTimes(LoopStage.ORDER, _ms(531), {LoopStage.COLLECT: 0.113}),
    )
    return (
        incident.stamped(ClockName.BEGAN, alert.began_at, "rule")
        .stamped(ClockName.FIRST_FRAME, alert.began_at, "camera")
        .stamped(ClockName.DETECTED, alert.detected_at, "detector")
        .stamped(ClockName.ACCEPTED, alert.accepted_at, "store")
    )


def _witness(alert: Alert) -> Witness:
    return Witness(
        fingerprint=alert.fingerprint,
        camera_id=alert.camera_id,
        camera_name="政府大楼前广场中央",
        camera_name_en="Government Building front square centre",
        site="政府大楼",
        place=SQUARE,
        ring=alert.ring,
        target_s=60.0,
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


def sample_order() -> Order:
    """The unit that was sent."""
    return Order(
        id=OrderId("O-20260501-023004-c3a86b1f52d0"),
        incident_id=sample_alert().incident_id,
        unit_id=UnitId("U-01"),
        ring=RingName.CORE,
        destination=SQUARE,
        state=OrderState.SENT,
        sent_at=_ms(531),
        eta_s=9.6,
        target_feasible=True,
        why_zh="",
        why_en="",
        candidates=(),
    )


def _sent(incident: Incident, order: Order) -> Incident:
    """The incident once the first of two crews was ordered to it."""
    return replace(
        incident.stamped(ClockName.ORDER_SENT, order.sent_at, "dispatch"),
        state=IncidentState.ORDERED,
        sequence=3,
        crews_missing=1,
        orders=(OrderLine(order.id, order.unit_id, order.state),),
    )


def _receipt(order: Order) -> Receipt:
    return Receipt(
        subject_id=order.id,
        sequence=1,
        consumer="unit-terminal",
        seat="U-01",
        kind=ReceiptKind.ACCEPTED,
        at=_ms(3900),
        place=Place(35.49013, 112.8518),
    )


def _position() -> PositionData:
    return PositionData(
        unit_id="U-01",
        place=PlaceData(35.49013, 112.8518),
        at=_ms(5000),
        accuracy_m=6.0,
        heading_deg=345.0,
        speed_m_s=2.6,
    )


def _maintenance() -> Incident:
    def troubled(number: int, since_ms: int, unsteady: bool = False, back_ms: int | None = None) -> TroubledCamera:
        return TroubledCamera(
            CameraId(f"P-{number:03d}"),
            Trouble.UNSEEN,
            "timed_out",
            LATER + timedelta(milliseconds=since_ms),
            LATER + timedelta(milliseconds=back_ms) if back_ms is not None else None,
            unsteady,
        )

    incident = Incident(
        id=IncidentId("I-20260501-030040-5d0a7c91e2f8"),
        kind=Kind.CAMERA_HEALTH,
        level=Level.BLUE,
        ring=RingName.PERIPHERY,
        camera_id=CameraId("P-041"),
        camera_name="",
        camera_name_en="",
        place=Place(35.49301, 112.8534),
        target_s=None,
        fingerprint="",
        words_zh="网段 10.0.3.0/24：3 路看不到画面，已恢复 1 路",
        words_en="network 10.0.3.0/24: 3 cameras cannot be seen, 1 back",
        evidence_id=None,
        simulated=False,
        alert_ids=(),
        state=IncidentState.NEW,
        sequence=2,
        maintenance=Maintenance(
            Cause.SEGMENT,
            "10.0.3.0/24",
            Trouble.UNSEEN,
            (troubled(41, -4900), troubled(43, -3300, unsteady=True), troubled(42, -4100, back_ms=86_200)),
        ),
        stages=StageTimes(LoopStage.COLLECT, LATER + timedelta(milliseconds=400)),
    )
    return (
        incident.stamped(ClockName.BEGAN, LATER - timedelta(milliseconds=4900), "tour")
        .stamped(ClockName.DETECTED, LATER - timedelta(milliseconds=4600), "tour")
        .stamped(ClockName.ACCEPTED, LATER + timedelta(milliseconds=400), "store")
    )
