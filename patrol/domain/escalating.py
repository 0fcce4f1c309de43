"""Escalating: what is late for too long, or cannot be in time at all, is told farther up, step by step (升级).

The steps and their times are the level's. Each is taken once in an incident's life, whoever looks and however often;
what an operator has acknowledged stays with that operator until something else gets late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from patrol.domain.camera import Ring, RingName
from patrol.domain.dispatch import Outcome, Situation, told
from patrol.domain.events import Level
from patrol.domain.incidents import UNREACHED, ClockName, Escalation, EscalationStep, Incident, IncidentState
from patrol.domain.lateness import LateAfter, Lateness, LatenessKind, Way, overdue, straight_way_s, watch_of
from patrol.domain.shortfalls import Shortfall

# What is asked for again and again, and holds up nobody outside (feedback, a second person), is told no farther up.
COUNTS = frozenset(LatenessKind) - {LatenessKind.NO_FEEDBACK, LatenessKind.CLOSING_WAITS_FOR_SECOND_PERSON}
CAUSES_TOLD = 3
REMIND_AT_LAST_EVERY_S = 3600.0
CAUSES_KEPT = 32

_RANK = {step: rank for rank, step in enumerate(EscalationStep)}


Cause = Lateness | Shortfall


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step, so many seconds after the first thing got late."""

    after_s: float
    step: EscalationStep


def _steps(*after_s: float) -> tuple[TimedStep, ...]:
    return tuple(TimedStep(seconds, step) for seconds, step in zip(after_s, EscalationStep, strict=False))


USUAL_STEPS: Mapping[Level, tuple[TimedStep, ...]] = {
    Level.RED: _steps(0.0, 20.0, 45.0),
    Level.YELLOW: _steps(30.0, 60.0, 120.0),
    Level.BLUE: _steps(60.0, 300.0),
    Level.GREEN: _steps(120.0, 600.0),
}
# Of the lesser ones the usual steps are soon enough.
USUAL_ON_SHORTFALL: Mapping[Level, EscalationStep] = {
    Level.RED: EscalationStep.SUPERVISOR,
    Level.YELLOW: EscalationStep.SUPERVISOR,
}


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """When what is late, and what is done about it.

    ``steps``: by level, from below; ``on_shortfall``: the step that is taken at once where no unit can be in time, by
    level; a level that is not there has its usual steps. ``remind_every_s``: how often feedback, or a second person, is
    asked for, by level, ``reminders`` times; after that once in ``REMIND_AT_LAST_EVERY_S``, until it is closed. No
    ``reminders``: never.
    """

    late_after: LateAfter = field(default_factory=LateAfter)
    steps: Mapping[Level, tuple[TimedStep, ...]] = field(default_factory=lambda: USUAL_STEPS)
    on_shortfall: Mapping[Level, EscalationStep] = field(default_factory=lambda: USUAL_ON_SHORTFALL)
    remind_every_s: Mapping[Level, float] = field(
        default_factory=lambda: {Level.RED: 120.0, Level.YELLOW: 300.0, Level.BLUE: 600.0, Level.GREEN: 1200.0}
    )
    reminders: int = 12

    def for_rings(self, rings: Mapping[RingName, Ring]) -> FollowUpPolicy:
        """The same with what each ring says of accepting an order."""
        accept_s = {name: ring.accept_within_s for name, ring in rings.items()}
        return replace(self, late_after=replace(self.late_after, accept_s=accept_s))


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step that is to be taken, since when, and for what."""

    step: EscalationStep
    since: datetime
    causes: tuple[Cause, ...]


def due_steps(
    incident: Incident,
    latenesses: Iterable[Lateness],
    policy: FollowUpPolicy,
    now: datetime,
) -> tuple[DueStep, ...]:
    """The steps that are due and not taken, from below. ``latenesses``: what is late, of this incident or of all.

    That nobody can be there in time is known at once, as it is kept with the incident: waiting mends nothing.

    While nobody has acknowledged the last step, only higher ones are. Once somebody has, what was known then is that
    person's, and only something else that gets late counts: from that on, the last step is due again, then higher ones.
    """
    last, shortfall = incident.standing_escalation, _nobody_in_time(incident)
    causes: list[Cause] = [*_counting(incident, latenesses)]
    if shortfall is not None:
        causes.append(shortfall)
    open_causes = tuple(cause for cause in causes if not _is_acknowledged(cause, last))
    if not incident.is_open or not open_causes:
        return ()
    begun = min(cause.since for cause in open_causes)
    due_at = {timed.step: begun + timedelta(seconds=timed.after_s) for timed in policy.steps.get(incident.level, ())}
    at_once = policy.on_shortfall.get(incident.level)
    if shortfall is not None and shortfall in open_causes and at_once is not None:
        due_at[at_once] = min(shortfall.since, due_at.get(at_once, shortfall.since))
    return tuple(
        DueStep(step, due_at[step], open_causes)
        for step in EscalationStep
        if step in due_at and due_at[step] <= now and _is_news(step, last)
    )


def _counting(incident: Incident, latenesses: Iterable[Lateness]) -> list[Lateness]:
    return [late for late in latenesses if late.incident_id == incident.id and late.kind in COUNTS]


def _nobody_in_time(incident: Incident) -> Shortfall | None:
    """What it does not get, where that is its first crew. That a further one is missing is told no farther up."""
    found = incident.shortfall
    if found is None or incident.state is IncidentState.NEW:
        return found
    return found if found.late_s is not None and incident.state in UNREACHED else None


def _is_acknowledged(cause: Cause, last: Escalation | None) -> bool:
    if last is None or last.taken_on_at is None:
        return False
    # What comes and goes with one order, as its positions do, is no news each time it comes.
    comes_and_goes = isinstance(cause, Shortfall) or cause.order_id is not None
    return cause.since <= last.taken_on_at or (comes_and_goes and cause.key in last.taken_on)


def _is_news(step: EscalationStep, last: Escalation | None) -> bool:
    if last is None:
        return True
    return _RANK[step] >= _RANK[last.step] if last.is_acknowledged else _RANK[step] > _RANK[last.step]


def escalate(
    situation: Situation,
    policy: FollowUpPolicy,
    now: datetime,
    way_s: Way = straight_way_s,
) -> Outcome:
    """Take the highest step that is due, and tell it with the incident. What is late is looked at anew: whoever asks
    may have looked at an earlier life of it."""
    incident = situation.incident
    watch = watch_of(incident, situation.orders)
    late = overdue((watch,), situation.duties, policy.late_after, now, way_s)
    due = due_steps(incident, late, policy, now)
    if not due:
        return Outcome(reason="nothing to escalate")
    taken, last = due[-1], incident.standing_escalation
    in_order = sorted(taken.causes, key=lambda cause: (cause.since, cause.key))
    before = last.causes if last is not None and not last.is_acknowledged else ()
    escalation = Escalation(
        step=taken.step,
        at=now,
        why_zh="；".join(_words(cause)[0] for cause in in_order[:CAUSES_TOLD]),
        why_en="; ".join(_words(cause)[1] for cause in in_order[:CAUSES_TOLD]),
        causes=_together(before, (cause.key for cause in in_order)),
        taken_on=last.taken_on if last is not None else (),
        taken_on_at=last.taken_on_at if last is not None else None,
        life=incident.life,
    )
    return told(Outcome(incident=replace(incident, escalation=escalation), reason="escalated"), now)


def _words(cause: Cause) -> tuple[str, str]:
    """What is said of it in Chinese and in English. How many crews are missing is said by the incident alone."""
    return cause.because if isinstance(cause, Shortfall) and cause.missing else (cause.zh, cause.en)


def _together(before: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *more)))[-CAUSES_KEPT:]


def acknowledge(situation: Situation, operator: str, now: datetime) -> Outcome:
    """An operator has taken on what is late by now: no step is taken for it any more."""
    incident = situation.incident
    last = incident.standing_escalation
    if last is None or last.is_acknowledged or not incident.is_open:
        return Outcome(reason="nothing to acknowledge")
    acknowledged = replace(
        last,
        acknowledged_by=operator,
        acknowledged_at=now,
        taken_on=_together(last.taken_on, last.causes),
        taken_on_at=now,
    )
    return told(Outcome(incident=replace(incident, escalation=acknowledged), reason="acknowledged"), now)


def is_reminder_due(incident: Incident, policy: FollowUpPolicy, now: datetime) -> bool:
    """Whether feedback, or a second person's word, is to be asked for, the first time or again."""
    late_at = _owed_at(incident, policy.late_after)
    if late_at is None or policy.reminders == 0:
        return False
    told_before = incident.reminders_in_life
    if told_before == 0 or incident.reminded_at is None:
        return late_at < now
    every_s = policy.remind_every_s[incident.level]
    if told_before >= policy.reminders:
        every_s = max(every_s, REMIND_AT_LAST_EVERY_S)
    return late_at < now and incident.reminded_at + timedelta(seconds=every_s) <= now


def _owed_at(incident: Incident, late_after: LateAfter) -> datetime | None:
    """By when the room owes it feedback, or the second person's word; None where it owes nothing."""
    if not incident.is_open or incident.due_at is None:
        return None
    if incident.state is IncidentState.HANDLED:
        handled = incident.stamp_in_life(ClockName.HANDLED)
        owes_since = handled.at if handled is not None else incident.life_began_at
        return owes_since + timedelta(seconds=late_after.feedback_s[incident.level])
    if incident.closing is not None:
        return incident.closing.at + timedelta(seconds=late_after.second_person_s)
    return None


def remind(situation: Situation, policy: FollowUpPolicy, now: datetime) -> Outcome:
    """Ask for feedback, or for a second person, once more (催办), with the incident's state.

    No more often than its level says, until it is closed.
    """
    incident = situation.incident
    if not is_reminder_due(incident, policy, now):
        return Outcome(reason="nobody to remind")
    reminded = replace(incident, reminders=incident.reminders_in_life + 1, reminded_at=now)
    return told(Outcome(incident=reminded, reason="reminded"), now)
