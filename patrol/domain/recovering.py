"""Recovering: a store that was put back to an older state is brought up to what its messages in the queue say.

People put a backup back. What was accepted, sent and told since is not in it; the streams still hold the last hour of
it, whole. So the incidents, alerts and orders are made again from their messages, each to its newest state, before
anybody decides on the old ones: a unit that is on its way gets no second order, and no sequence is used twice.
That the store is older is read off two numbers that only grow: the queue has seen higher ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from patrol.domain.alerts import Alert, fingerprint_of, witness_of
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName
from patrol.domain.dispatch import Duty, told
from patrol.domain.dispatch import Outcome as Decided
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
    Witness,
)
from patrol.domain.messages import ALERT, INCIDENT, ORDER, RECALL, Envelope, Message
from patrol.domain.orders import Order, OrderState
from patrol.domain.shortfalls import Shortfall, ShortfallReason
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitId, UnitState
from patrol.domain.witnesses import opened, together, with_witnesses, witnesses_of
from patrol.domain.zones import RuleId, ZoneId

SHOWN_FOR = timedelta(hours=24)
"""For so long people are told that a backup was put back."""

LONGEST_TARGET_S = 86_400.0  # a day, as in the configuration

TOLD_BY_STREAM = (ALERT, INCIDENT, ORDER, RECALL)
WHY_ZH, WHY_EN = "由队列中的消息恢复", "made again from its message in the queue"


@dataclass(frozen=True, slots=True)
class Told:
    """What the queue holds about one incident. ``sequence``: the highest that anybody was told."""

    sequence: int = 0
    newest: Envelope | None = None
    alerts: Mapping[str, Envelope] = field(default_factory=dict)
    orders: Mapping[str, Envelope] = field(default_factory=dict)
    recalled: Mapping[str, str] = field(default_factory=dict)

    def and_this(self, envelope: Envelope) -> Told:
        """With one more message, which may have come before, and in any order."""
        more = replace(self, sequence=max(self.sequence, envelope.sequence))
        match envelope.type:
            case t if t == ALERT:
                return replace(more, alerts={**self.alerts, envelope.id: envelope})
            case t if t == ORDER:
                return replace(more, orders={**self.orders, envelope.id: envelope})
            case t if t == RECALL:
                reason = str(envelope.data.get("reason"))
                return replace(more, recalled={**self.recalled, str(envelope.data.get("order_id")): reason})
            case t if t == INCIDENT and (self.newest is None or envelope.sequence > self.newest.sequence):
                return replace(more, newest=envelope)
        return more


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of an incident."""

    incident: Incident
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one incident comes to: ``alerts`` that the store has not, and all its orders that differ."""

    incident: Incident
    alerts: tuple[Alert, ...]
    orders: tuple[Order, ...]
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Restoration:
    """That a backup was put back, and what came of it. Times are aware UTC.

    ``back_to``: when the store was last written to, about; ``complete``: whether the queue still had all since then.
    ``refused``: alerts that could not be made again, and lie in the dead letters.
    """

    at: datetime
    back_to: datetime | None
    complete: bool
    incidents: int
    alerts: int
    orders: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a store has come: the ``position`` in its outbox of the newest message, and its newest ``heartbeat``.

    The heartbeat is on its stream, too, and so in whatever is left of the queue; but it comes only every few seconds.
    """

    position: int = 0
    heartbeat: int = 0


def went_back(stored: Reached, seen: Reached) -> bool:
    """Whether the store is an older one than the one whose messages the queue has seen."""
    return seen.position > stored.position or seen.heartbeat > stored.heartbeat


@dataclass(frozen=True, slots=True)
class Known:
    """What messages leave out and the configuration says."""

    cameras: Mapping[CameraId, Camera]
    rings: Mapping[RingName, Ring]


def recover(
    told_of: Mapping[IncidentId, Told], stored: Mapping[IncidentId, Stored], known: Known, now: datetime
) -> tuple[Sequence[Recovered], Mapping[IncidentId, str]]:
    """These incidents as they were told last, and why those that cannot be read cannot. All that go together at once:
    what was merged or split took its alerts along."""
    refused: dict[IncidentId, str] = {}
    alerts: dict[IncidentId, list[Alert]] = {}
    pool: dict[IncidentId, tuple[Witness, ...]] = {}
    before = {alert_id for one in stored.values() for alert_id in one.incident.alert_ids}
    for incident_id, of_it in told_of.items():
        try:
            in_order = sorted(of_it.alerts.values(), key=lambda envelope: envelope.sequence)
            found = [_alert(envelope) for envelope in in_order if envelope.id not in before]
            old = witnesses_of(stored[incident_id].incident) if incident_id in stored else ()
            pool[incident_id] = together(old, [_witness(each, known) for each in found])
            alerts[incident_id] = found
        except (KeyError, TypeError, ValueError) as error:
            refused[incident_id] = f"{type(error).__name__}: {error}"
    recovered = []
    for incident_id, found in alerts.items():
        try:
            recovered.append(_recovered(incident_id, told_of, stored.get(incident_id), pool, found, known, now))
        except (KeyError, TypeError, ValueError) as error:
            refused[incident_id] = f"{type(error).__name__}: {error}"
    return recovered, refused


def _recovered(
    incident_id: IncidentId,
    told_of: Mapping[IncidentId, Told],
    stored: Stored | None,
    pool: Mapping[IncidentId, tuple[Witness, ...]],
    alerts: Sequence[Alert],
    known: Known,
    now: datetime,
) -> Recovered:
    of_it = told_of[incident_id]
    incident = _incident(incident_id, of_it, stored.incident if stored else None, pool, alerts, known)
    if incident.witnesses and (witnesses := _all_witnesses(incident, told_of, pool)):
        incident = with_witnesses(incident, witnesses)
    sent_at = _sent_since(of_it)
    if sent_at is not None and incident.state is IncidentState.NEW:
        incident = incident.to(IncidentState.ORDERED).stamped(ClockName.ORDER_SENT, sent_at, "dispatch")
    orders = _orders(of_it, stored.orders if stored else (), incident)
    changed = tuple(order for order in orders if stored is None or order not in stored.orders)
    made = Recovered(incident, tuple(alerts), changed)
    return _told_again(made, now) if sent_at is not None else _with_somebody_sent(made, orders, now)


def _sent_since(told_of: Told) -> datetime | None:
    """When a unit was sent, where that went out and the state that it led to did not: orders go before all else."""
    since = told_of.newest.sequence + 1 if told_of.newest else 0  # the order that goes with it comes right after it
    late = [one for key, one in told_of.orders.items() if one.sequence > since and key not in told_of.recalled]
    return max((_at(one.time) for one in late), default=None)


def duties_after(orders: Sequence[Order], duties: Sequence[Duty]) -> tuple[Duty, ...]:
    """What the units do, by orders that were made again; those that change."""
    newest = {order.unit_id: order for order in sorted(orders, key=lambda order: order.sent_at) if order.is_open}
    ended = {order.id for order in orders if not order.is_open}
    changed = []
    for duty in duties:
        order = newest.get(duty.unit.id)
        if order is not None:
            changed.append(replace(duty, state=_DOES[order.state], order_id=order.id))
        elif duty.order_id in ended:
            changed.append(replace(duty, state=UnitState.AVAILABLE, order_id=None))
    return tuple(changed)


def the_busy_one(orders: Sequence[Order]) -> frozenset[OrderId]:
    """The open orders that keep their units busy: one a unit, the one that was sent last."""
    newest: dict[UnitId, Order] = {}
    for order in sorted(orders, key=lambda order: order.sent_at):
        if order.is_open:
            newest[order.unit_id] = order
    return frozenset(order.id for order in newest.values())


_DOES: Mapping[OrderState, UnitState] = {
    OrderState.SENT: UnitState.ASSIGNED,
    OrderState.DOUBTED: UnitState.ASSIGNED,
    OrderState.ACCEPTED: UnitState.ASSIGNED,
    OrderState.EN_ROUTE: UnitState.EN_ROUTE,
    OrderState.ON_SCENE: UnitState.ON_SCENE,
}
# Where the last order of an incident stands that was not taken back, by where the incident stands.
_LAST_ORDER: Mapping[IncidentState, OrderState] = {
    IncidentState.NEW: OrderState.REJECTED,
    IncidentState.ORDERED: OrderState.SENT,
    IncidentState.ACCEPTED: OrderState.ACCEPTED,
    IncidentState.EN_ROUTE: OrderState.EN_ROUTE,
    IncidentState.ON_SCENE: OrderState.ON_SCENE,
    IncidentState.HANDLED: OrderState.DONE,
    IncidentState.CLOSED: OrderState.DONE,
}


def _with_somebody_sent(recovered: Recovered, orders: Sequence[Order], now: datetime) -> Recovered:
    """Where somebody was to be sent and the order never reached the queue, nobody was: then it waits for one again."""
    incident = recovered.incident
    if incident.state is not IncidentState.ORDERED or any(order.is_open for order in orders):
        return recovered
    return _told_again(replace(recovered, incident=incident.to(IncidentState.NEW)), now)


def _told_again(recovered: Recovered, now: datetime) -> Recovered:
    again = told(Decided(incident=recovered.incident, reason="recovered"), now)
    assert again.incident is not None
    return replace(recovered, incident=again.incident, messages=again.messages)


def _alert(envelope: Envelope) -> Alert:
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
        began_at=_at(data["began_at"]),
        frame_at=_at(envelope.time),
        detected_at=_at(data["detected_at"]),
        accepted_at=_at(envelope.recordedtime),
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


def _witness(alert: Alert, known: Known) -> Witness:
    camera = known.cameras.get(alert.camera_id)
    if camera is None:
        raise KeyError(f"camera {alert.camera_id} is not configured")
    return witness_of(alert, camera, known.rings[alert.ring])


def _incident(
    incident_id: IncidentId,
    told_of: Told,
    before: Incident | None,
    pool: Mapping[IncidentId, tuple[Witness, ...]],
    alerts: Sequence[Alert],
    known: Known,
) -> Incident:
    base = before
    if base is None and pool[incident_id]:
        first = alerts[0]
        base = opened(incident_id, pool[incident_id][0], simulated=first.simulated, drill=first.drill)
    if told_of.newest is not None:
        base = _as_told(incident_id, told_of.newest, base, pool, known)
    if base is None:
        raise KeyError("neither its state nor an alert of it was told")
    return replace(base, sequence=max(told_of.sequence, base.sequence))


def _all_witnesses(
    incident: Incident, told_of: Mapping[IncidentId, Told], pool: Mapping[IncidentId, tuple[Witness, ...]]
) -> tuple[Witness, ...]:
    """Who saw it: as its newest message lists them, with what came after that, and with all that was merged into it."""
    of_it, own = told_of[incident.id], pool[incident.id]
    if of_it.newest is None:
        return own
    everybody = {alert_id: each for witnesses in pool.values() for each in witnesses for alert_id in each.alert_ids}
    listed = [
        _as_listed(everybody[AlertId(one["alert_id"])], one)
        for one in of_it.newest.data.get("cameras", ())
        if one["alert_id"] in everybody
    ]
    since = {alert_id for alert_id, envelope in of_it.alerts.items() if envelope.sequence > of_it.newest.sequence}
    is_cut = of_it.newest.data.get("cameras_in_all", len(listed)) > len(of_it.newest.data.get("cameras", ()))
    here = {each.fingerprint for each in listed}
    more = [each for each in own if each.fingerprint in here or is_cut or since.intersection(each.alert_ids)]
    merged = [each for one in _merged_into(incident.id, told_of) for each in pool.get(one, ())]
    return together(listed, [*more, *(each for each in merged if each.fingerprint in here)])


def _as_listed(witness: Witness, data: Mapping[str, Any]) -> Witness:
    return replace(
        witness,
        distance_m=witness.distance_m if witness.why_en == data["why"]["en"] else float(data["distance_m"]),
        why_zh=str(data["why"]["zh"]),
        why_en=str(data["why"]["en"]),
        operator=data["operator"],
    )


def _merged_into(incident_id: IncidentId, told_of: Mapping[IncidentId, Told]) -> list[IncidentId]:
    """Those that it goes on with, also those that these went on with before."""
    found: list[IncidentId] = []
    open_ends = [incident_id]
    while open_ends:
        into = open_ends.pop()
        for one, told_of_it in told_of.items():
            if told_of_it.newest and told_of_it.newest.data.get("merged_into") == into and one not in found:
                found.append(one)
                open_ends.append(one)
    return found


def _as_told(
    incident_id: IncidentId,
    envelope: Envelope,
    base: Incident | None,
    pool: Mapping[IncidentId, tuple[Witness, ...]],
    known: Known,
) -> Incident:
    data = envelope.data
    camera_id, kind = CameraId(data["camera_id"]), Kind(data["kind"])
    clocks = {ClockName(name): Stamp(_at(stamp["at"]), str(stamp["source"])) for name, stamp in data["clocks"].items()}
    base = base or _first_listed(incident_id, data, pool)
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
        reminded_at=_at(envelope.recordedtime) if reminders else None,
        life=int(data.get("life", 1)),
        reopened_at=_at(data["reopened_at"]) if data.get("reopened_at") else None,
        history=base.history if base else (),
        level_why_zh=why.get("zh", ""),
        level_why_en=why.get("en", ""),
        level_by=data.get("level_by"),
        level_changes=base.level_changes if base else (),
        held_until=_at(data["held_until"]) if data.get("held_until") else None,
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


def _shortfall(data: Mapping[str, Any]) -> Shortfall:
    return Shortfall(
        ShortfallReason(data["reason"]),
        int(data["missing"]),
        str(data["words"]["zh"]),
        str(data["words"]["en"]),
        _at(data["since"]),
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
        _at(data["at"]),
        str(data["why"]["zh"]),
        str(data["why"]["en"]),
        acknowledged_by=data["acknowledged_by"],
        acknowledged_at=_at(acknowledged_at) if acknowledged_at else None,
        taken_on_at=_at(acknowledged_at) if acknowledged_at else None,
        life=life,
    )


def _closing(data: Mapping[str, Any]) -> ClosingRequest:
    return ClosingRequest(
        Disposition(data["disposition"]),
        FalseAlarmReason(data["reason_code"]) if data["reason_code"] else None,
        str(data["reason"]),
        str(data["operator"]),
        _at(data["at"]),
        IncidentId(data["duplicate_of"]) if data.get("duplicate_of") else None,
    )


def _stages(data: Mapping[str, Any]) -> StageTimes:
    now, since = data["now"], data["since"]
    before_s = {LoopStage(stage): float(spent) for stage, spent in data["before_s"].items()}
    return StageTimes(LoopStage(now) if now else None, _at(since) if since else None, before_s)


def _first_listed(
    incident_id: IncidentId, data: Mapping[str, Any], pool: Mapping[IncidentId, tuple[Witness, ...]]
) -> Incident | None:
    """What was split off began with a witness of another incident."""
    listed = {one["alert_id"] for one in data.get("cameras", ())[:1]}
    for witnesses in pool.values():
        for each in witnesses:
            if listed.intersection(each.alert_ids):
                return opened(
                    incident_id, each, simulated=bool(data["simulated"]), drill=bool(data.get("drill", False))
                )
    return None


def _maintenance(data: Mapping[str, Any]) -> Maintenance:
    cameras = (
        TroubledCamera(
            CameraId(one["id"]),
            Trouble(one["trouble"]),
            str(one["detail"]),
            _at(one["since"]),
            _at(one["returned_at"]) if one["returned_at"] else None,
            bool(one["unsteady"]),
        )
        for one in data["cameras"]
    )
    trouble = Trouble(data["trouble"]) if data["trouble"] else None
    return Maintenance(
        Cause(data["cause"]), str(data["where"]), trouble, tuple(sorted(cameras, key=lambda one: one.id))
    )


def _orders(told_of: Told, stored: Sequence[Order], incident: Incident) -> tuple[Order, ...]:
    orders = {str(order.id): order for order in stored}
    for order_id, envelope in told_of.orders.items():
        orders.setdefault(order_id, _order(envelope, incident))
    in_order = sorted(orders.values(), key=lambda order: order.sent_at)
    standing = [order for order in in_order if order.is_open and order.id not in told_of.recalled]
    return tuple(_placed(order, standing, told_of, incident) for order in in_order)


def _placed(order: Order, standing: Sequence[Order], told_of: Told, incident: Incident) -> Order:
    if not order.is_open:  # as the store has it
        return order
    listed = next((line.state for line in incident.orders if line.id == order.id), None)
    if listed is not None:
        return replace(order, state=listed)
    reason = told_of.recalled.get(order.id)
    if reason is not None:
        return replace(order, state=OrderState.EXPIRED if reason == "expired" else OrderState.RECALLED)
    if not incident.is_of_this_life(order.sent_at):  # had it not been done, closing would have called it back
        return replace(order, state=OrderState.DONE)
    never_done = incident.state is IncidentState.CLOSED and ClockName.HANDLED not in incident.clocks
    if order is standing[-1] and not never_done:
        return replace(order, state=_LAST_ORDER[incident.state])
    return replace(order, state=OrderState.REJECTED)  # the one way to end without a recall


def _order(envelope: Envelope, incident: Incident) -> Order:
    data, sent_at = envelope.data, _at(envelope.time)
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
        life=incident.life if incident.is_of_this_life(sent_at) else incident.life - 1,
    )


def _place(data: Mapping[str, Any]) -> Place:
    return Place(float(data["latitude"]), float(data["longitude"]))


def _at(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"expected a time with an offset, got {text!r}")
    return at
