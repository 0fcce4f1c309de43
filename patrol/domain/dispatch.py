"""Dispatch: what every order's going on, its silence and its end change. Receipts are taken in receiving.py.

Each function decides on one ``Situation`` and returns an ``Outcome``; the store applies it in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from patrol.domain.camera import Place
from patrol.domain.deeds import Deed
from patrol.domain.errors import IllegalTransition
from patrol.domain.incidents import (
    UNREACHED,
    ClockName,
    Incident,
    IncidentState,
    OrderId,
    OrderLine,
    is_overdue,
    staged,
)
from patrol.domain.messages import Message, incident_message, recall_message
from patrol.domain.orders import PROGRESS, Order, OrderState, in_progress
from patrol.domain.units import ASSIGNABLE, ON_AN_ORDER, UNIT_TRANSITIONS, Unit, UnitId, UnitState, is_on_shift
from patrol.domain.ways import DETOUR_FACTOR as DETOUR_FACTOR

if TYPE_CHECKING:  # a choice is made of duties, and is known here only as what is kept with an outcome
    from patrol.domain.looked import LookedAt

# Clocks of terminals differ a little; one that is farther ahead is not believed.
UNIT_CLOCK_AHEAD = timedelta(seconds=2)
POSITION_IS_NEW = timedelta(seconds=30)

AT_HOME_M = 50.0  # as near as a terminal in a street with high houses can tell

MessageFor = Callable[[Incident], Message]


@dataclass(frozen=True, slots=True)
class Duty:
    """A unit as it is now: what it does, where it was last, for which order.

    ``place``, ``fix_at``: the last position, from wherever; ``accuracy_m``: how far off that may be, if it says so.
    ``had_fix``: it has sent positions by itself, not only with receipts. ``fix_id``: the position looked at last.
    ``jumped_to``, ``jumped_at``: one too far away to be believed, until a second agrees with it (fixes.py).
    ``returning_since``: while it is. ``told_on_shift``: an operator has set its state, while its shift held or did
    not; that stands until the shift is another (duties.py). ``called_in``: it was off duty when it was sent.
    """

    unit: Unit
    state: UnitState = UnitState.AVAILABLE
    place: Place | None = None
    fix_at: datetime | None = None
    order_id: OrderId | None = None
    accuracy_m: float | None = None
    had_fix: bool = False
    fix_id: str | None = None
    jumped_to: Place | None = None
    jumped_at: datetime | None = None
    returning_since: datetime | None = None
    told_on_shift: bool | None = None
    called_in: bool = False

    @property
    def where(self) -> Place:
        """Its last known position, else its home post."""
        return self.place or self.unit.home

    def has_new_fix(self, at: datetime) -> bool:
        """Whether where it was at ``at`` is known, by a position no older than ``POSITION_IS_NEW``."""
        return self.fix_at is not None and self.fix_at >= at - POSITION_IS_NEW

    @property
    def is_free(self) -> bool:
        """It may be sent: it waits, or is on its way back."""
        return self.state in ASSIGNABLE

    @property
    def is_on_order(self) -> bool:
        """It was sent, and is not done."""
        return self.order_id is not None or self.state in ON_AN_ORDER

    @property
    def is_home(self) -> bool:
        """It stands at its home post, as far as anybody knows."""
        return self.where.distance_m(self.unit.home) <= AT_HOME_M

    def to(self, state: UnitState) -> Duty:
        """This duty in ``state``. Raises IllegalTransition if the table does not hold that step."""
        if state not in UNIT_TRANSITIONS[self.state]:
            raise IllegalTransition(f"unit {self.unit.id}: {self.state} -> {state}")
        return replace(self, state=state, returning_since=None)

    def ordered(self, order_id: OrderId) -> Duty:
        """This duty, sent with that order. Raises IllegalTransition."""
        called_in = self.called_in or self.state is UnitState.OFF_DUTY
        return replace(self.to(UnitState.ASSIGNED), order_id=order_id, called_in=called_in)

    def released(self, now: datetime) -> Duty:
        """As it is once its order is over: off duty if its shift is, available if it stands at home, else returning.

        One that an operator keeps on duty after its shift stays on duty; one that was called in, off duty as it was
        by its shift or by an operator's word, is off duty again while that holds.
        """
        freed = replace(self, order_id=None, called_in=False)
        if self.state not in ON_AN_ORDER:
            return freed
        is_on = is_on_shift(self.unit, now)
        operators_word_stands = self.told_on_shift == is_on
        if self.called_in if operators_word_stands else not is_on:
            return freed.to(UnitState.OFF_DUTY)
        if self.is_home:
            return freed.to(UnitState.AVAILABLE)
        return replace(freed.to(UnitState.RETURNING), returning_since=now)

    def placed_as(self, other: Duty) -> Duty:
        """This duty, with the position of another look at the same unit, and nothing else of it."""
        return replace(
            self,
            place=other.place,
            fix_at=other.fix_at,
            accuracy_m=other.accuracy_m,
            had_fix=other.had_fix,
            fix_id=other.fix_id,
            jumped_to=other.jumped_to,
            jumped_at=other.jumped_at,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision on one incident looks at. ``orders``: all of this incident, oldest first.

    ``cause``: the id of the message that asks for the decision; None where a person or a clock does.
    """

    incident: Incident
    orders: tuple[Order, ...]
    duties: tuple[Duty, ...]
    cause: str | None = None

    def duty_of(self, unit_id: UnitId) -> Duty | None:
        """The duty of one unit."""
        return next((duty for duty in self.duties if duty.unit.id == unit_id), None)

    @property
    def of_this_life(self) -> tuple[Order, ...]:
        """The orders since the incident was opened, or opened again."""
        return tuple(order for order in self.orders if order.life == self.incident.life)

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """The orders that units still have to do with, the one that is farthest first."""
        return in_progress(self.of_this_life)

    @property
    def crew_is_out(self) -> bool:
        """Whether a crew has an open order, accepted or not. A drone sees, and handles nothing."""
        return any(not order.is_drone for order in self.open_orders)

    @property
    def crews(self) -> int:
        """How many crews are on it, those left out of which nothing has been heard in time."""
        return sum(not order.is_drone and order.state is not OrderState.DOUBTED for order in self.open_orders)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision changes, all at once; only what differs is listed. ``reason``: why, for log and metric.

    ``looked_at``: of a choice of units, all that it looked at, told with one of its outcomes.
    ``deed``: what a person did, where one decided.
    """

    incident: Incident | None = None
    orders: tuple[Order, ...] = ()
    duties: tuple[Duty, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = "nothing to do"
    looked_at: LookedAt | None = None
    deed: Deed | None = None

    def done_by(self, deed: Deed) -> Outcome:
        """With whose deed it is; what changes nothing is nobody's."""
        return replace(self, deed=deed) if self.incident is not None or self.orders else self


_ONE_MORE = ("unit_not_moving", "position_silent", "arrival_will_miss_target")  # of a lateness's key


def wants_one_more(incident: Incident) -> bool:
    """Whether one crew more is wanted, as one on its way was told to be late, or is not heard of, and none is there."""
    last = incident.standing_escalation
    if last is None or incident.state not in UNREACHED:
        return False
    return any(cause.partition("/")[0] in _ONE_MORE for cause in last.causes)


def travel_time_s(duty: Duty, destination: Place) -> float:
    """Expected seconds from being ordered to being there: mobilisation, then the way at the unit's speed."""
    way_m = duty.where.distance_m(destination) * DETOUR_FACTOR
    return duty.unit.mobilise_s + way_m / duty.unit.speed_m_s


_DUTY_STATE: Mapping[OrderState, UnitState] = {
    OrderState.ACCEPTED: UnitState.ASSIGNED,
    OrderState.EN_ROUTE: UnitState.EN_ROUTE,
    OrderState.ON_SCENE: UnitState.ON_SCENE,
}


def advance(
    situation: Situation,
    order: Order,
    duty: Duty | None,
    stamp: tuple[ClockName, datetime, str],
    crews_wanted: int,
    now: datetime,
) -> Outcome:
    """An order goes on, and its unit with it; both as they are then.

    ``crews_wanted``: once so many have accepted, whoever has not answered yet is called back.
    """
    moved = with_orders(situation, (order,))
    incident = situation.incident
    if not order.is_drone:  # it sees, it handles nothing
        incident = incident.stamped(*stamp)
    incident = in_state_of(incident, moved.of_this_life)
    if wants_one_more(situation.incident) and not wants_one_more(incident):  # somebody is there
        crews_wanted -= 1
    over = _no_longer_needed(moved, crews_wanted)
    after = with_orders(moved, over)
    incident = short_of(incident, after, crews_wanted)
    incident = replace(incident, overdue=is_overdue(incident, now))
    return told(
        Outcome(
            incident=incident,
            orders=(order, *over),
            duties=(*((duty,) if duty else ()), *freed(situation, over, now)),
            reason=order.state.value,
        ),
        now,
        tuple(partial(_recall, ended, _WHY_OVER[ended.state], now) for ended in over),
        cause=situation.cause,
    )


def short_of(incident: Incident, after: Situation, crews_wanted: int) -> Incident:
    """The incident with how many crews it wants beside those that are on it after a decision."""
    return replace(incident, crews_missing=max(0, crews_wanted - after.crews))


_WHY_OVER: Mapping[OrderState, str] = {OrderState.EXPIRED: "expired", OrderState.RECALLED: "not_needed"}


def _no_longer_needed(situation: Situation, crews_wanted: int) -> tuple[Order, ...]:
    """The orders as they are once they are taken back, as others have accepted, or have done it already."""
    crews = [order for order in situation.of_this_life if not order.is_drone]
    if any(order.state is OrderState.DONE for order in crews):
        waiting = {order for order in situation.open_orders if order.state is not OrderState.ON_SCENE}
    elif sum(order.is_open and PROGRESS[order.state] > 0 for order in crews) >= crews_wanted:
        # Whom a dispatcher sent stays until it is done, or a person takes it back.
        unanswered = (order for order in crews if order.is_open and PROGRESS[order.state] == 0)
        waiting = {order for order in unanswered if order.ordered_by is None}
    else:
        return ()
    return tuple(
        replace(order, state=OrderState.EXPIRED if order.state is OrderState.DOUBTED else OrderState.RECALLED)
        for order in situation.open_orders
        if order in waiting
    )


def with_orders(situation: Situation, changed: Sequence[Order]) -> Situation:
    """The situation with these orders as they are now; new ones come last."""
    by_id = {order.id: order for order in (*situation.orders, *changed)}
    return replace(situation, orders=tuple(by_id.values()))


_STATE_OF: Mapping[OrderState, IncidentState] = {
    OrderState.SENT: IncidentState.ORDERED,
    OrderState.DOUBTED: IncidentState.ORDERED,
    OrderState.ACCEPTED: IncidentState.ACCEPTED,
    OrderState.EN_ROUTE: IncidentState.EN_ROUTE,
    OrderState.ON_SCENE: IncidentState.ON_SCENE,
    OrderState.DONE: IncidentState.HANDLED,
}


def in_state_of(incident: Incident, orders: Sequence[Order]) -> Incident:
    """The incident is as far as the crew that is farthest. Raises IllegalTransition if it cannot be.

    Where nobody is left what it was short of is over: it is short of its first crew from now on.
    """
    crews = [order for order in orders if not order.is_drone and order.state in PROGRESS]
    farthest = max(crews, key=lambda order: PROGRESS[order.state], default=None)
    state = _STATE_OF[farthest.state] if farthest else IncidentState.NEW
    if state is incident.state:
        return incident
    return replace(incident.to(state), shortfall=None if state is IncidentState.NEW else incident.shortfall)


def freed(situation: Situation, orders: Sequence[Order], now: datetime) -> tuple[Duty, ...]:
    """The units of orders that are over, free again."""
    duties = (situation.duty_of(order.unit_id) for order in orders)
    return tuple(duty.released(now) for duty in duties if duty)


def in_order_state(duty: Duty, order: Order, now: datetime) -> Duty:
    """A unit as it is once its order has gone on; of one that is on another order, nothing changes.

    Raises IllegalTransition.
    """
    if duty.order_id != order.id:
        return duty
    return duty.released(now) if order.state is OrderState.DONE else duty.to(_DUTY_STATE[order.state])


def doubt(situation: Situation, accept_within_s: float, crews_wanted: int, now: datetime) -> Outcome:
    """Doubt the orders that their units have not accepted in time.

    They stay, as back-ups: another unit is sought for each that is wanted, and whoever accepts first goes.
    """
    late = tuple(order for order in situation.open_orders if is_silent(order, accept_within_s, now))
    if not late:
        return Outcome(reason="nothing waits")
    doubted = tuple(replace(order, state=OrderState.DOUBTED, doubted_at=now) for order in late)
    incident = short_of(situation.incident, with_orders(situation, doubted), crews_wanted)
    return told(Outcome(incident=incident, orders=doubted, reason="doubted"), now)


def is_silent(order: Order, accept_within_s: float, now: datetime) -> bool:
    """Whether its unit has let the time pass in which it should have accepted."""
    return order.state is OrderState.SENT and now >= order.sent_at + timedelta(seconds=accept_within_s)


def give_up(situation: Situation, unanswered_after_s: float, now: datetime) -> Outcome:
    """Take doubted orders back that were never answered: nobody else came, and their units are free again.

    Until then each was the only hope of its incident; from then on its unit is asked as any other, here or elsewhere.
    """
    ended = tuple(
        replace(order, state=OrderState.EXPIRED)
        for order in situation.open_orders
        if is_unanswered(order, unanswered_after_s, now)
    )
    if not ended:
        return Outcome(reason="nothing waits")
    after = with_orders(situation, ended)
    return told(
        Outcome(
            incident=in_state_of(situation.incident, after.of_this_life),
            orders=ended,
            duties=freed(situation, ended, now),
            reason="unanswered",
        ),
        now,
        tuple(partial(_recall, order, _WHY_OVER[order.state], now) for order in ended),
    )


def is_unanswered(order: Order, unanswered_after_s: float, now: datetime) -> bool:
    """Whether its unit has been doubted for so long that it is not to be tied to the order any longer."""
    if order.state is not OrderState.DOUBTED or order.doubted_at is None:
        return False
    return now >= order.doubted_at + timedelta(seconds=unanswered_after_s)


def mark_overdue(situation: Situation, now: datetime) -> Outcome:
    """Flag an incident whose response target has passed with no unit on scene; once."""
    incident = situation.incident
    if incident.overdue or not is_overdue(incident, now):
        return Outcome(reason="not overdue")
    return told(Outcome(incident=replace(incident, overdue=True), reason="overdue"), now)


def display(situation: Situation, seat: str, now: datetime) -> Outcome:
    """A person's screen has shown the incident (t4); later seats change nothing."""
    incident = situation.incident.stamped(ClockName.DISPLAYED, now, seat)
    if incident is situation.incident:
        return Outcome(reason="already displayed")
    return told(Outcome(incident=incident, reason="displayed"), now, cause=situation.cause)


def _recall(order: Order, reason: str, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, reason, now)


def told(outcome: Outcome, now: datetime, more: Sequence[MessageFor] = (), cause: str | None = None) -> Outcome:
    """The outcome with its messages: each takes the incident's next sequence number. ``cause``: see Situation.

    What is over in it ended now.
    """
    assert outcome.incident is not None
    incident = (
        staged(outcome.incident, now)
        .settled()
        .listing(
            OrderLine(order.id, order.unit_id, order.state)
            for order in outcome.orders
            if order.life == outcome.incident.life
        )
    )
    messages: list[Message] = []
    tell_state: MessageFor = partial(_state, now, cause)
    for message_for in (tell_state, *more):
        incident = replace(incident, sequence=incident.sequence + 1)
        messages.append(message_for(incident))
    kept = tuple(order.ended_by(now) for order in outcome.orders)
    return replace(outcome, incident=incident, orders=kept, messages=tuple(messages))


def _state(now: datetime, cause: str | None, incident: Incident) -> Message:
    return incident_message(incident, now, cause)


def called_back(situation: Situation, now: datetime) -> tuple[tuple[Order, ...], tuple[Duty, ...]]:
    """The open orders as they are once they are taken back, and the units that are free then."""
    recalled = tuple(replace(order, state=OrderState.RECALLED) for order in situation.orders if order.is_open)
    return recalled, freed(situation, recalled, now)
