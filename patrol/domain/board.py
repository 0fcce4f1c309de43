"""The board (派警台): all that dispatch decides on at once, and what becomes of it.

Pure, as a decision on one incident is; the store applies all its outcomes in one transaction. Who goes where is chosen
in choosing.py; here choices become orders, and what they take from other incidents is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from patrol.domain.choosing import Choice, Choices, Commitment, Policy, Want
from patrol.domain.confirmation import ConfirmPolicy, is_held
from patrol.domain.dispatch import (
    Duty,
    MessageFor,
    Outcome,
    Situation,
    in_state_of,
    told,
    wants_one_more,
    with_orders,
)
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import FixSettings, Freshness, Whereabouts, staleness
from patrol.domain.incidents import UNREACHED, ClockName, Incident, IncidentId, IncidentState, OrderId
from patrol.domain.looked import LookedAt, choices_of, streets_to, went_by
from patrol.domain.messages import Message, order_message, recall_message
from patrol.domain.orders import Order, OrderState
from patrol.domain.shortfalls import Shortfall, ShortfallReason, Soonest, carried_on, is_news, shortfall
from patrol.domain.turns import Turn, in_turn, urgency
from patrol.domain.units import UnitId
from patrol.domain.wants import Needs
from patrol.domain.ways import Way, Ways

PRE_EMPTED = "pre_empted"
SHORT = "short"


@dataclass(frozen=True, slots=True)
class Crews:
    """How many crews each level wants; of a level that is left out, one."""

    by_level: Mapping[Level, int] = field(default_factory=dict)

    def of(self, incident: Incident) -> int:
        """How many this incident wants in all; none where no unit is awaited, or once it is handled."""
        if incident.due_at is None or incident.state in (IncidentState.HANDLED, IncidentState.CLOSED):
            return 0
        return self.by_level.get(incident.level, 1) + wants_one_more(incident)


@dataclass(frozen=True, slots=True)
class Board:
    """``situations``: each incident that wants units, or that has one under way, with all its orders."""

    situations: tuple[Situation, ...]
    duties: tuple[Duty, ...]

    def of(self, incident_id: IncidentId) -> Situation:
        """The situation of one incident. Raises KeyError."""
        for situation in self.situations:
            if situation.incident.id == incident_id:
                return situation
        raise KeyError(incident_id)

    def duty_of(self, unit_id: UnitId) -> Duty:
        """What one unit does. Raises KeyError."""
        for duty in self.duties:
            if duty.unit.id == unit_id:
                return duty
        raise KeyError(unit_id)


@dataclass(frozen=True, slots=True)
class Sending:
    """What sending goes by. ``confirm``: what waits for a person's word before a unit is sent.

    ``positions``: how old where a unit is may be. ``unanswered_after_s``: how long a doubted order may tie its unit.
    ``needs``: what each crew must have, by kind; of one that is left out, nothing.
    """

    crews: Crews = field(default_factory=Crews)
    policy: Policy = field(default_factory=Policy)
    confirm: ConfirmPolicy = field(default_factory=ConfirmPolicy)
    positions: FixSettings = field(default_factory=FixSettings)
    unanswered_after_s: float = 120.0
    needs: Mapping[Kind, Needs] = field(default_factory=dict)


def missing(situation: Situation, crews: Crews) -> int:
    """How many crews an incident wants beside those that are on it."""
    return max(0, crews.of(situation.incident) - situation.crews)


def wanting(situation: Situation, incident: Incident, crews: Crews) -> Incident:
    """What has become of a situation's incident, with how many crews it wants beside those that are on it."""
    return replace(incident, crews_missing=missing(replace(situation, incident=incident), crews))


def first_if_late(situation: Situation, incident: Incident, now: datetime) -> Soonest | None:
    """The crew under way that is to be there first, where it is to be late; by the incident's target as it is now."""
    going = [order for order in situation.open_orders if not order.is_drone]
    first = min(going, key=lambda order: order.expected_at, default=None)
    duty = situation.duty_of(first.unit_id) if first is not None else None
    if first is None or duty is None or incident.due_at is None or first.expected_at <= incident.due_at:
        return None
    eta_s, left_s = ((at - now).total_seconds() for at in (first.expected_at, incident.due_at))
    return Soonest(duty.unit.id, duty.unit.name, duty.unit.name_en, eta_s, left_s)


def short_by_target(situation: Situation, incident: Incident, now: datetime) -> Incident:
    """An incident whose target may have changed, as by a merge or a split: whether who is under way is late by that."""
    known, late = incident.shortfall, first_if_late(situation, incident, now)
    is_known = known is not None and known.late_s is not None
    if not situation.crews or incident.state not in UNREACHED or is_known is (late is not None):
        return incident
    if known is not None and known.missing:
        found: Shortfall | None = shortfall(known.reason, known.missing, now, late)
    else:
        found = None if late is None else shortfall(ShortfallReason.NOBODY_IN_TIME, 0, now, late)
    return replace(incident, shortfall=carried_on(found, known))


def want_of(situation: Situation, sending: Sending) -> Want:
    """What an incident wants, as choosing sees it; also one that wants nothing, but may lose what it has.

    Who refused is not asked again, unless another camera has told of something red since; whom a person took back is
    not, unless a person sends it again.
    """
    incident = situation.incident
    assert incident.due_at is not None
    since = incident.urged_at
    wants, needs = missing(situation, sending.crews), sending.needs.get(incident.kind, Needs())
    orders = [order for order in situation.of_this_life if since is None or order.sent_at >= since or order.is_open]
    return Want(
        incident_id=incident.id,
        level=incident.level,
        ring=incident.ring,
        place=incident.place,
        due_at=incident.due_at,
        crews=wants,
        wants_drone=wants > 0 and not any(order.is_drone for order in situation.of_this_life),
        simulated=incident.simulated,
        capabilities=needs.capabilities,
        tried={order.unit_id: order.state for order in orders},
        opened_at=incident.accepted_at,
        crews_on_it=situation.crews,
        arrives_at=_arrivals(situation),
        crew_at_least=needs.crew_at_least,
        taken_back=_taken_back(situation),
    )


def _taken_back(situation: Situation) -> frozenset[UnitId]:
    """The units that a person took back from it, and no person has sent to it since."""
    found: set[UnitId] = set()
    for order in situation.of_this_life:
        if order.ordered_by is not None:
            found.discard(order.unit_id)
        if order.recalled_by is not None:
            found.add(order.unit_id)
    return frozenset(found)


def _arrivals(situation: Situation) -> Mapping[UnitId, datetime]:
    """When each crew on it is to be there, by its order; nothing once one is."""
    if any(order.state is OrderState.ON_SCENE for order in situation.open_orders if not order.is_drone):
        return {}
    return {
        order.unit_id: order.sent_at + timedelta(seconds=order.eta_s)
        for order in situation.open_orders
        if not order.is_drone and order.state is not OrderState.DOUBTED
    }


def commitments(situations: Iterable[Situation]) -> Mapping[UnitId, Commitment]:
    """What each unit is on that has an open order. What a dispatcher ordered is left out: that is never taken away."""
    return {
        order.unit_id: Commitment(
            situation.incident.id,
            situation.incident.level,
            order.state,
            situation.incident.ring,
            doubted=order.state is OrderState.DOUBTED,
        )
        for situation in situations
        for order in situation.open_orders
        if order.ordered_by is None
    }


def choices_for(board: Board, ways: Ways, sending: Sending, now: datetime) -> Choices:
    """Who would be sent where now, to those of all that wait whose turn it is, and what each does not get."""
    return _chosen(board, ways, sending, now)[1]


def _chosen(board: Board, ways: Ways, sending: Sending, now: datetime) -> tuple[LookedAt, Choices]:
    waiting = {each.incident.id for each in board.situations if waits(each, sending, now)}
    served = [each for each in board.situations if each.open_orders and each.incident.id not in waiting]
    asked = [want_of(each, sending) for each in board.situations if each.incident.id in waiting]
    turns = list(in_turn(asked, board.duties))
    in_front = sorted((want for turn in turns for want in turn.looked_at), key=urgency)
    # Who stands behind gets nothing now, and may lose what it has.
    behind = (want for turn in turns for want in turn.behind if want.crews_on_it)
    losing = (replace(want, crews=0, wants_drone=False) for want in behind)
    wants = (*in_front, *losing, *(want_of(each, sending) for each in served))
    looked = LookedAt(
        at=now,
        wants=wants,
        duties=board.duties,
        commitments=commitments(board.situations),
        source=ways.source,
        streets=streets_to(wants, ways),
        detour=ways.detour,
        positions=sending.positions,
        policy=sending.policy,
        crews=sending.crews.by_level,
    )
    found = choices_of(looked)
    shortfalls = {**dict(each for turn in turns for each in _behind(turn, found, now)), **found.shortfalls}
    return replace(looked, went=went_by(found)), replace(found, shortfalls=shortfalls)


def _behind(turn: Turn, found: Choices, now: datetime) -> Iterator[tuple[IncidentId, Shortfall]]:
    """Those that nobody has looked at, as others stand before them; none where these get all that they want."""
    if any(want.incident_id in found.shortfalls for want in turn.looked_at):
        for want in turn.behind:
            yield want.incident_id, shortfall(ShortfallReason.BEHIND_OTHERS, want.crews, now)


def send(
    board: Board,
    order_id_for: Callable[[Incident, UnitId], OrderId],
    ways: Ways,
    sending: Sending,
    now: datetime,
    cause: str | None = None,
) -> tuple[Outcome, ...]:
    """Send whom the assignment finds to all that wants units; one outcome for each incident that changes.

    ``cause``: the id of the message that asks for it, see Situation. The first outcome has what was looked at.
    """
    taken: defaultdict[IncidentId, list[UnitId]] = defaultdict(list)
    new: defaultdict[IncidentId, list[Order]] = defaultdict(list)
    looked, choices = _chosen(board, ways, sending, now)
    for choice in choices.chosen:
        incident = board.of(choice.incident_id).incident
        duty = board.duty_of(choice.unit_id)
        new[incident.id].append(
            _order(order_id_for(incident, choice.unit_id), incident, choice, duty, ways, sending.positions, now)
        )
        if choice.takes_from is not None:
            taken[choice.takes_from].append(choice.unit_id)
    short, changing = choices.shortfalls, new.keys() | taken.keys()
    touched = [replace(each, cause=cause) for each in board.situations if each.incident.id in changing]
    # A unit is told that its order is over before it is told of the next.
    touched.sort(key=lambda each: each.incident.id not in taken)
    outcomes = [
        changed(
            each,
            lost_by(each, taken[each.incident.id]),
            new[each.incident.id],
            sending.crews,
            now,
            found=short.get(each.incident.id),
        )
        for each in touched
    ]
    others = [each for each in board.situations if each.incident.id in short.keys() - changing]
    noted = [note_short(replace(each, cause=cause), short[each.incident.id], now) for each in others]
    all_told = [*outcomes, *(outcome for outcome in noted if outcome.incident is not None)]
    return (*(replace(outcome, looked_at=looked) for outcome in all_told[:1]), *all_told[1:])


def note_short(situation: Situation, found: Shortfall, now: datetime) -> Outcome:
    """Tell what an incident to which nobody is sent does not get, where that was not told yet."""
    known = situation.incident.shortfall
    if not is_news(found, known):
        return Outcome(reason="told already")
    short = replace(situation.incident, crews_missing=found.missing, shortfall=carried_on(found, known))
    return told(Outcome(incident=short, reason=SHORT), now, cause=situation.cause)


def anyone_free(situation: Situation, sending: Sending, now: datetime) -> bool:
    """Whether there is a unit that could go to this incident now, were it alone."""
    alone = Board((situation,), situation.duties)
    return bool(choices_for(alone, Ways(), sending, now).chosen)


def waits(situation: Situation, sending: Sending, now: datetime) -> bool:
    """Whether an incident wants a unit now."""
    incident = situation.incident
    return missing(situation, sending.crews) > 0 and is_held(incident, sending.confirm, now) is None


def is_chosen_for(situation: Situation, sending: Sending, now: datetime) -> bool:
    """Whether one more alert of it asks for no choice at once: it wants nobody, is held, or is known to be short.

    Follow-up chooses for all that wait once a second. Red is chosen for at every alert, which may have made it so.
    """
    incident = situation.incident
    until = is_held(incident, sending.confirm, now)
    if until is not None:
        return incident.held_until == until and now < until
    if not missing(situation, sending.crews):
        return True
    short = incident.shortfall
    return short is not None and short.missing > 0 and incident.level is not Level.RED


def lost_by(situation: Situation, units: Collection[UnitId]) -> list[Order]:
    """The orders of these units as they are once they are taken back."""
    return [replace(order, state=OrderState.RECALLED) for order in situation.open_orders if order.unit_id in units]


def changed(
    situation: Situation,
    lost: Sequence[Order],
    new: Sequence[Order],
    crews: Crews,
    now: datetime,
    why_lost: str = PRE_EMPTED,
    found: Shortfall | None = None,
) -> Outcome:
    """What becomes of an incident that loses orders and gets new ones. ``found``: what it still does not get.

    What the units that it loses do from now on is told by the incident that gets them.
    """
    after = with_orders(situation, (*lost, *new))
    incident = in_state_of(situation.incident, after.of_this_life)
    incident = replace(wanting(after, incident, crews), shortfall=carried_on(found, incident.shortfall))
    if any(not order.is_drone for order in new):
        incident = incident.stamped(ClockName.ORDER_SENT, now, new[0].ordered_by or "dispatch")
        incident = replace(incident, held_until=None)  # nobody's word is waited for any more
    messages: list[MessageFor] = [partial(_recall, order, why_lost, now) for order in lost]
    messages += [partial(_tell, order, now, situation.cause) for order in new]
    duties = ((situation.duty_of(order.unit_id), order) for order in new)
    return told(
        Outcome(
            incident=incident,
            orders=(*lost, *new),
            duties=tuple(duty.ordered(order.id) for duty, order in duties if duty is not None),
            reason="ordered" if new else why_lost,
        ),
        now,
        messages,
        cause=situation.cause,
    )


def _recall(order: Order, reason: str, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, reason, now)


def guessed(way: Way) -> tuple[str, str]:
    """What is said, after the seconds, of a way that is only the straight line's although streets are known."""
    return ("", "") if way.fallback is None else ("（直线估算）", " (by the straight line)")


def widened(whereabouts: Whereabouts) -> tuple[str, str]:
    """What is said, after that, of a unit that may have moved away since it last told where it is."""
    if whereabouts.freshness is not Freshness.STALE:
        return "", ""
    return f"；{whereabouts.words_zh}", f"; {whereabouts.words_en}"


def _tell(order: Order, now: datetime, cause: str | None, incident: Incident) -> Message:
    return order_message(order, incident, now, cause)


def _order(
    order_id: OrderId,
    incident: Incident,
    choice: Choice,
    duty: Duty,
    ways: Ways,
    positions: FixSettings,
    now: datetime,
) -> Order:
    guessed_zh, guessed_en = guessed(ways.way(duty, incident.place))
    widened_zh, widened_en = widened(staleness(duty, now, positions))
    return Order(
        id=order_id,
        incident_id=incident.id,
        unit_id=choice.unit_id,
        ring=incident.ring,
        destination=incident.place,
        state=OrderState.SENT,
        sent_at=now,
        eta_s=choice.eta_s,
        target_feasible=choice.target_feasible,
        why_zh=choice.why_zh + guessed_zh + widened_zh,
        why_en=choice.why_en + guessed_en + widened_en,
        candidates=choice.candidates,
        is_drone=choice.is_drone,
        life=incident.life,
    )
