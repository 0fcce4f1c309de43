"""Lateness: everything about open incidents that is late, and since when (盯办).

Each thing that is waited for has a clock of its own: a moment, worked out from what is stored, from which on it is
late. No clock asks another, and none has to be remembered: a process that was away finds what it would have found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.dispatch import DETOUR_FACTOR, Duty
from patrol.domain.events import Level
from patrol.domain.incidents import UNREACHED, ClockName, Incident, IncidentId, IncidentState, OrderId
from patrol.domain.orders import PROGRESS, Order, OrderState
from patrol.domain.shortfalls import clock_text
from patrol.domain.units import UnitId, UnitKind
from patrol.domain.vocabulary import Place, RingName


class LatenessKind(StrEnum):
    """What can be late. Closed set: also the metric's label."""

    ORDER_NOT_ACCEPTED = "order_not_accepted"  # sent, and not accepted within the ring's time
    NOBODY_SENT = "nobody_sent"  # new, a unit is wanted, and no order is open
    UNIT_NOT_MOVING = "unit_not_moving"  # accepted, and not set out when it should have
    ARRIVAL_WILL_MISS_TARGET = "arrival_will_miss_target"  # on its way, and expected after the target
    TARGET_PASSED = "target_passed"  # the response target is over, and nobody is on scene
    POSITION_SILENT = "position_silent"  # on its way, and has stopped telling where it is
    NO_FEEDBACK = "no_feedback"  # handled, and not closed
    NOT_HANDLED = "not_handled"  # on scene for long, and not handled
    CONFIRMATION_WAITS = "confirmation_waits"  # an operator was to decide by now whether a unit is sent
    CLOSING_WAITS_FOR_SECOND_PERSON = "closing_waits_for_second_person"  # one person has closed it, two must


# An alert reaches dispatch through the queue within that time; after it, nobody was sent.
SENT_WITHIN_S = 2.0
SETS_OUT_LATER_S = 10.0  # than its unit's mobilisation says: a receipt takes its time, too
SILENT_AFTER_S = 30.0
# A forecast this little behind the target is as good as in time: positions and speeds are no better.
MISSES_BY_S = 2.0

_KINDS = {kind: rank for rank, kind in enumerate(LatenessKind)}
_ON_THE_WAY = frozenset({OrderState.ACCEPTED, OrderState.EN_ROUTE})


@dataclass(frozen=True, slots=True)
class LateAfter:
    """How long each step may take, seconds. ``accept_s``: until a unit accepts its order, by ring; ``handled_s``: from
    on scene to handled, ``feedback_s``: from handled to closed, both by level; ``second_person_s``: from one person's
    closing to the other's.
    """

    accept_s: Mapping[RingName, float] = field(
        default_factory=lambda: {RingName.CORE: 10.0, RingName.PERIPHERY: 20.0, RingName.FAR: 30.0}
    )
    handled_s: Mapping[Level, float] = field(
        default_factory=lambda: {Level.RED: 1200.0, Level.YELLOW: 1800.0, Level.BLUE: 2700.0, Level.GREEN: 3600.0}
    )
    feedback_s: Mapping[Level, float] = field(
        default_factory=lambda: {Level.RED: 300.0, Level.YELLOW: 600.0, Level.BLUE: 1200.0, Level.GREEN: 1800.0}
    )
    second_person_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Watch:
    """One open incident that units are sent to, as the follow-up looks at it. ``orders``: of its present life.

    ``held_until``: no unit is sent before then, as an operator may still decide; ``closing_since``: one person has
    closed it, and it waits for a second one since then.
    """

    incident: Incident
    orders: tuple[Order, ...]
    held_until: datetime | None = None
    closing_since: datetime | None = None

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Those that a unit still has to do with."""
        return tuple(order for order in self.orders if order.is_open)

    @property
    def crew_is_out(self) -> bool:
        """Whether a crew has an open order, accepted or not. A drone sees, and handles nothing."""
        return any(order.is_open and not order.is_drone for order in self.orders)


def watch_of(incident: Incident, orders: Iterable[Order]) -> Watch:
    """An incident as it is stored. An order of an earlier life is nobody's business any more."""
    of_this_life = tuple(order for order in orders if order.life == incident.life)
    return Watch(incident, of_this_life, incident.held_until, incident.closing.at if incident.closing else None)


@dataclass(frozen=True, slots=True)
class Lateness:
    """One thing that is late from ``since`` on, aware UTC. ``order_id``, ``unit_id``: whose, where it is somebody's."""

    kind: LatenessKind
    incident_id: IncidentId
    since: datetime
    zh: str
    en: str
    order_id: OrderId | None = None
    unit_id: UnitId | None = None

    @property
    def key(self) -> str:
        """What tells it from everything else that is late about the same incident."""
        return self.kind.value if self.order_id is None else f"{self.kind.value}/{self.order_id}"


Way = Callable[[Duty, Place], float | None]
"""Seconds that a unit needs from where it was last to a place, without mobilising; None where nobody knows."""


def straight_way_s(duty: Duty, destination: Place) -> float | None:
    """As far as streets usually are longer than a straight line, at the unit's own speed."""
    return duty.where.distance_m(destination) * DETOUR_FACTOR / duty.unit.speed_m_s


def overdue(
    watches: Iterable[Watch],
    duties: Sequence[Duty],
    late_after: LateAfter,
    now: datetime,
    way_s: Way = straight_way_s,
) -> tuple[Lateness, ...]:
    """Everything that is late: the most urgent incident first, then what is late the longest."""
    by_unit = {duty.unit.id: duty for duty in duties}
    found = [
        (watch.incident.level.rank, late)
        for watch in watches
        for late in awaited(watch, by_unit, late_after, way_s)
        if late.since < now
    ]
    return tuple(late for _, late in sorted(found, key=_place_of))


def _place_of(found: tuple[int, Lateness]) -> tuple[int, datetime, IncidentId, int, str]:
    urgency, late = found
    return urgency, late.since, late.incident_id, _KINDS[late.kind], late.order_id or ""


def awaited(
    watch: Watch, duties: Mapping[UnitId, Duty], late_after: LateAfter, way_s: Way = straight_way_s
) -> Iterator[Lateness]:
    """Every clock that runs for an incident, also those that have not run out; none where no unit is ever sent."""
    incident = watch.incident
    if not incident.is_open or incident.due_at is None:
        return
    yield from _nobody_sent(watch, late_after)
    yield from _target(watch)
    yield from _people(watch, late_after)
    for order in watch.open_orders:
        yield from _of_order(order, watch, duties.get(order.unit_id), late_after)
    yield from _forecast(watch, duties, late_after, way_s)


def has_no_clock(watch: Watch, duties: Mapping[UnitId, Duty], late_after: LateAfter) -> bool:
    """Whether nothing is waited for, although the incident is open: nobody would ever come back to it.

    An incident that waits for its crew and has no crew's order open waits for nobody, whatever its target says.
    """
    incident = watch.incident
    if not incident.is_open or incident.due_at is None:
        return False
    waits_for_crew = incident.state in UNREACHED and incident.state is not IncidentState.NEW
    if waits_for_crew and not watch.crew_is_out:
        return True
    return next(awaited(watch, duties, late_after), None) is None


def unsent_since(watch: Watch, late_after: LateAfter) -> datetime:
    """Since when no crew is on the way, where none is: since the last one's order was over, or there was somebody to
    be sent."""
    accept_s = late_after.accept_s[watch.incident.ring]
    ended = [order.over_at(accept_s) for order in watch.orders if not order.is_drone]
    times = [watch.incident.life_began_at, *ended]
    return max(times if watch.held_until is None else [*times, watch.held_until])


def _nobody_sent(watch: Watch, late_after: LateAfter) -> Iterator[Lateness]:
    incident = watch.incident
    if incident.state is not IncidentState.NEW or watch.crew_is_out:
        return
    since = unsent_since(watch, late_after) + timedelta(seconds=SENT_WITHIN_S)
    yield _about(LatenessKind.NOBODY_SENT, incident, since, "没有派出警力", "nobody has been sent")


def _target(watch: Watch) -> Iterator[Lateness]:
    incident = watch.incident
    reached = incident.stamp_in_life(ClockName.ON_SCENE) is not None
    if incident.state not in UNREACHED or reached or incident.due_at is None:
        return
    yield _about(
        LatenessKind.TARGET_PASSED,
        incident,
        incident.due_at,
        f"{incident.target_s:g} 秒内无人到场",
        f"nobody was on scene within {incident.target_s:g} s",
    )


def _people(watch: Watch, late_after: LateAfter) -> Iterator[Lateness]:
    """What the crew on scene, and who sits in the room, have to do."""
    incident = watch.incident
    if incident.state is IncidentState.ON_SCENE:
        handled_s = late_after.handled_s[incident.level]
        since = _stamped(incident, ClockName.ON_SCENE) + timedelta(seconds=handled_s)
        zh, en = _limit(handled_s)
        words = f"到场 {zh}还没有处置完", f"on scene for {en}, and not handled"
        yield _about(LatenessKind.NOT_HANDLED, incident, since, *words)
    if incident.state is IncidentState.HANDLED:
        feedback_s = late_after.feedback_s[incident.level]
        since = _stamped(incident, ClockName.HANDLED) + timedelta(seconds=feedback_s)
        zh, en = _limit(feedback_s)
        words = f"处置完 {zh}没有反馈", f"handled for {en}, and no feedback"
        yield _about(LatenessKind.NO_FEEDBACK, incident, since, *words)
    undecided = incident.state is IncidentState.NEW and incident.stamp_in_life(ClockName.CONFIRMED) is None
    if watch.held_until is not None and undecided and not watch.open_orders:
        words = "还没有人确认，派不派警没有定", "nobody has confirmed it, or said that nobody is to go"
        yield _about(LatenessKind.CONFIRMATION_WAITS, incident, watch.held_until, *words)
    if watch.closing_since is not None:
        since = watch.closing_since + timedelta(seconds=late_after.second_person_s)
        words = "结案等待第二人复核", "its closing waits for a second person"
        yield _about(LatenessKind.CLOSING_WAITS_FOR_SECOND_PERSON, incident, since, *words)


def _of_order(order: Order, watch: Watch, duty: Duty | None, late_after: LateAfter) -> Iterator[Lateness]:
    incident, accept_s = watch.incident, late_after.accept_s[watch.incident.ring]
    zh, en = (duty.unit.name, duty.unit.name_en) if duty is not None else (order.unit_id, order.unit_id)
    if PROGRESS[order.state] == PROGRESS[OrderState.SENT]:  # also while it is doubted, and only a back-up
        yield _about(
            LatenessKind.ORDER_NOT_ACCEPTED,
            incident,
            order.sent_at + timedelta(seconds=accept_s),
            f"{zh} {accept_s:g} 秒内没有签收",
            f"{en} has not accepted within {accept_s:g} s",
            order,
        )
    if order.state is OrderState.ACCEPTED:
        allowed_s = (duty.unit.mobilise_s if duty is not None else 0.0) + SETS_OUT_LATER_S
        since = _accepted_at(order, incident, accept_s) + timedelta(seconds=allowed_s)
        words = f"{zh} 签收 {allowed_s:g} 秒后还没有出动", f"{en} has not set out {allowed_s:g} s after accepting"
        yield _about(LatenessKind.UNIT_NOT_MOVING, incident, since, *words, order)
    told_at = duty.fix_at if duty is not None and duty.order_id == order.id else None
    if order.state is OrderState.EN_ROUTE and told_at is not None:  # who never told a position is not missed
        set_out_at = _unit_stamp(order, incident, ClockName.MOVING) or order.accepted_at or order.sent_at
        last = max(told_at, set_out_at)
        words = f"{zh} 途中 {SILENT_AFTER_S:g} 秒没有报位置", f"{en} has told no position for {SILENT_AFTER_S:g} s"
        since = last + timedelta(seconds=SILENT_AFTER_S)
        yield _about(LatenessKind.POSITION_SILENT, incident, since, *words, order)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """When a unit is expected, by what was known of it at ``seen_at``."""

    order: Order
    seen_at: datetime
    at: datetime


def _forecast(watch: Watch, duties: Mapping[UnitId, Duty], late_after: LateAfter, way_s: Way) -> Iterator[Lateness]:
    """The crew that is expected first, if it will not be there in time. A drone sees, it does not arrive."""
    incident = watch.incident
    due_at = incident.due_at
    if incident.state not in UNREACHED or due_at is None:
        return
    arrivals = [
        arrival
        for order in watch.open_orders
        if order.state in _ON_THE_WAY and (duty := duties.get(order.unit_id)) is not None
        if duty.unit.kind is not UnitKind.DRONE_GROUP
        if (arrival := _arrival(order, incident, duty, late_after, way_s)) is not None
    ]
    first = min(arrivals, key=lambda arrival: (arrival.at, arrival.order.id), default=None)
    if first is None or (first.at - due_at).total_seconds() <= MISSES_BY_S:
        return
    unit, late_s = duties[first.order.unit_id].unit, (first.at - due_at).total_seconds()
    yield _about(
        LatenessKind.ARRIVAL_WILL_MISS_TARGET,
        incident,
        # By then it should have been as far as it was when it was last seen: grows no younger with each position.
        max(first.order.sent_at, due_at - (first.at - first.seen_at)),
        f"{unit.name} 预计晚 {clock_text(late_s)} 到场",
        f"{unit.name_en} is expected {clock_text(late_s)} late",
        first.order,
    )


def _arrival(order: Order, incident: Incident, duty: Duty, late_after: LateAfter, way_s: Way) -> _Arrival | None:
    if duty.order_id != order.id or duty.fix_at is None or duty.fix_at < order.sent_at:  # all that is known is the plan
        return _Arrival(order, order.sent_at, order.expected_at)
    way = way_s(duty, order.destination)
    if way is None:
        return None
    sets_out_at = duty.fix_at
    if order.state is OrderState.ACCEPTED:
        accepted_at = _accepted_at(order, incident, late_after.accept_s[incident.ring])
        sets_out_at = max(sets_out_at, accepted_at + timedelta(seconds=duty.unit.mobilise_s))
    return _Arrival(order, duty.fix_at, sets_out_at + timedelta(seconds=way))


def _accepted_at(order: Order, incident: Incident, accept_s: float) -> datetime:
    """When its unit accepted; where that was not kept, by the incident's t7 if it is this unit's, else in time."""
    in_time = order.sent_at + timedelta(seconds=accept_s)
    return order.accepted_at or _unit_stamp(order, incident, ClockName.UNIT_ACCEPTED) or in_time


def _unit_stamp(order: Order, incident: Incident, name: ClockName) -> datetime | None:
    """A timestamp of the incident, if this order's unit has set it. The first crew's is the incident's."""
    stamp = incident.stamp_in_life(name)
    if stamp is None or stamp.at < order.sent_at or stamp.source.partition(",")[0] != f"unit {order.unit_id}":
        return None
    return stamp.at


def _stamped(incident: Incident, name: ClockName) -> datetime:
    stamp = incident.stamp_in_life(name)
    return incident.life_began_at if stamp is None else stamp.at


def _limit(seconds: float) -> tuple[str, str]:
    """As people say it: in minutes, where it is half ones or whole ones, else in seconds."""
    if seconds < 60 or seconds % 30:
        return f"{seconds:g} 秒", f"{seconds:g} s"
    return f"{seconds / 60:g} 分钟", f"{seconds / 60:g} min"


def _about(
    kind: LatenessKind, incident: Incident, since: datetime, zh: str, en: str, order: Order | None = None
) -> Lateness:
    if order is None:
        return Lateness(kind, incident.id, since, zh, en)
    return Lateness(kind, incident.id, since, zh, en, order.id, order.unit_id)
