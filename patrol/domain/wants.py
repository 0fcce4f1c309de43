"""What choosing is asked and what it answers: wants, what units are on, the policy, choices and shortfalls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from patrol.domain.dispatch import Duty
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.orders import Candidate, OrderState
from patrol.domain.shortfalls import Shortfall
from patrol.domain.units import Unit, UnitId, UnitKind, UnitState
from patrol.domain.vocabulary import Place, RingName

OFF_STATES = frozenset({UnitState.OUT_OF_SERVICE, UnitState.OFF_DUTY})
MAY_BE_TAKEN = frozenset({OrderState.SENT, OrderState.ACCEPTED, OrderState.EN_ROUTE})

TravelTime = Callable[[Duty, Place], float]


@dataclass(frozen=True, slots=True)
class Needs:
    """What each crew must have that goes to something of a kind: all of ``capabilities``, so many officers."""

    capabilities: frozenset[str] = frozenset()
    crew_at_least: int = 1


@dataclass(frozen=True, slots=True)
class Want:
    """What one incident wants. Incidents that want nothing now are told as well: without that, nothing can be taken
    from them, as nobody would know what to give them instead.

    ``due_at``: when its first crew must be there; None: no target. ``crews``: how many it wants now, beside
    ``crews_on_it``: those that are on it already, doubted ones left out; ``arrives_at``: when each of these is to be
    there, by its order, empty once one is. ``capabilities``: what each crew must have (drones need none). ``tried``:
    units that had an order for it: whose was rejected is not asked again, whose expired only after all others; other
    states say nothing. ``opened_at``: when it was accepted. ``crew_at_least``: how many officers each crew must be.
    ``taken_back``: units whose order for it a person took back: they are not asked again.
    """

    incident_id: IncidentId
    level: Level
    ring: RingName
    place: Place
    due_at: datetime | None
    crews: int
    wants_drone: bool
    simulated: bool
    capabilities: frozenset[str]
    tried: Mapping[UnitId, OrderState]
    opened_at: datetime
    crews_on_it: int = 0
    arrives_at: Mapping[UnitId, datetime] = field(default_factory=dict)
    crew_at_least: int = 1
    taken_back: frozenset[UnitId] = frozenset()

    @property
    def needs(self) -> Needs:
        """What each crew must have."""
        return Needs(self.capabilities, self.crew_at_least)

    @property
    def refused(self) -> frozenset[UnitId]:
        """Units that are not asked again: they declined, or a person took them back."""
        return self.taken_back | {unit_id for unit_id, state in self.tried.items() if state is OrderState.REJECTED}


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a busy unit is on. ``doubted``: its order was not accepted in time: it is nobody's crew, and not taken."""

    incident_id: IncidentId
    level: Level
    state: OrderState
    ring: RingName
    doubted: bool = False


def _usual_preempts() -> Mapping[Level, frozenset[Level]]:
    return {
        Level.RED: frozenset({Level.YELLOW, Level.BLUE, Level.GREEN}),
        Level.YELLOW: frozenset({Level.GREEN}),
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """What choosing goes by.

    ``preempts``: from which levels each may take a unit that is not there yet. ``reserve``: so many free crews that
    may serve a ring are kept for red. ``drone_gain_s``: a drone goes where it is there so many seconds sooner than the
    first crew. ``answer_s``: what passes, as a rule, until an order is accepted, seconds: it counts for who will be
    late, and is in no ``eta_s``.
    """

    preempts: Mapping[Level, frozenset[Level]] = field(default_factory=_usual_preempts)
    reserve: Mapping[RingName, int] = field(default_factory=dict)
    drone_gain_s: float = 30.0
    answer_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One unit for one incident. ``eta_s``: seconds from being ordered until it is there. ``target_feasible``: in time
    by that and ``Policy.answer_s``.

    ``takes_from``: the incident that it is taken from. ``candidates``: all units, those that could go first; one that
    could go but does not has its time and the reason: ``serves_<incident>`` or ``kept_for_red``.
    """

    incident_id: IncidentId
    unit_id: UnitId
    eta_s: float
    target_feasible: bool
    is_drone: bool
    takes_from: IncidentId | None
    candidates: tuple[Candidate, ...]
    why_zh: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Who goes where, and what each does not get of what it wants; the most urgent incident first, then the oldest."""

    chosen: tuple[Choice, ...] = ()
    shortfalls: Mapping[IncidentId, Shortfall] = field(default_factory=dict)


def is_crew(unit: Unit) -> bool:
    """Whether it counts as a crew: it can handle something, not only see it."""
    return unit.kind is not UnitKind.DRONE_GROUP


def is_free(duty: Duty) -> bool:
    """Whether it could be sent now."""
    return duty.is_free
