"""Messages on the queue: CloudEvents 1.0 in JSON, one stream per purpose and level.

``source`` + ``id`` is the idempotency key; ``sequence`` grows per incident; additive changes stay inside a major
version and unknown fields are ignored. Contract: docs/queue.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patrol.domain.errors import MessageError
from patrol.domain.events import Level
from patrol.domain.heartbeats import EVERY_S, Heartbeat
from patrol.domain.incidents import (
    ClockName,
    ClosingRequest,
    Escalation,
    Incident,
    IncidentId,
    Maintenance,
    StageTimes,
    Witness,
)
from patrol.domain.message_data import (
    AlertData,
    CameraNameData,
    ClosingData,
    EscalationData,
    HeartbeatData,
    IncidentData,
    MaintenanceData,
    MessageData,
    OrderData,
    OrderLineData,
    PlaceData,
    PositionData,
    RecallData,
    ReceiptData,
    ShortfallData,
    StagesData,
    StampData,
    TroubledCameraData,
    WitnessData,
    WordsData,
    plain,
    time_text,
)
from patrol.domain.orders import Order, Receipt, ReceiptKind
from patrol.domain.shortfalls import Shortfall
from patrol.domain.tracing import TraceId, read_traceparent, trace_id, traceparent
from patrol.domain.vocabulary import CoordinateSystem, Place, RingName

if TYPE_CHECKING:  # a console reads messages without what sees pictures
    from patrol.domain.alerts import Alert

SOURCE = "/patrol"
ALERT = "cn.patrol.alert.v1"
INCIDENT = "cn.patrol.incident.v1"
ORDER = "cn.patrol.order.v1"
RECALL = "cn.patrol.order.recall.v1"
RECEIPT = "cn.patrol.receipt.v1"
HEARTBEAT = "cn.patrol.heartbeat.v1"
POSITION = "cn.patrol.position.v1"
DATA_OF: Mapping[str, type[MessageData]] = {
    ALERT: AlertData,
    INCIDENT: IncidentData,
    ORDER: OrderData,
    RECALL: RecallData,
    RECEIPT: ReceiptData,
    HEARTBEAT: HeartbeatData,
    POSITION: PositionData,
}
TYPES = frozenset(DATA_OF)

RED_STREAM = f"patrol:alert:{Level.RED}"
ALERT_STREAMS = tuple(f"patrol:alert:{level}" for level in Level)
ORDER_STREAMS = tuple(f"patrol:order:{ring}" for ring in RingName)
INCIDENT_STREAM = "patrol:incident"
RECEIPT_STREAM = "patrol:receipt"
DEAD_STREAM = "patrol:dead"
HEARTBEAT_STREAM = "patrol:heartbeat"
POSITION_STREAM = "patrol:position"
STREAMS = (
    *ALERT_STREAMS,
    INCIDENT_STREAM,
    *ORDER_STREAMS,
    RECEIPT_STREAM,
    HEARTBEAT_STREAM,
    POSITION_STREAM,
    DEAD_STREAM,
)

MAX_BYTES = 64 * 1024
# A station has more cameras than a message has room for; those in trouble are listed first.
CAMERAS_LISTED = 200
WITNESSES_LISTED = 20
ALERT_EXPIRES_AFTER = timedelta(hours=24)
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish: its stream, its idempotency key and its CloudEvents JSON."""

    stream: str
    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message that was read. ``data`` is the type's own content.

    ``trace``: of all that tells of one incident; ``cause``: the id of the message that led to it. Both may be missing.
    The times are as they came, or empty.
    """

    id: str
    source: str
    type: str
    subject: str
    sequence: int
    data: Mapping[str, Any]
    trace: TraceId | None = None
    cause: str | None = None
    time: str = ""
    recordedtime: str = ""

    @property
    def incident_id(self) -> IncidentId:
        """The incident this message is about. Raises MessageError if its subject is none."""
        head, _, tail = self.subject.partition("/")
        if head != "incident" or not tail:
            raise MessageError(f"subject: expected incident/<id>, got {self.subject!r}")
        return IncidentId(tail)


def alert_message(alert: Alert, sequence: int) -> Message:
    """Tell that an alert was accepted."""
    data = AlertData(
        alert_id=alert.id,
        incident_id=alert.incident_id,
        camera_id=alert.camera_id,
        ring=alert.ring,
        kind=alert.kind,
        level=alert.level,
        rule_id=alert.rule_id,
        zone_id=alert.zone_id,
        began_at=alert.began_at,
        detected_at=alert.detected_at,
        score=round(alert.score, 4),
        count=alert.count,
        words=WordsData(alert.words_zh, alert.words_en),
        evidence_id=alert.evidence_id,
        clip_id=alert.clip_id,
        simulated=alert.simulated,
        drill=alert.drill,
        why=_why(alert.level_why_zh, alert.level_why_en),
    )
    return _message(
        f"patrol:alert:{alert.level}",
        f"{alert.id}",
        ALERT,
        alert.incident_id,
        sequence,
        alert.frame_at,
        alert.accepted_at,
        data,
        severitytext=alert.level.value,
        expirytime=time_text(alert.accepted_at + ALERT_EXPIRES_AFTER),
    )


def incident_message(incident: Incident, now: datetime, cause: str | None = None) -> Message:
    """Tell what an incident's state is now. ``cause``: the id of the message that changed it, if one did."""
    data = IncidentData(
        incident_id=incident.id,
        class_=incident.incident_class,
        kind=incident.kind,
        level=incident.level,
        ring=incident.ring,
        camera_id=incident.camera_id,
        place=_place(incident.place),
        state=incident.state,
        overdue=incident.overdue,
        target_s=incident.target_s,
        disposition=incident.disposition,
        clocks={name: StampData(stamp.at, stamp.source) for name, stamp in incident.clocks.items()},
        simulated=incident.simulated,
        words=WordsData(incident.words_zh, incident.words_en),
        maintenance=_maintenance(incident.maintenance) if incident.maintenance else None,
        drill=incident.drill,
        cameras=_witnesses(incident.witnesses),
        cameras_in_all=len(incident.witnesses),
        merged_into=incident.merged_into,
        split_from=incident.split_from,
        escalation=_escalation(incident.standing_escalation) if incident.standing_escalation else None,
        crews_missing=incident.crews_missing,
        orders=[OrderLineData(line.id, line.unit_id, line.state) for line in incident.orders],
        reminders=incident.reminders_in_life,
        why=_why(incident.level_why_zh, incident.level_why_en),
        level_by=incident.level_by,
        held_until=incident.held_until,
        reason_code=incident.reason_code,
        closing=_closing(incident.closing) if incident.closing else None,
        life=incident.life,
        reopened_at=incident.reopened_at,
        shortfall=_shortfall(incident.shortfall) if incident.shortfall else None,
        duplicate_of=incident.duplicate_of,
        stages=_stages(incident.stages),
    )
    return _message(
        INCIDENT_STREAM,
        f"{incident.id}:{incident.sequence}",
        INCIDENT,
        incident.id,
        incident.sequence,
        now,
        now,
        data,
        cause,
        severitytext=incident.level.value,
    )


def _why(zh: str, en: str) -> WordsData | None:
    return WordsData(zh, en) if zh or en else None


def _closing(asked: ClosingRequest) -> ClosingData:
    return ClosingData(asked.disposition, asked.reason_code, asked.reason, asked.operator, asked.at, asked.duplicate_of)


def _stages(times: StageTimes) -> StagesData:
    return StagesData(times.now, times.since, {stage: round(spent, 3) for stage, spent in times.before_s.items()})


def _witnesses(witnesses: Sequence[Witness]) -> list[WitnessData]:
    last = witnesses[max(1, len(witnesses) - WITNESSES_LISTED + 1) :]
    return [_witness(witness) for witness in (*witnesses[:1], *last)]


def _witness(witness: Witness) -> WitnessData:
    return WitnessData(
        camera_id=witness.camera_id,
        kind=witness.kind,
        level=witness.level,
        began_at=witness.began_at,
        alerts=len(witness.alert_ids),
        alert_id=witness.alert_ids[0],
        distance_m=round(witness.distance_m, 1),
        why=WordsData(witness.why_zh, witness.why_en),
        evidence_id=witness.evidence_id,
        clip_id=witness.clip_id,
        operator=witness.operator,
    )


def _escalation(escalation: Escalation) -> EscalationData:
    return EscalationData(
        step=escalation.step,
        at=escalation.at,
        why=WordsData(escalation.why_zh, escalation.why_en),
        acknowledged_by=escalation.acknowledged_by,
        acknowledged_at=escalation.acknowledged_at,
    )


def _shortfall(found: Shortfall) -> ShortfallData:
    words = WordsData(found.zh, found.en)
    return ShortfallData(found.reason, found.missing, words, found.since, found.unit_id, found.eta_s, found.late_s)


def _maintenance(maintenance: Maintenance) -> MaintenanceData:
    in_order = sorted(maintenance.cameras, key=lambda camera: camera.returned_at is not None)
    return MaintenanceData(
        cause=maintenance.cause,
        where=maintenance.where,
        trouble=maintenance.trouble,
        troubled=maintenance.troubled,
        returned=maintenance.returned,
        cameras=[
            TroubledCameraData(
                camera.id, camera.trouble, camera.detail, camera.since, camera.returned_at, camera.unsteady
            )
            for camera in in_order[:CAMERAS_LISTED]
        ],
    )


def order_message(order: Order, incident: Incident, now: datetime, cause: str | None = None) -> Message:
    """Send a unit: everything its crew needs on the way. ``cause``: as of ``incident_message``."""
    data = OrderData(
        order_id=order.id,
        incident_id=incident.id,
        unit_id=order.unit_id,
        kind=incident.kind,
        level=incident.level,
        ring=order.ring,
        destination=_place(order.destination),
        camera=CameraNameData(incident.camera_id, WordsData(incident.camera_name, incident.camera_name_en)),
        words=WordsData(incident.words_zh, incident.words_en),
        due_at=incident.due_at,
        eta_s=round(order.eta_s, 1),
        evidence_id=incident.evidence_id,
        clip_id=incident.clip_id,
        simulated=incident.simulated,
        drill=incident.drill,
        is_drone=order.is_drone,
        ordered_by=order.ordered_by,
    )
    return _message(
        f"patrol:order:{order.ring}",
        str(order.id),
        ORDER,
        incident.id,
        incident.sequence,
        now,
        now,
        data,
        cause,
        severitytext=incident.level.value,
        expirytime=time_text(incident.clocks[ClockName.ACCEPTED].at + ALERT_EXPIRES_AFTER),
    )


def recall_message(order: Order, incident: Incident, reason: str, now: datetime) -> Message:
    """Call a unit back: its order no longer stands."""
    data = RecallData(order.id, incident.id, order.unit_id, reason)
    return _message(
        f"patrol:order:{order.ring}",
        f"{order.id}:recall",
        RECALL,
        incident.id,
        incident.sequence,
        now,
        now,
        data,
    )


def receipt_message(
    receipt: Receipt, incident_id: IncidentId, *, source: str = SOURCE, key: str | None = None
) -> Message:
    """Tell what became of an alert or an order at the receiver's end. ``key``: its id, if not the usual one."""
    data = ReceiptData(
        subject_id=receipt.subject_id,
        sequence=receipt.sequence,
        consumer=receipt.consumer,
        seat=receipt.seat,
        kind=receipt.kind,
        at=receipt.at,
        operator=receipt.operator,
        reason_code=receipt.reason_code,
        place=_place(receipt.place) if receipt.place else None,
    )
    key = key or f"{receipt.consumer}:{receipt.subject_id}:{receipt.sequence}"
    return _message(
        RECEIPT_STREAM,
        key,
        RECEIPT,
        incident_id,
        receipt.sequence,
        receipt.at,
        receipt.at,
        data,
        receipt.subject_id,
        source=source,
    )


def schema_id(type_: str) -> str:
    """The ``dataschema`` of a type: ``urn:patrol:order.recall:v1``."""
    name, _, version = type_.removeprefix("cn.patrol.").rpartition(".")
    return f"urn:patrol:{name}:{version}"


def heartbeat_message(heartbeat: Heartbeat) -> Message:
    """Show that messages get through. About no incident: status System, as in the Common Alerting Protocol."""
    data = HeartbeatData(heartbeat_id=heartbeat.id, status="System", sent_at=heartbeat.sent_at, every_s=EVERY_S)
    return _message(
        HEARTBEAT_STREAM,
        heartbeat.id,
        HEARTBEAT,
        None,
        heartbeat.number,
        heartbeat.sent_at,
        heartbeat.sent_at,
        data,
    )


def position_message(data: PositionData, recorded_at: datetime, *, source: str = SOURCE) -> Message:
    """Tell where a unit is. Its id is the unit's and the time's: told twice, it is the same message."""
    ms = max(0, int(data.at.timestamp() * 1000))
    return _message(
        POSITION_STREAM,
        f"{data.unit_id}:{ms}",
        POSITION,
        None,
        ms,
        data.at,
        recorded_at,
        data,
        source=source,
        unit_id=data.unit_id,
    )


def read_message(body: str | bytes) -> Envelope:
    """Read a CloudEvents JSON. Raises MessageError saying which attribute is wrong and what was expected."""
    if len(body) > MAX_BYTES:
        raise MessageError(f"expected at most {MAX_BYTES} bytes, got {len(body)}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"expected JSON: {error}") from None
    if not isinstance(content, dict):
        raise MessageError(f"expected a JSON object, got {type(content).__name__}")
    if content.get("specversion") != "1.0":
        raise MessageError(f"specversion: expected '1.0', got {content.get('specversion')!r}")
    for name in ("id", "source", "type", "subject", "sequence"):
        if not isinstance(content.get(name), str) or not content[name]:
            raise MessageError(f"{name}: expected a non-empty string, got {content.get(name)!r}")
    if content["type"] not in TYPES:
        raise MessageError(f"type: expected one of {', '.join(sorted(TYPES))}, got {content['type']!r}")
    if re.fullmatch("[0-9]{1,18}", content["sequence"]) is None:
        raise MessageError(f"sequence: expected digits, got {content['sequence']!r}")
    if not isinstance(content.get("data"), dict):
        raise MessageError(f"data: expected an object, got {content.get('data')!r}")
    return Envelope(
        content["id"],
        content["source"],
        content["type"],
        content["subject"],
        int(content["sequence"]),
        content["data"],
        read_traceparent(content.get("traceparent")),
        cause if isinstance(cause := content.get("causationid"), str) else None,
        str(content.get("time", "")),
        str(content.get("recordedtime", "")),
    )


def read_receipt(envelope: Envelope) -> Receipt:
    """The receipt in a message. Raises MessageError."""
    data = envelope.data
    try:
        place = data.get("place")
        return Receipt(
            subject_id=str(data["subject_id"]),
            sequence=int(data["sequence"]),
            consumer=str(data["consumer"]),
            seat=str(data["seat"]),
            kind=ReceiptKind(data["kind"]),
            at=_aware(data["at"]),
            operator=data.get("operator"),
            reason_code=data.get("reason_code"),
            place=_read_place(place) if place else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MessageError(f"receipt: {type(error).__name__}: {error}") from None


def read_heartbeat(envelope: Envelope) -> Heartbeat:
    """The heartbeat in a message. Raises MessageError."""
    try:
        return Heartbeat(str(envelope.data["heartbeat_id"]), envelope.sequence, _aware(envelope.data["sent_at"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MessageError(f"heartbeat: {type(error).__name__}: {error}") from None


def read_position(envelope: Envelope) -> PositionData:
    """The position in a message: its shape, not whether it can be true (fixes.py). Raises MessageError."""
    data = envelope.data
    try:
        place = data["place"]
        return PositionData(
            unit_id=str(data["unit_id"]),
            place=PlaceData(float(place["latitude"]), float(place["longitude"])),
            at=_aware(data["at"]),
            accuracy_m=_number(data.get("accuracy_m")),
            heading_deg=_number(data.get("heading_deg")),
            speed_m_s=_number(data.get("speed_m_s")),
            coordinate_system=CoordinateSystem(data.get("coordinate_system", CoordinateSystem.WGS84)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MessageError(f"position: {type(error).__name__}: {error}") from None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _read_place(place: Mapping[str, Any]) -> Place:
    found = Place(float(place["latitude"]), float(place["longitude"]))
    if not (abs(found.latitude) <= 90 and abs(found.longitude) <= 180):  # also where either is no number
        raise ValueError(f"place: expected degrees, got {found.latitude}, {found.longitude}")
    return found


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"at: expected a time with an offset, got {text!r}")
    return at


def _message(
    stream: str,
    key: str,
    type_: str,
    incident_id: IncidentId | None,
    sequence: int,
    happened_at: datetime,
    recorded_at: datetime,
    data: MessageData,
    cause: str | None = None,
    source: str = SOURCE,
    unit_id: str | None = None,
    **more: str,
) -> Message:
    if cause is not None:
        more["causationid"] = cause
    subject = f"incident/{incident_id}" if incident_id else f"unit/{unit_id}" if unit_id else "system/heartbeat"
    about = incident_id or unit_id or "system"
    envelope = {
        "specversion": "1.0",
        "id": key,
        "source": source,
        "type": type_,
        "subject": subject,
        "partitionkey": about,
        "correlationid": about,
        "sequence": f"{sequence:012d}",
        "time": time_text(happened_at),
        "recordedtime": time_text(recorded_at),
        "datacontenttype": "application/json",
        "dataschema": schema_id(type_),
        "traceparent": traceparent(trace_id(incident_id or key), source, key),
        **more,
        "data": plain(data),
    }
    return Message(stream, key, _JSON.encode(envelope))


def _place(place: Place) -> PlaceData:
    return PlaceData(round(place.latitude, 7), round(place.longitude, 7))
