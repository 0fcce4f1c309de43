"""Auditing: is every accepted alert moving? Decided from what the store says is where, and since when."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.board import Sending, anyone_free
from patrol.domain.camera import Ring, RingName
from patrol.domain.dispatch import Duty, Situation
from patrol.domain.escalating import DueStep, FollowUpPolicy, due_steps
from patrol.domain.events import Level
from patrol.domain.incidents import EscalationStep, Incident, IncidentId, IncidentState, is_overdue
from patrol.domain.lateness import Lateness, LatenessKind, Watch, has_no_clock, overdue
from patrol.domain.orders import Order, OrderState
from patrol.domain.restoring import SHOWN_FOR, Restoration

# The auditor looks every two seconds; when it has not for so long, nobody watches.
SILENT_AFTER_S = 15.0


class FindingKind(StrEnum):
    """What does not move. Closed set: also the metric's label."""

    UNPUBLISHED = "unpublished"  # an alert or an order that Redis has not got
    UNHANDLED = "unhandled"  # dispatch has not taken an alert, and nobody was sent
    UNDISPATCHED = "undispatched"  # dispatch has taken it, nobody was sent, and a unit is free
    NOT_FOLLOWED_UP = "not_followed_up"  # an order stays silent, or a target has passed, and nothing was done
    NOT_ESCALATED = "not_escalated"  # something is late for so long that it was to be told farther up, and was not
    NO_CLOCK = "no_clock"  # an incident is open, and nothing is waited for: nobody would ever come back to it
    OUTBOX_OLD = "outbox_old"  # something waits in the outbox for too long
    DEAD_LETTERS = "dead_letters"  # messages that could not be handled wait for a person
    RESTORED = "restored"  # the store was put back to an older state, and brought up to date from the queue


# What the store says in one look may be younger than it seems: a receipt that comes late tells of an earlier time. So
# these are told once two looks have found them, which leaves the follow-up a tick between.
SEEN_TWICE = frozenset({FindingKind.NOT_ESCALATED, FindingKind.NO_CLOCK})

# Where a unit will be is no fact to hold against anybody.
_FORECASTS = frozenset({LatenessKind.ARRIVAL_WILL_MISS_TARGET})
_STEPS_ZH = {
    EscalationStep.NEXT_UNIT: "增派下一组",
    EscalationStep.SUPERVISOR: "报值班领导",
    EscalationStep.ROOM: "全室盯办",
}

# Through the queue it takes less than a second, from the store 2 s and a tick.
SENT_WITHIN_S = {Level.RED: 5.0, Level.YELLOW: 8.0, Level.BLUE: 15.0, Level.GREEN: 30.0}


@dataclass(frozen=True, slots=True)
class AuditBounds:
    """How long a step may take before it is a finding, seconds. ``*_after_fault_s`` hold while a fault is recent."""

    published_s: float = 1.0
    published_after_fault_s: float = 10.0
    sent_s: Mapping[Level, float] = field(default_factory=lambda: SENT_WITHIN_S)
    sent_more_after_fault_s: float = 10.0
    followed_up_s: float = 5.0
    followed_up_after_fault_s: float = 15.0
    escalated_s: float = 10.0
    escalated_after_fault_s: float = 20.0
    outbox_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A message about an alert or an order that waits in the outbox. ``level``: where its stream tells it."""

    message_id: str
    incident_id: IncidentId
    level: Level | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open incident that is new: no crew is sent. ``taken``: dispatch has stored the effect of one of its alerts."""

    situation: Situation
    taken: bool


@dataclass(frozen=True, slots=True)
class AuditView:
    """What is where since when, in one look at the store. Each list may be cut: the most urgent, or oldest, are in it.

    ``disturbed``: a fault was seen lately. ``silent``: open orders that were sent and not accepted, with their
    incidents. ``not_marked``: open incidents whose target has passed and that are not flagged as overdue.
    ``dead_letters``: None while Redis does not say. ``restoration``: that a backup was put back, lately. ``watches``:
    open incidents that units are sent to; ``duties``: what all units do.
    """

    at: datetime
    disturbed: bool
    unpublished: tuple[Unpublished, ...]
    outbox_oldest: datetime | None
    waiting: tuple[Waiting, ...]
    silent: tuple[tuple[Order, Incident], ...]
    not_marked: tuple[Incident, ...]
    dead_letters: int | None
    restoration: Restoration | None = None
    watches: tuple[Watch, ...] = ()
    duties: tuple[Duty, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not move. ``subject``: the incident's, message's or order's id, or what else it is about.

    ``words_zh``, ``words_en`` say what it is and name the incident; how long, the reader works out from ``since``.
    """

    kind: FindingKind
    subject: str
    incident_id: IncidentId | None
    level: Level | None
    since: datetime
    words_zh: str
    words_en: str


@dataclass(frozen=True, slots=True)
class Audit:
    """One look of the auditor: when, and what it found, the most urgent first. ``count``: of all, also those cut."""

    at: datetime
    findings: tuple[Finding, ...]
    count: int


def audit(
    view: AuditView,
    rings: Mapping[RingName, Ring],
    bounds: AuditBounds,
    before: Sequence[Finding] = (),
    *,
    policy: FollowUpPolicy | None = None,
    sending: Sending | None = None,
) -> tuple[Finding, ...]:
    """All findings of one look, the most urgent first. ``before``: those of the last look, for what has no date.

    Those that ``SEEN_TWICE`` lists are sure once the look before has found them, too. ``sending``: what dispatch goes
    by, so that a unit it keeps back is not taken for free.
    """
    policy = (policy or FollowUpPolicy()).for_rings(rings)
    sending = sending or Sending()
    found = (
        *_unpublished(view, bounds),
        *_not_sent(view, rings, bounds, sending),
        *_silent(view, rings, bounds),
        *_not_marked(view, bounds),
        *_not_escalated(view, bounds, policy),
        *_without_clock(view, policy, before),
        *_outbox(view, bounds),
        *_dead_letters(view, before),
        *_restored(view),
    )
    return tuple(sorted(found, key=lambda one: (one.level.rank if one.level else len(Level), one.since)))


def silent_since(last: datetime, now: datetime) -> datetime | None:
    """Since when the auditor is silent, if it is. ``last``: when it last looked, or when somebody began to wait."""
    return last if (now - last).total_seconds() > SILENT_AFTER_S else None


def _unpublished(view: AuditView, bounds: AuditBounds) -> Iterator[Finding]:
    bound_s = bounds.published_after_fault_s if view.disturbed else bounds.published_s
    for message in view.unpublished:
        if _age_s(view, message.since) > bound_s:
            yield Finding(
                FindingKind.UNPUBLISHED,
                message.message_id,
                message.incident_id,
                message.level,
                message.since,
                f"警情 {message.incident_id}：消息 {message.message_id} 还没有发到 Redis",
                f"incident {message.incident_id}: message {message.message_id} has not reached Redis",
            )


def _not_sent(
    view: AuditView, rings: Mapping[RingName, Ring], bounds: AuditBounds, sending: Sending
) -> Iterator[Finding]:
    late = [waiting for waiting in view.waiting if _is_unsent_for_too_long(waiting, view, rings, bounds)]
    for waiting in _those_who_could_have_somebody(late, view, sending):
        incident = waiting.situation.incident
        since = _unsent_since(waiting.situation, rings[incident.ring])
        yield _about(
            FindingKind.UNDISPATCHED if waiting.taken else FindingKind.UNHANDLED,
            incident,
            since,
            "没有派警，而有空闲警力" + ("" if waiting.taken else "；派警还没有收到它的预警"),
            "nobody was sent, and a unit is free" + ("" if waiting.taken else "; dispatch has not taken its alert"),
        )


def _is_unsent_for_too_long(
    waiting: Waiting, view: AuditView, rings: Mapping[RingName, Ring], bounds: AuditBounds
) -> bool:
    incident = waiting.situation.incident
    since = _unsent_since(waiting.situation, rings[incident.ring])
    bound_s = bounds.sent_s[incident.level] + (bounds.sent_more_after_fault_s if view.disturbed else 0.0)
    nobody_sent = incident.state is IncidentState.NEW and not waiting.situation.crew_is_out
    return nobody_sent and _age_s(view, since) > bound_s


def _those_who_could_have_somebody(late: Sequence[Waiting], view: AuditView, sending: Sending) -> Iterator[Waiting]:
    """The others wait for a reason that is stated: the shortfall is counted, and people see it.

    Of those that are alike in all but their place one is asked for all: a straight line leads everywhere.
    """
    known: dict[Hashable, bool] = {}
    for waiting in late:
        kind = _kind_of(waiting.situation)
        if kind not in known:
            known[kind] = anyone_free(waiting.situation, sending, view.at)
        if known[kind]:
            yield waiting


def _kind_of(situation: Situation) -> Hashable:
    incident = situation.incident
    asked = frozenset((order.unit_id, order.state, order.recalled_by) for order in situation.of_this_life)
    told = incident.kind, incident.level, incident.ring, incident.simulated, incident.held_until, incident.urged_at
    return (*told, asked)


def _unsent_since(situation: Situation, ring: Ring) -> datetime:
    """Since when no crew is on the way, and one may be: since the last one's order was over, say."""
    incident = situation.incident
    ended = [order.over_at(ring.accept_within_s) for order in situation.orders if not order.is_drone]
    not_before = [] if incident.held_until is None else [incident.held_until]
    return max([incident.life_began_at, *not_before, *ended])


def _silent(view: AuditView, rings: Mapping[RingName, Ring], bounds: AuditBounds) -> Iterator[Finding]:
    for order, incident in view.silent:
        due_at = order.sent_at + timedelta(seconds=rings[incident.ring].accept_within_s)
        if order.state is OrderState.SENT and _age_s(view, due_at) > _followed_up_s(view, bounds):
            yield _about(
                FindingKind.NOT_FOLLOWED_UP,
                incident,
                due_at,
                f"警力 {order.unit_id} 没有签收，没有人跟进",
                f"unit {order.unit_id} has not accepted, and nobody followed that up",
            )


def _not_marked(view: AuditView, bounds: AuditBounds) -> Iterator[Finding]:
    grace = timedelta(seconds=_followed_up_s(view, bounds))
    for incident in view.not_marked:
        if incident.response_due_at is not None and not incident.overdue and is_overdue(incident, view.at - grace):
            yield _about(
                FindingKind.NOT_FOLLOWED_UP,
                incident,
                incident.response_due_at,
                "已超过到场时限，没有盯办",
                "its response target has passed, and nobody followed it up",
            )


def _not_escalated(view: AuditView, bounds: AuditBounds, policy: FollowUpPolicy) -> Iterator[Finding]:
    grace_s = bounds.escalated_after_fault_s if view.disturbed else bounds.escalated_s
    then = view.at - timedelta(seconds=grace_s)
    late = [one for one in overdue(view.watches, view.duties, policy.late_after, then) if one.kind not in _FORECASTS]
    by_incident: dict[IncidentId, list[Lateness]] = {}
    for one in late:
        by_incident.setdefault(one.incident_id, []).append(one)
    for watch in view.watches:
        due = due_steps(watch.incident, by_incident.get(watch.incident.id, ()), policy, then)
        if due:
            yield _step_not_taken(watch.incident, due[-1])


def _step_not_taken(incident: Incident, due: DueStep) -> Finding:
    first = min(due.causes, key=lambda cause: (cause.since, cause.key))
    return _about(
        FindingKind.NOT_ESCALATED,
        incident,
        due.since,
        f"该升级（{_STEPS_ZH[due.step]}）而没有升级：{first.zh}",
        f"was to be told farther up ({due.step.value}), and was not: {first.en}",
    )


def _without_clock(view: AuditView, policy: FollowUpPolicy, before: Sequence[Finding]) -> Iterator[Finding]:
    known = {one.subject: one.since for one in before if one.kind is FindingKind.NO_CLOCK}
    duties = {duty.unit.id: duty for duty in view.duties}
    for watch in view.watches:
        if has_no_clock(watch, duties, policy.late_after):
            incident = watch.incident
            yield _about(
                FindingKind.NO_CLOCK,
                incident,
                known.get(incident.id, view.at),
                "没有结案，却什么也不在等：不会再有人盯办",
                "is open and waits for nothing: nobody will come back to it",
            )


def _outbox(view: AuditView, bounds: AuditBounds) -> Iterator[Finding]:
    oldest = view.outbox_oldest
    if oldest is not None and _age_s(view, oldest) > bounds.outbox_s:
        words = "发件箱里有消息一直没有发出", "something in the outbox is not published"
        yield Finding(FindingKind.OUTBOX_OLD, "outbox", None, None, oldest, *words)


def _dead_letters(view: AuditView, before: Sequence[Finding]) -> Iterator[Finding]:
    known = next((one for one in before if one.kind is FindingKind.DEAD_LETTERS), None)
    if view.dead_letters is None:  # nobody knows; what was there is there
        yield from () if known is None else (known,)
    elif view.dead_letters:
        since = known.since if known else view.at
        words = f"{view.dead_letters} 条死信等人处理", f"{view.dead_letters} dead letters wait for a person"
        yield Finding(FindingKind.DEAD_LETTERS, "patrol:dead", None, None, since, *words)


def _restored(view: AuditView) -> Iterator[Finding]:
    done = view.restoration
    if done is None or view.at - done.at > SHOWN_FOR:
        return
    back_to = done.back_to.isoformat(timespec="seconds") if done.back_to else "—"
    zh = (
        f"数据库是 {back_to} 的旧备份；由队列找回警情 {done.incidents} 起、预警 {done.alerts} 条、指令 {done.orders} 条"
    )
    en = (
        f"the database is a backup of {back_to}; from the queue came back {done.incidents} incidents,"
        f" {done.alerts} alerts and {done.orders} orders"
    )
    if done.refused:
        zh, en = f"{zh}；{done.refused} 起读不出来", f"{en}; {done.refused} could not be read"
    if not done.complete:
        zh += "；队列里的消息已不完整，缺了哪些无从得知"
        en += "; the queue had no longer all of it, and what is missing nobody can say"
    yield Finding(FindingKind.RESTORED, "store", None, None, done.at, zh, en)


def _followed_up_s(view: AuditView, bounds: AuditBounds) -> float:
    return bounds.followed_up_after_fault_s if view.disturbed else bounds.followed_up_s


def _age_s(view: AuditView, since: datetime) -> float:
    return (view.at - since).total_seconds()


def _about(kind: FindingKind, incident: Incident, since: datetime, zh: str, en: str) -> Finding:
    return Finding(
        kind,
        incident.id,
        incident.id,
        incident.level,
        since,
        f"警情 {incident.id}（{incident.camera_name}）：{zh}",
        f"incident {incident.id} ({incident.camera_name_en}): {en}",
    )
