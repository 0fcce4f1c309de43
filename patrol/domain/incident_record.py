"""The record of an incident (经过): what became of each order, and what people did, in time's order.

It is made of what is kept anyway, and says nothing more: a step whose time nobody kept is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from patrol.domain.deeds import CLOSING_ASKED, Action, Deed
from patrol.domain.events import Level
from patrol.domain.incidents import (
    ClockName,
    Disposition,
    EarlierLife,
    EscalationStep,
    FalseAlarmReason,
    Incident,
    IncidentId,
    OrderId,
)
from patrol.domain.orders import Order, OrderState
from patrol.domain.units import UnitId

MOST_ENTRIES = 500
Member = TypeVar("Member", bound=StrEnum)
_FEEDBACK = re.compile(r"(?P<disposition>\w+)(?: \((?P<code>\w+)\))?(?: (?P<rest>.*))?", re.DOTALL)


class Happening(StrEnum):
    """What happened. Closed set."""

    # With an order:
    ORDERED = "ordered"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DOUBTED = "doubted"
    EXPIRED = "expired"
    RECALLED = "recalled"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    DONE = "done"
    # With the incident:
    CONFIRMED = "confirmed"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    LEVEL_CHANGED = "level_changed"
    NOTED = "noted"
    MERGED = "merged"
    SPLIT = "split"
    CLOSING_ASKED = "closing_asked"
    CLOSING_WITHDRAWN = "closing_withdrawn"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One thing that happened, and when (aware UTC), to which incident.

    ``who``: the operator who did it, or the part of Patrol that closed it; None: Patrol by its rules, or the unit.
    ``text``: what people or a unit said with it: the reason, or the note. ``why_zh``, ``why_en``: Patrol's own reason.
    ``by_position``: of an arrival: a position says so, and not the crew. ``other_id``: the incident that became part of
    this one, or was split off, or is the same thing.
    """

    at: datetime
    what: Happening
    incident_id: IncidentId
    who: str | None = None
    unit_id: UnitId | None = None
    order_id: OrderId | None = None
    by_position: bool = False
    level_before: Level | None = None
    level: Level | None = None
    step: EscalationStep | None = None
    disposition: Disposition | None = None
    reason_code: FalseAlarmReason | None = None
    other_id: IncidentId | None = None
    text: str = ""
    why_zh: str = ""
    why_en: str = ""


@dataclass(frozen=True, slots=True)
class KeptOfIncident:
    """All that is kept. ``incidents``: it, then those that became part of it. ``deeds``: with one of these as subject,
    and the one by which it was split off. ``is_cut``: there was more than one look takes."""

    incidents: tuple[Incident, ...]
    orders: tuple[Order, ...]
    deeds: tuple[Deed, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """What happened, the oldest first. ``cut``: only the newest is here, there is more before it."""

    entries: tuple[RecordEntry, ...]
    cut: bool


def record_of(kept: KeptOfIncident, most: int = MOST_ENTRIES) -> IncidentRecord:
    """The record, with the newest ``most`` entries."""
    told = [*_of_deeds(kept), *_of_incidents(kept), *_of_orders(kept.orders)]
    entries = sorted(told, key=lambda entry: entry.at)  # what is of one moment stays in this order
    return IncidentRecord(tuple(entries[-most:]), kept.is_cut or len(entries) > most)


def _of_orders(orders: Sequence[Order]) -> Iterator[RecordEntry]:
    for order in sorted(orders, key=lambda order: order.sent_at):
        for at, what in _steps(order):
            if at is not None:
                yield RecordEntry(
                    at=at,
                    what=what,
                    incident_id=order.incident_id,
                    who=_who(order, what),
                    unit_id=order.unit_id,
                    order_id=order.id,
                    by_position=what is Happening.ON_SCENE and at == order.arrived_at,
                    text=(order.declined_why or "") if what is Happening.DECLINED else "",
                    why_zh=order.why_zh if what is Happening.ORDERED else "",
                    why_en=order.why_en if what is Happening.ORDERED else "",
                )


_ENDS = {
    OrderState.REJECTED: Happening.DECLINED,
    OrderState.EXPIRED: Happening.EXPIRED,
    OrderState.RECALLED: Happening.RECALLED,
    OrderState.DONE: Happening.DONE,
}


def _steps(order: Order) -> Iterator[tuple[datetime | None, Happening]]:
    """All that an order can go through, in its order, each with its time where that is kept."""
    yield order.sent_at, Happening.ORDERED
    yield order.received_at, Happening.RECEIVED
    yield order.doubted_at, Happening.DOUBTED
    yield order.accepted_at, Happening.ACCEPTED
    yield order.set_out_at, Happening.EN_ROUTE
    yield order.arrived_at, Happening.ON_SCENE
    if order.pressed_at != order.arrived_at:
        yield order.pressed_at, Happening.ON_SCENE
    if order.state in _ENDS:
        yield order.ended_at, _ENDS[order.state]


def _who(order: Order, what: Happening) -> str | None:
    if what is Happening.ORDERED:
        return order.ordered_by
    return order.recalled_by if what is Happening.RECALLED else None


def _of_incidents(kept: KeptOfIncident) -> Iterator[RecordEntry]:
    """What is kept with an incident alone: what Patrol did by itself, and what no deed tells any more."""
    closed_by_deed = {(deed.subject, deed.at) for deed in kept.deeds if deed.action is Action.CLOSE}
    merged_at = {deed.at for deed in kept.deeds if deed.action is Action.MERGE}
    for incident in kept.incidents:
        if (last := incident.escalation) is not None:
            yield RecordEntry(
                last.at, Happening.ESCALATED, incident.id, step=last.step, why_zh=last.why_zh, why_en=last.why_en
            )
        for closed in _closings(incident):
            is_merge = closed.what is Happening.MERGED
            if closed.at not in merged_at if is_merge else (incident.id, closed.at) not in closed_by_deed:
                yield closed


def _closings(incident: Incident) -> Iterator[RecordEntry]:
    for life in incident.history:
        if (stamp := life.clocks.get(ClockName.CLOSED)) is not None:
            yield _closed(incident.id, stamp.at, life)
    stamp = incident.clocks.get(ClockName.CLOSED)
    if stamp is None:
        return
    if incident.merged_into is not None:
        yield RecordEntry(
            stamp.at, Happening.MERGED, incident.merged_into, who=incident.closed_by, other_id=incident.id
        )
        return
    yield _closed(incident.id, stamp.at, incident)


def _closed(incident_id: IncidentId, at: datetime, life: Incident | EarlierLife) -> RecordEntry:
    return RecordEntry(
        at,
        Happening.CLOSED,
        incident_id,
        who=life.closed_by,
        disposition=life.disposition,
        reason_code=life.reason_code,
        other_id=life.duplicate_of,
        text=life.reason or "",
    )


def _of_deeds(kept: KeptOfIncident) -> Iterator[RecordEntry]:
    for deed in kept.deeds:
        if (entry := _of_deed(deed, kept)) is not None:
            yield entry


_PLAIN = {
    Action.CONFIRM: Happening.CONFIRMED,
    Action.ACKNOWLEDGE: Happening.ACKNOWLEDGED,
    Action.NOTE: Happening.NOTED,
    Action.WITHDRAW_CLOSING: Happening.CLOSING_WITHDRAWN,
    Action.REOPEN: Happening.REOPENED,
}


def _of_deed(deed: Deed, kept: KeptOfIncident) -> RecordEntry | None:
    """None: its order tells the same; or it is of an action that is no incident's."""
    subject = IncidentId(deed.subject)
    match deed.action:
        case Action.ORDER_UNIT | Action.TAKE_BACK:
            return _of_dispatcher(deed, subject, kept.orders)
        case Action.CHANGE_LEVEL:
            return _of_level(deed, subject, kept.incidents)
        case Action.CLOSE:
            return _of_feedback(deed, subject, kept.incidents)
        case Action.MERGE:
            return _of_merge(deed, subject, kept.incidents)
        case Action.SPLIT:
            new = deed.led_to or deed.detail.rpartition(" -> ")[2]
            return RecordEntry(deed.at, Happening.SPLIT, subject, who=deed.who, other_id=IncidentId(new))
    what = _PLAIN.get(deed.action)
    return None if what is None else RecordEntry(deed.at, what, subject, who=deed.who, text=deed.detail)


def _of_dispatcher(deed: Deed, subject: IncidentId, orders: Sequence[Order]) -> RecordEntry | None:
    if deed.action is Action.TAKE_BACK:
        if any(order.id == deed.detail and order.recalled_by is not None for order in orders):
            return None
        return RecordEntry(deed.at, Happening.RECALLED, subject, who=deed.who, order_id=OrderId(deed.detail))
    sent = (deed.detail, deed.who, deed.at)
    if any((order.unit_id, order.ordered_by, order.sent_at) == sent for order in orders):
        return None
    return RecordEntry(deed.at, Happening.ORDERED, subject, who=deed.who, unit_id=UnitId(deed.detail))


def _of_level(deed: Deed, subject: IncidentId, incidents: Sequence[Incident]) -> RecordEntry:
    changes = (change for incident in incidents for change in incident.level_changes)
    change = next((one for one in changes if (one.at, one.operator) == (deed.at, deed.who)), None)
    level, _, reason = deed.detail.partition(": ")
    return RecordEntry(
        deed.at,
        Happening.LEVEL_CHANGED,
        subject,
        who=deed.who,
        level_before=None if change is None else change.before,
        level=_member(Level, level),
        text=reason,
    )


def _of_feedback(deed: Deed, subject: IncidentId, incidents: Sequence[Incident]) -> RecordEntry:
    found = _FEEDBACK.fullmatch(deed.detail)
    said, code, rest = found.group("disposition", "code", "rest") if found is not None else (None, None, deed.detail)
    disposition, other = _member(Disposition, said), None
    rest = deed.detail if disposition is None else rest or ""
    if disposition is Disposition.DUPLICATE:
        other, _, rest = rest.partition(" ")
    if any(incident.id == subject and incident.drill for incident in incidents):
        disposition = Disposition.DRILL  # whatever was said
    return RecordEntry(
        deed.at,
        Happening.CLOSING_ASKED if deed.led_to == CLOSING_ASKED else Happening.CLOSED,
        subject,
        who=deed.who,
        disposition=disposition,
        reason_code=_member(FalseAlarmReason, code),
        other_id=IncidentId(other) if other else None,
        text=rest,
    )


def _of_merge(deed: Deed, subject: IncidentId, incidents: Sequence[Incident]) -> RecordEntry:
    both = (subject, IncidentId(deed.detail))
    ended = {incident.id for incident in incidents if incident.merged_into in both}
    stays = IncidentId(deed.led_to) if deed.led_to else next((one for one in both if one not in ended), subject)
    goes = next((one for one in both if one != stays), subject)
    return RecordEntry(deed.at, Happening.MERGED, stays, who=deed.who, other_id=goes)


def _member(kind: type[Member], text: str | None) -> Member | None:
    """None for what a newer version may have written."""
    return next((one for one in kind if one.value == text), None)
