"""Feedback: what people say of an incident (人工研判): that it is real, how urgent, how it ended, that it goes on.

Each function decides on one ``Situation`` and returns an ``Outcome``, as dispatch does. A person's word wins over the
rules', with the name and the reason kept; for red no single person has the last word.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial

from patrol.domain.board import Crews, wanting
from patrol.domain.confirmation import ConfirmPolicy, is_held
from patrol.domain.dispatch import Outcome, Situation, called_back, told
from patrol.domain.errors import IllegalTransition, NotAsAsked, Objection
from patrol.domain.events import IncidentClass, Level
from patrol.domain.incidents import (
    LEVEL_CHANGES_KEPT,
    ClockName,
    ClosingRequest,
    Disposition,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LevelChange,
    is_overdue,
    kept_changes,
)
from patrol.domain.levels import LEVEL_ZH
from patrol.domain.messages import Message, recall_message
from patrol.domain.notes import Note, kept_notes
from patrol.domain.orders import Order

RULE = "rule"
NOT_CONFIRMED = "无人在时限内确认，按规则结案 · nobody confirmed it in time, closed by rule"
# Reasons of outcomes, beside those that are an incident's states.
HELD, CLOSING_ASKED = "held", "closing asked"


def confirm(situation: Situation, operator: str, now: datetime) -> Outcome:
    """An operator looked and says it is real (t5). It runs beside dispatch; only what is held waits for it."""
    incident = situation.incident.stamped(ClockName.CONFIRMED, now, operator)
    if incident is situation.incident or not situation.incident.is_open:
        return Outcome(reason="already confirmed")
    return told(Outcome(incident=replace(incident, held_until=None), reason="confirmed"), now)


def hold(situation: Situation, policy: ConfirmPolicy, now: datetime) -> Outcome | None:
    """What is decided instead of sending a unit while nobody has confirmed it; None: a unit may be sent.

    It is held, and told so once; or closed, where the time is over and the rule says so.
    """
    incident = situation.incident
    until = is_held(incident, policy, now)
    if until is None:
        return None
    if now >= until:
        return close_by_rule(situation, Disposition.UNFOUNDED, RULE, NOT_CONFIRMED, now, policy.two_people)
    if incident.held_until == until:
        return Outcome(reason=HELD)
    return told(Outcome(incident=replace(incident, held_until=until), reason=HELD), now, cause=situation.cause)


def change_level(
    situation: Situation,
    level: Level,
    operator: str,
    reason: str,
    now: datetime,
    crews: Crews | None = None,
    seen_at: datetime | None = None,
) -> Outcome:
    """An operator says how urgent it is. From then on no alert that joins changes that.

    ``crews``: how many each level wants. ``seen_at``: when the room was as the operator saw it: what another one has
    said since is not undone unseen. Raises NotAsAsked for that, and if it is closed.
    """
    incident = situation.incident
    if not incident.is_open:
        stays = f"incident {incident.id} is closed; its level stays {incident.level}"
        raise NotAsAsked(Objection.CLOSED, stays, incident.closed_by)
    if incident.level is level and incident.level_by is not None:
        return Outcome(reason="level as it is")
    last = incident.level_changes[-1] if incident.level_changes else None
    if last is not None and last.operator != operator and seen_at is not None and last.at > seen_at:
        said = f"incident {incident.id} was just said to be {last.level}"
        raise NotAsAsked(Objection.OVERTAKEN, said, last.operator)
    before = incident.level
    changes = (*incident.level_changes, LevelChange(now, operator, before, level, reason))
    urged = level is Level.RED and incident.state is IncidentState.NEW
    changed = replace(
        incident,
        level=level,
        level_by=operator,
        level_why_zh=f"由 {operator} 认定（原为{LEVEL_ZH[before]}）：{reason}",
        level_why_en=f"{operator} says so (it was {before}): {reason}",
        level_changes=kept_changes(changes),
        held_until=None,  # who says how urgent it is has looked
        urged_at=now if urged else incident.urged_at,
    )
    return told(Outcome(incident=wanting(situation, changed, crews or Crews()), reason="level changed"), now)


def note(situation: Situation, operator: str, text: str, now: datetime) -> Outcome:
    """Somebody writes something down about it, open or closed. Nobody is told: it changes nothing but what is known.

    The same again by the same one, as by a second click, is nothing more.
    """
    incident = situation.incident
    last = incident.notes[-1] if incident.notes else None
    if last is not None and (last.operator, last.text) == (operator, text):
        return Outcome(reason="noted already")
    notes = kept_notes((*incident.notes, Note(now, operator, text)))
    return Outcome(incident=replace(incident, notes=notes), reason="noted")


def close(
    situation: Situation,
    disposition: Disposition,
    operator: str,
    reason: str,
    now: datetime,
    reason_code: FalseAlarmReason | None = None,
    second_person: Collection[Level] = (),
    original: Incident | None = None,
) -> Outcome:
    """Close with feedback; of the levels ``second_person`` it takes two people, the second saying the same.

    The first one's feedback (t11) then waits on the incident, and changes nothing else: units go on. Another
    disposition takes its place, and waits in turn. A drill is closed as one, whatever was said, and by one person.
    ``original``: of a duplicate, the incident that is the same thing.
    Raises IllegalTransition if it is closed already, NotAsAsked.
    """
    incident, first = situation.incident, situation.incident.closing
    incident.to(IncidentState.CLOSED)
    takes_two = _takes_two(incident, operator, second_person)
    if takes_two and first is not None and _says_the_same(first, disposition, reason_code, original):
        if _is_same_person(first.operator, operator):
            who = f"by another one than {operator} now"
            raise NotAsAsked(Objection.SAME_PERSON, f"incident {incident.id} is closed by two people: {who}")
        return _close(situation, replace(first, reason=_both_said(first.reason, reason)), operator, now)
    asked = _feedback(incident, disposition, operator, reason, reason_code, now, original)
    if takes_two:
        return _ask_second_person(incident, asked, now)
    return _close(replace(situation, incident=incident.not_closing()), asked, operator, now)


def _feedback(
    incident: Incident,
    disposition: Disposition,
    operator: str,
    reason: str,
    reason_code: FalseAlarmReason | None,
    now: datetime,
    original: Incident | None,
) -> ClosingRequest:
    if incident.drill:
        return ClosingRequest(Disposition.DRILL, None, reason, operator, now)
    if disposition is Disposition.DUPLICATE:
        return ClosingRequest(disposition, None, reason, operator, now, _original_of(incident, original))
    if disposition is not Disposition.FALSE_ALARM:
        return ClosingRequest(disposition, None, reason, operator, now)
    code = reason_code or FalseAlarmReason.OTHER
    if code is FalseAlarmReason.OTHER and not reason.strip():
        raise NotAsAsked(Objection.REASON_MISSING, f"incident {incident.id}: a false alarm needs its reason")
    return ClosingRequest(disposition, code, reason, operator, now)


def _original_of(incident: Incident, original: Incident | None) -> IncidentId:
    """Of which incident this is a duplicate. Raises NotAsAsked."""
    if original is None:
        raise NotAsAsked(Objection.ORIGINAL_MISSING, f"incident {incident.id}: of which one is it a duplicate?")
    if original.id == incident.id:
        raise NotAsAsked(Objection.ORIGINAL_ITSELF, f"incident {incident.id} is no duplicate of itself")
    worlds = [(one.simulated, one.drill, one.incident_class) for one in (incident, original)]
    if worlds[0] != worlds[1]:
        both = f"incident {incident.id} and {original.id}"
        raise NotAsAsked(Objection.ORIGINAL_NOT_ALIKE, f"{both}: real and simulated, security and maintenance differ")
    if incident.id in (original.duplicate_of, original.merged_into):
        raise NotAsAsked(Objection.ORIGINAL_ENDS_IN_IT, f"incident {original.id} was closed as part of {incident.id}")
    return original.id


def _says_the_same(
    first: ClosingRequest, disposition: Disposition, code: FalseAlarmReason | None, original: Incident | None
) -> bool:
    """Who names no reason of a false alarm, or no original, agrees with what the first one named."""
    same_code = code is None or code is first.reason_code
    return first.disposition is disposition and same_code and (original is None or original.id == first.duplicate_of)


def _both_said(first: str, second: str) -> str:
    """The words of both, where the second one's are others."""
    return first if second.strip() in ("", first.strip()) else " · ".join(filter(None, (first, second)))


def _takes_two(incident: Incident, operator: str, levels: Collection[Level]) -> bool:
    if incident.drill or incident.incident_class is IncidentClass.MAINTENANCE:
        return False
    # Or else whoever lowers it, or what was merged into it, could close it alone; and whoever changes it until that is
    # forgotten.
    lowered = any(
        change.before in levels and _is_same_person(change.operator, operator) for change in incident.level_changes
    )
    forgotten = bool(levels) and len(incident.level_changes) >= LEVEL_CHANGES_KEPT
    return incident.level in levels or lowered or forgotten


def _is_same_person(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _ask_second_person(incident: Incident, asked: ClosingRequest, now: datetime) -> Outcome:
    waiting = replace(incident.stamped(ClockName.FEEDBACK, now, asked.operator), closing=asked)
    return told(Outcome(incident=waiting, reason=CLOSING_ASKED), now)


def _close(situation: Situation, asked: ClosingRequest, operator: str, now: datetime) -> Outcome:
    """``operator``: who has the last word. Units still on their way are called back."""
    incident = situation.incident.to(IncidentState.CLOSED)
    incident = incident.stamped(ClockName.FEEDBACK, asked.at, asked.operator).stamped(ClockName.CLOSED, now, operator)
    incident = replace(
        incident,
        disposition=asked.disposition,
        reason_code=asked.reason_code,
        reason=asked.reason,
        duplicate_of=asked.duplicate_of,
        closed_by=operator,
        held_until=None,
        overdue=is_overdue(situation.incident, now),
    )
    recalled, freed = called_back(situation, now)
    return told(
        Outcome(incident=incident, orders=recalled, duties=freed, reason="closed"),
        now,
        tuple(partial(_recall, order, asked.disposition.value, now) for order in recalled),
    )


def _recall(order: Order, reason: str, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, reason, now)


def close_by_rule(
    situation: Situation,
    disposition: Disposition,
    rule: str,
    reason: str,
    now: datetime,
    second_person: Collection[Level] = (),
) -> Outcome:
    """Close it for a reason that is no person's.

    Raises IllegalTransition if it is closed already, or has in this life been of a level of ``second_person``.
    """
    incident = situation.incident.not_closing()
    if incident.has_been(second_person):
        raise IllegalTransition(f"incident {incident.id} is, or has been, what two people close: the rule does not")
    asked = ClosingRequest(Disposition.DRILL if incident.drill else disposition, None, reason, rule, now)
    return _close(replace(situation, incident=incident), asked, rule, now)


def withdraw(situation: Situation, operator: str, now: datetime) -> Outcome:
    """The feedback that waits for a second person does not count: it stays open. Either of the two may say so.

    Raises NotAsAsked.
    """
    incident = situation.incident
    if not incident.is_open:
        closed = f"incident {incident.id} is closed; {operator} may open it again"
        raise NotAsAsked(Objection.CLOSED, closed, incident.closed_by)
    if incident.closing is None:
        raise NotAsAsked(Objection.NOT_CLOSING, f"incident {incident.id} waits for nobody to close it")
    return told(Outcome(incident=incident.not_closing(), reason="closing withdrawn"), now)


def reopen(situation: Situation, operator: str, reason: str, now: datetime, crews: Crews | None = None) -> Outcome:
    """Open what was closed again: a new life, in which nothing that was sent before counts.

    A unit is sought anew, and followed up from now on; the response target is not restarted. ``crews``: how many each
    level wants. Raises NotAsAsked.
    """
    incident = situation.incident
    if incident.merged_into is not None:
        raise NotAsAsked(
            Objection.MERGED,
            f"incident {incident.id} became part of {incident.merged_into}: open that one again",
            incident.closed_by,
        )
    if incident.incident_class is IncidentClass.MAINTENANCE:
        raise NotAsAsked(
            Objection.MAINTENANCE, f"incident {incident.id} is maintenance: where the trouble lasts, it comes by itself"
        )
    if incident.is_open:
        by = incident.history[-1].reopened_by if incident.history else None
        raise NotAsAsked(Objection.OPEN, f"incident {incident.id} is open", by)
    reopened = wanting(situation, incident.reopened(operator, reason, now), crews or Crews())
    return told(Outcome(incident=reopened, reason="reopened"), now)
