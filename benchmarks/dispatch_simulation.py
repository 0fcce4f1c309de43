"""One room in simulated time: incidents come, a rule sends crews, crews answer, travel, handle, and go home.

A crew is free as soon as it has handled something, where it stands, and goes home from there until it is sent again.
Who let an order expire is free again for others; who was taken away starts from where it is. One crew an incident.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum

import numpy as np

from benchmarks.dispatch_scenario import Happening, Scenario
from patrol.domain.assigning import Aim, assign
from patrol.domain.choosing import Choices, Commitment, Policy, Want, choose
from patrol.domain.covering import FloatMatrix, FloatVector, straight_line
from patrol.domain.dispatch import DETOUR_FACTOR, Duty, travel_time_s
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.orders import OrderState
from patrol.domain.turns import in_turn
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import Place

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
LEVELS = list(Level)


def at(seconds: float) -> datetime:
    """The time of day of a moment of the simulation."""
    return BEGINS + timedelta(seconds=seconds)


@dataclass(slots=True)
class Trip:
    """One order under way. Times in seconds from the beginning; infinite where it does not come to that."""

    incident: int
    unit: int
    origin: Place
    state: OrderState = OrderState.SENT
    departs_s: float = math.inf
    ends_s: float = math.inf  # if nobody takes the crew away: no rule may look at this but one that knows all
    over: bool = False


@dataclass(slots=True)
class Crew:
    """One unit: on a ``trip``, or free and on the way home from ``origin`` since ``since_s``."""

    duty: Duty
    origin: Place
    since_s: float = -math.inf
    trip: Trip | None = None


@dataclass(slots=True)
class Case:
    """One incident. ``reached_s``: when the first crew was there; ``handled``: and is gone."""

    happening: Happening
    tried: dict[UnitId, OrderState] = field(default_factory=dict)
    trip: Trip | None = None
    reached_s: float = math.nan
    handled: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A crew for an incident, by number; from what it was taken, if it was."""

    incident: int
    unit: int


class What(IntEnum):
    """What may happen next."""

    CALLED = 0
    ACCEPTED = 1
    DECLINED = 2
    EXPIRED = 3
    ARRIVED = 4
    HANDLED = 5


@dataclass(slots=True)
class Room:
    """What a rule may look at. ``waiting``: incidents without a crew, in the order they came; ``open``: all that
    nobody has reached yet."""

    scenario: Scenario
    crews: list[Crew]
    cases: list[Case]
    now_s: float = 0.0
    waiting: dict[int, None] = field(default_factory=dict)
    open: dict[int, None] = field(default_factory=dict)

    @classmethod
    def of(cls, scenario: Scenario) -> Room:
        """Before anything has happened."""
        crews = [Crew(Duty(unit), unit.home) for unit in scenario.units]
        return cls(scenario, crews, [Case(happening) for happening in scenario.happenings])

    def duty(self, number: int) -> Duty:
        """The crew as dispatch would know it now."""
        crew = self.crews[number]
        if crew.trip is not None:
            return replace(crew.duty, state=_STATES[crew.trip.state], place=self.where(number))
        if crew.origin is crew.duty.unit.home:
            return crew.duty
        return replace(crew.duty, place=self.where(number))

    def where(self, number: int) -> Place:
        """Where the crew is now."""
        crew = self.crews[number]
        trip, unit = crew.trip, crew.duty.unit
        if trip is None:
            place = crew.origin.towards(unit.home, (self.now_s - crew.since_s) * unit.speed_m_s / DETOUR_FACTOR)
            if place.distance_m(unit.home) < 0.1:
                crew.origin = unit.home
            return place
        gone_s = max(0.0, self.now_s - trip.departs_s)
        return trip.origin.towards(self.cases[trip.incident].happening.place, gone_s * unit.speed_m_s / DETOUR_FACTOR)


_STATES: Mapping[OrderState, UnitState] = {
    OrderState.SENT: UnitState.ASSIGNED,
    OrderState.ACCEPTED: UnitState.ASSIGNED,
    OrderState.EN_ROUTE: UnitState.EN_ROUTE,
    OrderState.ON_SCENE: UnitState.ON_SCENE,
}

Rule = Callable[[Room], Sequence[Sent]]


def simulated(scenario: Scenario, rule: Rule, tell: Callable[[int], None] | None = None) -> list[float]:
    """Seconds from each incident's call until the first crew was there; runs until all are handled."""
    simulation = _Simulation(Room.of(scenario), rule)
    simulation.run(tell or (lambda _: None))
    return [case.reached_s - case.happening.at_s for case in simulation.room.cases]


class _Simulation:
    def __init__(self, room: Room, rule: Rule) -> None:
        self.room = room
        self._rule = rule
        self._count = 0
        self._events: list[tuple[float, int, What, int | Trip]] = []
        for number, case in enumerate(room.cases):
            self._later(case.happening.at_s, What.CALLED, number)

    def _later(self, at_s: float, what: What, whom: int | Trip) -> None:
        self._count += 1
        heapq.heappush(self._events, (at_s, self._count, what, whom))

    def run(self, tell: Callable[[int], None]) -> None:
        room, called = self.room, 0
        while self._events:
            room.now_s, _, what, whom = heapq.heappop(self._events)
            if isinstance(whom, int):
                room.waiting[whom] = None
                room.open[whom] = None
                called += 1
                tell(called)
            elif whom.over:
                continue
            else:
                self._go_on(what, whom)
            if what not in (What.ACCEPTED, What.ARRIVED) and room.waiting:
                for sent in self._rule(room):
                    self._send(sent)

    def _go_on(self, what: What, trip: Trip) -> None:
        case = self.room.cases[trip.incident]
        if what is What.ACCEPTED:
            trip.state = OrderState.EN_ROUTE
        elif what is What.ARRIVED:
            trip.state = OrderState.ON_SCENE
            case.reached_s = self.room.now_s
            del self.room.open[trip.incident]
        elif what is What.HANDLED:
            case.handled = True
            self._end(trip, self.room.cases[trip.incident].happening.place)
        else:
            unit_id = self.room.crews[trip.unit].duty.unit.id
            case.tried[unit_id] = OrderState.REJECTED if what is What.DECLINED else OrderState.EXPIRED
            self._wait_again(trip)
            self._end(trip, trip.origin)

    def _wait_again(self, trip: Trip) -> None:
        """The incident waits where it stood: the order in which they came."""
        waiting = sorted((*self.room.waiting, trip.incident))
        self.room.waiting = dict.fromkeys(waiting)
        self.room.cases[trip.incident].trip = None

    def _end(self, trip: Trip, place: Place) -> None:
        trip.over = True
        crew = self.room.crews[trip.unit]
        crew.trip, crew.origin, crew.since_s = None, place, self.room.now_s

    def _send(self, sent: Sent) -> None:
        room, crew, case = self.room, self.room.crews[sent.unit], self.room.cases[sent.incident]
        origin = room.where(sent.unit)
        if crew.trip is not None:
            assert crew.trip.state is not OrderState.ON_SCENE
            self._wait_again(crew.trip)
            self._end(crew.trip, origin)
        assert case.trip is None
        trip = Trip(sent.incident, sent.unit, origin)
        crew.trip = case.trip = trip
        room.waiting.pop(sent.incident, None)
        answer = room.scenario.answer(sent.incident, sent.unit)
        within_s = room.scenario.rings[case.happening.ring].accept_within_s
        if not answer.accepts:
            trip.ends_s = room.now_s + min(answer.after_s, within_s)
            self._later(trip.ends_s, What.DECLINED if answer.after_s < within_s else What.EXPIRED, trip)
        else:
            self._on_its_way(trip, room.now_s + answer.after_s)

    def _on_its_way(self, trip: Trip, accepts_s: float) -> None:
        unit, happening = self.room.crews[trip.unit].duty.unit, self.room.cases[trip.incident].happening
        trip.departs_s = accepts_s + unit.mobilise_s
        way_s = trip.origin.distance_m(happening.place) * DETOUR_FACTOR / unit.speed_m_s
        trip.ends_s = trip.departs_s + way_s + happening.on_scene_s
        self._later(accepts_s, What.ACCEPTED, trip)
        self._later(trip.departs_s + way_s, What.ARRIVED, trip)
        self._later(trip.ends_s, What.HANDLED, trip)


# -- rules ------------------------------------------------------------------------------------------------------------


def nearest_idle(by_level: bool = False) -> Rule:
    """Plain dispatch: one after the other in the order they came, each gets whoever is there soonest and is free.

    Who refused is not asked again, who was silent only after all others. ``by_level``: the most urgent first.
    """

    def rule(room: Room) -> list[Sent]:
        free = {number: room.duty(number) for number, crew in enumerate(room.crews) if crew.trip is None}
        order = list(room.waiting)
        if by_level:
            order.sort(key=lambda number: (LEVELS.index(room.cases[number].happening.level), number))
        sent = []
        for number in order:
            if not free:
                break
            if (unit := _soonest(room.cases[number], free)) is not None:
                del free[unit]
                sent.append(Sent(number, unit))
        return sent

    return rule


def _soonest(case: Case, free: Mapping[int, Duty]) -> int | None:
    best: tuple[bool, float, int] | None = None
    for unit, duty in free.items():
        state = case.tried.get(duty.unit.id)
        if case.happening.ring not in duty.unit.rings or state is OrderState.REJECTED:
            continue
        this = state is not None, travel_time_s(duty, case.happening.place), unit
        best = this if best is None or this < best else best
    return None if best is None else best[2]


def assignment(policy: Policy) -> Rule:
    """Patrol's, over all that nobody has reached yet. Whoever takes a unit comes before who loses it."""

    def rule(room: Room) -> list[Sent]:
        wants = [want_of(room.cases[number], room.scenario.target_s(number)) for number in room.open]
        duties = [room.duty(number) for number in range(len(room.crews))]
        on = {duty.unit.id: held for duty, crew in zip(duties, room.crews, strict=True) if (held := _on(room, crew))}
        units = {duty.unit.id: number for number, duty in enumerate(duties)}
        incidents = {want.incident_id: number for want, number in zip(wants, room.open, strict=True)}
        found = chosen(wants, duties, on, policy, room.now_s).chosen
        return [Sent(incidents[choice.incident_id], units[choice.unit_id]) for choice in found]

    return rule


def chosen(
    wants: Iterable[Want], duties: Sequence[Duty], on: Mapping[UnitId, Commitment], policy: Policy, now_s: float
) -> Choices:
    """As dispatch chooses: of those that wait it looks at the ones whose turn it is."""
    wants = list(wants)
    turns = in_turn([want for want in wants if want.crews], duties)
    looked_at = [want for turn in turns for want in turn.looked_at]
    served = [want for want in wants if not want.crews]
    return choose([*looked_at, *served], duties, on, travel_time_s, policy, at(now_s))


def want_of(case: Case, target_s: float) -> Want:
    """What an incident wants that nobody has reached."""
    happening = case.happening
    return Want(
        incident_id=happening.id,
        level=happening.level,
        ring=happening.ring,
        place=happening.place,
        due_at=at(happening.at_s + target_s),
        crews=int(case.trip is None),
        wants_drone=False,
        simulated=False,
        capabilities=frozenset(),
        tried=dict(case.tried),
        opened_at=at(happening.at_s),
        crews_on_it=int(case.trip is not None),
    )


def _on(room: Room, crew: Crew) -> Commitment | None:
    if crew.trip is None:
        return None
    happening = room.cases[crew.trip.incident].happening
    return Commitment(IncidentId(happening.id), happening.level, crew.trip.state, happening.ring)


# -- what could be done, if one knew ----------------------------------------------------------------------------------


class Hindsight:
    """A rule that knows all: what will be called within the horizon, who would accept what, when each crew gets free.

    At each decision one assignment of all that waits or will be called to all crews, by when and where each gets free:
    the fewest late or left, then the fewest left, then the least time. Sent is who is free for what has been called.
    It is no optimum: it plans one incident a crew, and no farther than the horizon.
    """

    def __init__(self, horizon_s: float) -> None:
        self._horizon_s = horizon_s
        self._answers: dict[int, FloatVector] = {}
        self._next = 0  # of what has not been called

    def __call__(self, room: Room) -> list[Sent]:
        """Who is sent now."""
        if all(crew.trip is not None for crew in room.crews):
            return []
        numbers = [*room.waiting, *self._soon(room)]
        arrives_s = self._arrives_s(room, numbers)
        due_s = np.array([room.cases[n].happening.at_s + room.scenario.target_s(n) for n in numbers])
        nobody = np.eye(len(numbers), dtype=np.bool_)
        allowed = np.concatenate([np.isfinite(arrives_s), nobody], axis=1)
        left = np.concatenate([np.zeros(arrives_s.shape), np.ones(nobody.shape)], axis=1)
        late = np.concatenate([arrives_s > due_s[:, None], np.ones(nobody.shape)], axis=1)
        spent = np.where(np.isfinite(arrives_s), np.rint(arrives_s - room.now_s), 0.0)
        rows = np.arange(len(numbers))
        aims = (Aim(rows, late), Aim(rows, left), Aim(rows, np.concatenate([spent, np.zeros(nobody.shape)], axis=1)))
        columns = assign(aims, allowed).tolist()[: len(room.waiting)]
        return [
            Sent(number, unit)
            for number, unit in zip(room.waiting, columns, strict=True)
            if unit < len(room.crews) and room.crews[unit].trip is None
        ]

    def _soon(self, room: Room) -> range:
        happenings = room.scenario.happenings
        while self._next < len(happenings) and happenings[self._next].at_s <= room.now_s:
            self._next += 1
        end = self._next
        while end < len(happenings) and happenings[end].at_s <= room.now_s + self._horizon_s:
            end += 1
        return range(self._next, end)

    def _arrives_s(self, room: Room, numbers: Sequence[int]) -> FloatMatrix:
        """When each crew would be there, were it sent as soon as it is free and that is called; infinite for never."""
        trips = [crew.trip for crew in room.crews]
        free_s = np.array([room.now_s if trip is None else trip.ends_s for trip in trips])
        duties = [replace(room.crews[unit].duty, place=self._will_be_at(room, unit)) for unit in range(len(trips))]
        way_s = straight_line(duties, [room.cases[number].happening.place for number in numbers]).T
        called_s = np.array([room.cases[number].happening.at_s for number in numbers])
        answers_s = np.array([self._answers_s(room, number) for number in numbers])
        return np.asarray(np.maximum(called_s[:, None], free_s[None, :]) + answers_s + way_s)

    @staticmethod
    def _will_be_at(room: Room, unit: int) -> Place:
        trip = room.crews[unit].trip
        if trip is None:
            return room.where(unit)
        return trip.origin if math.isinf(trip.departs_s) else room.cases[trip.incident].happening.place

    def _answers_s(self, room: Room, number: int) -> FloatVector:
        """Until each crew would have accepted; infinite where it would not, or may not go there."""
        if number not in self._answers:
            ring = room.cases[number].happening.ring
            answers = [room.scenario.answer(number, unit) for unit in range(len(room.crews))]
            self._answers[number] = np.array(
                [
                    answer.after_s if answer.accepts and ring in crew.duty.unit.rings else math.inf
                    for answer, crew in zip(answers, room.crews, strict=True)
                ]
            )
        return self._answers[number]
