"""Seating: the one assignment of all that waits. What is best, and in which order, choosing.py tells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from patrol.domain.assigning import Aim, BoolMatrix, FloatMatrix, assign
from patrol.domain.events import Level
from patrol.domain.orders import OrderState
from patrol.domain.vocabulary import RingName
from patrol.domain.wants import Policy
from patrol.domain.weighing import Weighing

LONGEST_MS = 1e8  # a day and more: beyond it nobody is sooner than another
LATEST_S = 86_400.0  # what has no target counts as due in a day
OVERDUE_STEP_S = 900.0

Rank = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Seat:
    """A row of the assignment: what one unit would fill. Those of the lowest ``rank`` come first.

    ``want``: its index; None where a crew is to stay free, for ``ring`` then. ``first``: it decides whether its
    incident is late. ``own``: units that are under way to it already.
    """

    rank: Rank
    want: int | None
    first: bool = False
    ring: RingName | None = None
    own: frozenset[int] = frozenset()


def _first(level: Level) -> Rank:
    return (0, 0, 0) if level is Level.RED else (3, level.rank, 0)


def _further(level: Level, crew: int, is_kept: bool = False) -> Rank:
    return (1, crew, 0) if is_kept else (4, crew, level.rank)


def _kept(ring: RingName) -> Rank:
    return (2, list(RingName).index(ring), 0)


@dataclass(slots=True)
class Seating:
    """Who goes where, by index. ``crews``: by want, those that go now, the first one first; ``drones``: by want.

    ``lost``: by want, crews that are taken from it; ``goes_to``: by unit, its want; ``kept``: who stays free for red.
    """

    crews: dict[int, list[int]] = field(default_factory=dict)
    drones: dict[int, int] = field(default_factory=dict)
    lost: dict[int, list[int]] = field(default_factory=dict)
    goes_to: dict[int, int] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)


def seat(weighing: Weighing, policy: Policy, simulated: bool) -> Seating:
    """Assign the crews; once more with those that can be taken from others, where that helps; then the drones."""
    table = _Table(weighing, policy, simulated)
    seats = [*_wanted_seats(weighing, policy), *_kept_seats(weighing, policy)]
    may = table.may(seats, weighing.may_go([n for n, want in enumerate(weighing.wants) if want.crews], crews=True))
    found = table.assigned(seats, may)
    if takes := table.takes(seats, found):
        seats, may = table.with_takes(seats, may, takes)
        found = table.assigned(seats, may)
    seating = _seating(weighing, seats, found)
    _seat_drones(table, seating)
    return seating


def first_crew_in_s(weighing: Weighing, seating: Seating, number: int) -> float:
    """Until the first crew is there, seconds: one that goes now, or is on it already. Infinite for nobody."""
    on_it = [unit for unit in weighing.crews_on[number] if unit not in seating.lost.get(number, ())]
    if weighing.wants[number].crews_on_it > len(weighing.crews_on[number]):
        return 0.0  # nobody knows how far it is
    if any(on is not None and on.state is OrderState.ON_SCENE for on in (weighing.on[unit] for unit in on_it)):
        return 0.0
    crews = [unit for unit in (*seating.crews.get(number, ()), *on_it) if weighing.has_way(number, unit)]
    return min((weighing.eta_s[number][unit] for unit in crews), default=math.inf)


def _wanted_seats(weighing: Weighing, policy: Policy) -> list[Seat]:
    """One for each crew that is wanted; further crews of red fill what is kept for it, second ones before third."""
    firsts: list[Seat] = []
    further: list[tuple[int, int]] = []
    for number, want in enumerate(weighing.wants):
        on_it = weighing.crews(number)
        if want.crews and not on_it:
            firsts.append(Seat(_first(want.level), number, first=True))
        further += [(crew, number) for crew in range(max(2, on_it + 1), on_it + want.crews + 1)]
    kept = dict(policy.reserve)
    seats = []
    for crew, number in sorted(further):
        want = weighing.wants[number]
        is_kept = want.level is Level.RED and kept.get(want.ring, 0) > 0
        kept[want.ring] = kept.get(want.ring, 0) - is_kept
        seats.append(Seat(_further(want.level, crew, is_kept), number))
    return [*firsts, *seats]


def _kept_seats(weighing: Weighing, policy: Policy) -> list[Seat]:
    """One for each crew that is to stay free for red, less the further crews that red wants of that ring now."""
    filled = [
        want.ring
        for number, want in enumerate(weighing.wants)
        for crew in range(weighing.crews(number) + 1, weighing.crews(number) + want.crews + 1)
        if want.level is Level.RED and crew > 1
    ]
    return [
        Seat(_kept(ring), None, ring=ring)
        for ring in RingName
        for _ in range(policy.reserve.get(ring, 0) - filled.count(ring))
    ]


class _Table:
    """Rows and columns: seats and units, in one world."""

    def __init__(self, weighing: Weighing, policy: Policy, simulated: bool) -> None:
        self.weighing = weighing
        self.policy = policy
        self._simulated = simulated
        self._can_be_taken = [unit for unit in range(len(weighing.duties)) if weighing.can_be_taken(unit)]

    def may(self, seats: Sequence[Seat], by_want: BoolMatrix) -> BoolMatrix:
        """Seats by units: who may fill which."""
        rows = np.zeros((len(seats), by_want.shape[1]), np.bool_)
        for row, one in enumerate(seats):
            if one.want is not None:
                rows[row] = by_want[one.want]
                rows[row, list(one.own)] = True
            elif one.ring is not None:
                units = range(by_want.shape[1])
                rows[row] = [self.weighing.can_be_kept(unit, one.ring, self._simulated) for unit in units]
        return rows

    # -- units that are under way to something else -----------------------------------------------------------------

    def takes(self, seats: Sequence[Seat], found: Sequence[int | None]) -> list[tuple[int, int]]:
        """A seat that needs somebody, and a unit under way to something lesser that would help it: all such pairs."""
        pairs: list[tuple[int, int]] = []
        for row, (one, unit) in enumerate(zip(seats, found, strict=True)):
            if one.first and one.want is not None and (unit is None or self.weighing.is_late(one.want, unit)):
                pairs += [(row, other) for other in self._help_for(one.want, had_nobody=unit is None)]
        return pairs

    def _help_for(self, number: int, had_nobody: bool) -> Iterator[int]:
        want = self.weighing.wants[number]
        lesser = self.policy.preempts.get(want.level, frozenset())
        unfit = self.weighing.unfit(number, crews=True)
        for unit in self._can_be_taken:
            on = self.weighing.on[unit]
            if on is None or on.level not in lesser or on.incident_id == want.incident_id or unfit[unit] is not None:
                continue
            if self.weighing.again[number, unit] or not self.weighing.has_way(number, unit):
                continue
            if had_nobody or not self.weighing.is_late(number, unit):
                yield unit

    def with_takes(
        self, seats: Sequence[Seat], may: BoolMatrix, takes: Sequence[tuple[int, int]]
    ) -> tuple[list[Seat], BoolMatrix]:
        """The same with these pairs, and with seats for what the incidents that lose a unit would want instead."""
        losers: dict[int, list[int]] = {}
        for unit in sorted({unit for _, unit in takes}):
            if (on := self.weighing.on[unit]) is not None:
                losers.setdefault(self.weighing.number[on.incident_id], []).append(unit)
        held = [one for number in sorted(losers) for one in self._held_seats(number, losers[number])]
        taken = may.copy()
        for row, unit in takes:
            taken[row, unit] = True
        more = self.may(held, self.weighing.may_go(sorted(losers), crews=True))
        return [*seats, *held], np.concatenate([taken, more])

    def _held_seats(self, number: int, units: Sequence[int]) -> Iterator[Seat]:
        """The seats of an incident that these units fill until they are taken."""
        level, others, own = self.weighing.wants[number].level, self.weighing.crews(number) - len(units), set(units)
        for crew in range(others + 1, others + len(units) + 1):
            rank = _first(level) if crew == 1 else _further(level, crew)
            yield Seat(rank, number, first=crew == 1, own=frozenset(own))

    # -- the assignment ---------------------------------------------------------------------------------------------

    def assigned(self, seats: Sequence[Seat], may: BoolMatrix) -> list[int | None]:
        """The unit of each seat."""
        found: list[int | None] = [None] * len(seats)
        rows, columns = np.flatnonzero(may.any(axis=1)).tolist(), np.flatnonzero(may.any(axis=0)).tolist()
        if not rows:
            return found
        asked = [seats[row] for row in rows]
        allowed = np.concatenate([may[np.ix_(rows, columns)], np.eye(len(rows), dtype=np.bool_)], axis=1)
        for row, column in zip(rows, assign(self._aims(asked, columns), allowed).tolist(), strict=True):
            found[row] = columns[column] if column < len(columns) else None
        return found

    def _aims(self, seats: Sequence[Seat], columns: Sequence[int]) -> Iterator[Aim]:
        eta_s = np.nan_to_num(np.array(self.weighing.eta_s), nan=0.0, posinf=np.inf)
        for rank in sorted({one.rank for one in seats}):
            rows = [row for row, one in enumerate(seats) if one.rank == rank]
            for costs in self._costs([seats[row] for row in rows], columns, eta_s, len(seats)):
                yield Aim(np.array(rows), costs)
        yield Aim(np.arange(len(seats)), _by_id(seats, columns))

    def _costs(
        self, seats: Sequence[Seat], columns: Sequence[int], eta_s: FloatMatrix, nobodies: int
    ) -> Iterator[FloatMatrix]:
        """What seats of one rank cost, the first aim first. The columns at the end are nobody, who is free of charge
        but in the first aim and where it says who waits."""
        units = len(columns)
        nobody = np.zeros((len(seats), units + nobodies))
        nobody[:, units:] = 1.0
        yield nobody
        numbers = [one.want for one in seats if one.want is not None]
        if not numbers:
            return
        pairs = np.ix_(numbers, columns)
        # What it holds already costs an incident nothing, so it never changes units of its own accord.
        changes = 1.0 - _own(seats, columns)
        yield _of_units(changes * self.weighing.again[pairs], nobodies)
        if seats[0].first:
            left_s = np.array([self.weighing.left_s[number] for number in numbers])
            yield _of_units(changes * (eta_s[pairs] > left_s[:, None]), nobodies)
            yield nobody * _waits(left_s)[:, None]
            yield from (_of_units(changes * taken, nobodies) for taken in self._taken_from(columns))
        yield _of_units(changes * np.minimum(np.rint(eta_s[pairs] * 1000), LONGEST_MS), nobodies)

    def _taken_from(self, columns: Sequence[int]) -> Iterator[FloatMatrix]:
        """A level at a time, the most urgent first: 1 for each unit that is under way to something of it."""
        levels = [None if on is None else on.level for on in (self.weighing.on[unit] for unit in columns)]
        for level in Level:
            if level in levels:
                yield np.array([[one is level for one in levels]], np.float64)


def _own(seats: Sequence[Seat], columns: Sequence[int]) -> FloatMatrix:
    """1 where a unit is under way to that seat already."""
    own = np.zeros((len(seats), len(columns)))
    for row, one in enumerate(seats):
        if one.own:
            own[row] = [unit in one.own for unit in columns]
    return own


def _of_units(costs: FloatMatrix, nobodies: int) -> FloatMatrix:
    return np.concatenate([costs, np.zeros((len(costs), nobodies))], axis=1)


def _waits(left_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What it costs to leave each with nobody, in whole seconds: the less, the later it is due.

    What is overdue counts in whole quarters of an hour: within one, who is nearer goes first, so that crews do not
    cross the town for a minute's difference; and nobody is passed over for longer than that.
    """
    due_s = np.clip(np.rint(left_s), -LONGEST_MS, LATEST_S)
    due_s = np.where(due_s < 0, np.ceil(due_s / OVERDUE_STEP_S) * OVERDUE_STEP_S, due_s)
    return np.asarray(LATEST_S - due_s)


def _by_id(seats: Sequence[Seat], columns: Sequence[int]) -> FloatMatrix:
    """What tells equals apart: seats that come first have the units that come first; kept ones have what is left."""
    weight = [0 if one.want is None else len(seats) - row for row, one in enumerate(seats)]
    place = [*range(1, len(columns) + 1), *[len(columns) + 1] * len(seats)]
    costs = np.outer(weight, place).astype(np.float64)
    costs[:, : len(columns)] *= 1.0 - _own(seats, columns)
    return costs


def _seating(weighing: Weighing, seats: Sequence[Seat], found: Sequence[int | None]) -> Seating:
    seating = Seating()
    for one, unit in zip(seats, found, strict=True):
        if unit is None or unit in one.own:
            continue
        if one.want is None:
            seating.kept.add(unit)
            continue
        seating.goes_to[unit] = one.want
        crews = seating.crews.setdefault(one.want, [])
        crews.insert(0 if one.first else len(crews), unit)
        if (on := weighing.on[unit]) is not None:
            seating.lost.setdefault(weighing.number[on.incident_id], []).append(unit)
    return seating


def _seat_drones(table: _Table, seating: Seating) -> None:
    weighing = table.weighing
    asking = [number for number, want in enumerate(weighing.wants) if want.wants_drone]
    if not asking:
        return
    by_want = weighing.may_go(asking, crews=False)
    for number in asking:
        latest_s = first_crew_in_s(weighing, seating, number) - table.policy.drone_gain_s
        by_want[number] &= np.array(weighing.eta_s[number]) <= latest_s
    seats = [Seat((weighing.wants[number].level.rank, 0, 0), number) for number in asking]
    for one, unit in zip(seats, table.assigned(seats, table.may(seats, by_want)), strict=True):
        if unit is not None and one.want is not None:
            seating.drones[one.want] = unit
            seating.goes_to[unit] = one.want
