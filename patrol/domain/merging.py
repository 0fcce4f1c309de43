"""Merging and splitting by hand: two incidents become one, or one camera's share leaves for an incident of its own.

Each decides on whole situations, and the store applies all outcomes in one transaction. An order never moves from one
incident to another, so that no terminal has to learn that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from patrol.domain.board import Crews, short_by_target, wanting
from patrol.domain.dispatch import Outcome, Situation, called_back, told
from patrol.domain.errors import Apart, NotTogether
from patrol.domain.events import IncidentClass, Level
from patrol.domain.incidents import (
    AlertId,
    ClockName,
    Disposition,
    Incident,
    IncidentId,
    IncidentState,
    Witness,
    is_overdue,
    kept_changes,
)
from patrol.domain.levels import is_more_urgent
from patrol.domain.messages import Message, recall_message
from patrol.domain.notes import kept_notes
from patrol.domain.orders import PROGRESS, Order, OrderState
from patrol.domain.witnesses import opened, together, with_witnesses, witnesses_of

# What is known of an incident before anybody is ordered: of two that become one the earlier is kept.
_EARLIEST = (
    ClockName.BEGAN,
    ClockName.FIRST_FRAME,
    ClockName.DETECTED,
    ClockName.ACCEPTED,
    ClockName.DISPLAYED,
    ClockName.CONFIRMED,
)
MERGED = "merged"


def merge(
    one: Situation, other: Situation, operator: str, now: datetime, crews: Crews | None = None
) -> tuple[Outcome, Outcome]:
    """Make one incident of two: first what becomes of the one that goes on, then of the one that ends.

    The one whose unit is farther on its way goes on, else the earlier one. The order of the other is withdrawn, unless
    its unit has set out. ``crews``: how many each level wants. Raises NotTogether.
    """
    _check_alike(one.incident, other.incident)
    stays, goes = sorted((one, other), key=_how_settled)
    if any(PROGRESS[order.state] >= PROGRESS[OrderState.EN_ROUTE] for order in goes.open_orders):
        raise NotTogether(
            Apart.BOTH_OUT,
            f"incidents {one.incident.id} and {other.incident.id} both have a unit on its way or on scene; close the"
            " one that needs none",
        )
    merged = wanting(stays, _taking(stays.incident, goes.incident, operator, now), crews or Crews())
    merged = short_by_target(stays, merged, now)
    return told(Outcome(incident=merged, reason=MERGED), now), _ending(goes, stays.incident.id, operator, now)


def _how_settled(situation: Situation) -> tuple[int, datetime, IncidentId]:
    incident = situation.incident
    farthest = max((PROGRESS[order.state] for order in situation.open_orders), default=-1)
    return -farthest, incident.accepted_at, incident.id


def _check_alike(one: Incident, other: Incident) -> None:
    both = f"incidents {one.id} and {other.id}"
    if one.id == other.id:
        raise NotTogether(Apart.ITSELF, f"incident {one.id} cannot be merged with itself")
    for incident in (one, other):
        if not incident.is_open:
            raise NotTogether(Apart.CLOSED, f"{both} cannot be merged: {incident.id} is closed", incident.closed_by)
        if incident.state is IncidentState.HANDLED:
            raise NotTogether(Apart.HANDLED, f"{both} cannot be merged: {incident.id} is handled, close it")
        if incident.incident_class is IncidentClass.MAINTENANCE:
            raise NotTogether(Apart.MAINTENANCE, f"{both} cannot be merged: {incident.id} is maintenance")
        if incident.was_reached_before:
            # Its target was met, or missed, by an arrival in which the other has no part; and the other's still runs.
            raise NotTogether(
                Apart.REACHED_BEFORE,
                f"{both} cannot be merged: {incident.id} was opened again after a unit had been there; close the other"
                " as its duplicate",
            )
    if (one.simulated, one.drill) != (other.simulated, other.drill):
        raise NotTogether(Apart.NOT_ALIKE, f"{both} cannot be merged: real, simulated and drill never mix")


def _taking(incident: Incident, taken: Incident, operator: str, now: datetime) -> Incident:
    incident = incident.not_closing()  # whoever gave that feedback did not know of this
    brought = tuple(
        replace(
            witness,
            distance_m=witness.place.distance_m(incident.place),
            why_zh=f"由 {operator} 并入，原属 {taken.id}",
            why_en=f"merged by {operator}, from {taken.id}",
            operator=operator,
        )
        for witness in _as_rated(taken)
    )
    clocks = dict(incident.clocks)
    for name in _EARLIEST:
        stamps = [stamp for stamp in (incident.clocks.get(name), taken.clocks.get(name)) if stamp is not None]
        if stamps:
            clocks[name] = min(stamps, key=lambda stamp: stamp.at)
    merged = replace(
        with_witnesses(incident, together(witnesses_of(incident), brought)),
        clocks=clocks,
        # What an operator has lowered stays lowered by that operator, wherever it goes on.
        level_changes=kept_changes((*incident.level_changes, *taken.level_changes)),
        notes=kept_notes((*incident.notes, *taken.notes)),
        highest_level=min(incident.highest_level, taken.highest_level, key=lambda level: level.rank),
    )
    said_so = taken.level_by is not None and taken.level is merged.level and incident.level_by is None
    if said_so or is_more_urgent(taken.level, merged.level):
        merged = replace(
            merged,
            level=taken.level,
            level_why_zh=taken.level_why_zh,
            level_why_en=taken.level_why_en,
            level_by=taken.level_by,
        )
    if taken.level is Level.RED and incident.state is IncidentState.NEW:
        merged = replace(merged, urged_at=now)
    # Counted already, where it was; where only now it is, the follow-up marks it.
    return replace(merged, overdue=incident.overdue or (taken.overdue and is_overdue(merged, now)))


def _as_rated(taken: Incident) -> tuple[Witness, ...]:
    """Who saw it; where an operator gave it its level, what they saw is as urgent as that and no more."""
    if taken.level_by is None:
        return witnesses_of(taken)
    return tuple(
        replace(witness, level=taken.level, level_why_zh=taken.level_why_zh, level_why_en=taken.level_why_en)
        for witness in witnesses_of(taken)
    )


def _ending(situation: Situation, into: IncidentId, operator: str, now: datetime) -> Outcome:
    ended = replace(
        situation.incident.not_closing().to(IncidentState.CLOSED).stamped(ClockName.CLOSED, now, operator),
        disposition=Disposition.DUPLICATE,
        closed_by=operator,
        reason=f"并入 {into} · merged into {into}",
        merged_into=into,
        overdue=is_overdue(situation.incident, now),
    )
    withdrawn, freed = called_back(situation, now)
    return told(
        Outcome(incident=ended, orders=withdrawn, duties=freed, reason="closed"),
        now,
        tuple(partial(_recall, order, now) for order in withdrawn),
    )


def _recall(order: Order, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, MERGED, now)


def split(
    situation: Situation,
    alert_id: AlertId,
    new_id: IncidentId,
    operator: str,
    now: datetime,
    crews: Crews | None = None,
) -> tuple[Outcome, Outcome]:
    """Take what the witness with this alert saw out into an incident of its own: first what is left, then the new one.

    The new one has its witness's clocks: what it is about began when it began. ``crews``: how many each level wants.
    Raises NotTogether.
    """
    incident = situation.incident
    if incident.incident_class is IncidentClass.MAINTENANCE:
        raise NotTogether(Apart.MAINTENANCE, f"incident {incident.id} is maintenance, which is not split")
    if not incident.is_open:
        raise NotTogether(Apart.CLOSED, f"incident {incident.id} is closed", incident.closed_by)
    witnesses = witnesses_of(incident)
    leaving = next((witness for witness in witnesses if alert_id in witness.alert_ids), None)
    if leaving is None:
        raise NotTogether(Apart.NO_SUCH_ALERT, f"incident {incident.id} has no alert {alert_id}")
    if leaving is witnesses[0]:
        raise NotTogether(
            Apart.FIRST, f"alert {alert_id} is of the first camera of incident {incident.id}; split the others out"
        )
    left = with_witnesses(incident, [witness for witness in witnesses if witness is not leaving])
    new = replace(
        opened(new_id, leaving, simulated=incident.simulated, drill=incident.drill),
        split_from=incident.id,
        split_by=operator,
    )
    crews = crews or Crews()
    left, new = wanting(situation, left, crews), wanting(replace(situation, orders=()), new, crews)
    left = short_by_target(situation, left, now)
    return told(Outcome(incident=left, reason="split"), now), told(Outcome(incident=new, reason="split off"), now)
