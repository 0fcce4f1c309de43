"""Choosing: which unit goes to which incident, for all that waits, as one assignment.

Each crew that an incident wants is a seat, and a row; each crew that could go is a column; so is "nobody", one for
each seat (``assigning.assign``). What is best is told by these aims, each of which comes before all that follow it:

1. The first crews of red: that as few as possible get nobody; then that as few as possible get a unit that let their
   order expire before; then that as few as possible are late; then, where there are too few crews, that those wait who
   are due last, the overdue being told apart only by whole quarters of an hour; then that as few units as possible are
   taken from others, least of all from the most urgent of them; then the least time in sum.
2. What is kept for red (``Policy.reserve``): further crews of red, so many of a ring as are kept there; then that as
   many as are kept besides stay free. A crew that is kept for one ring does not count as kept for another.
3. The first crews of yellow, as those of red; then of blue; then of green.
4. Further crews: second crews before third ones, of the most urgent level first; that few get nobody, nobody who let
   an order expire, the least time.
5. Units and incidents that are equal in all of this are told apart by their ids: the smaller unit id goes to the
   incident that is more urgent, then older, then of the smaller id.

So no incident waits longer for the sake of one of a lower level, nobody gets a second crew that could be another's
first, except red from what is kept for it, and one incident alone gets the unit that is there soonest. The first crew
decides whether an incident is late: when it is there later than ``due_at``. Times count in whole milliseconds.

A unit that is under way to something else is looked at only afterwards, for those whose first crew is late or nobody:
it may go to them where the policy lets their level take it, and where it is in time, or they had nobody. Then
all is solved once more, with these pairs added, and a seat for each crew that could be lost: of its own incident, which
keeps its unit at no cost unless that is taken, and else gets what is best for it in the same solution. Who loses a unit
takes none from anybody in turn.

Drones never count as crews and share no column with them, so they are assigned apart, once the crews are known: to
incidents where they are sooner than the first crew by ``Policy.drone_gain_s``. Real and simulated share nobody either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np

from patrol.domain.dispatch import Duty
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.lacking import shortfalls
from patrol.domain.orders import Candidate
from patrol.domain.seating import Seating, first_crew_in_s, seat
from patrol.domain.shortfalls import Shortfall, clock_text
from patrol.domain.turns import urgency
from patrol.domain.units import UnitId
from patrol.domain.wants import Choice as Choice
from patrol.domain.wants import Choices as Choices
from patrol.domain.wants import Commitment as Commitment
from patrol.domain.wants import Policy as Policy
from patrol.domain.wants import TravelTime as TravelTime
from patrol.domain.wants import Want as Want
from patrol.domain.wants import is_crew as is_crew
from patrol.domain.wants import is_free as is_free
from patrol.domain.weighing import Weighing


def choose(
    wants: Sequence[Want],
    duties: Sequence[Duty],
    commitments: Mapping[UnitId, Commitment],
    travel_s: TravelTime,
    policy: Policy,
    now: datetime,
    lost_s: Mapping[UnitId, float] | None = None,
) -> Choices:
    """Who goes where now: a pure function of what it is given, in whatever order that comes.

    ``travel_s``: seconds from being ordered to being there, mobilisation included; infinite where there is no way.
    ``lost_s``: of units of which nobody knows where they are, how old their last position is, seconds.
    """
    ordered = sorted(wants, key=urgency)
    everybody = sorted(duties, key=_unit_id)
    chosen: list[Choice] = []
    short: dict[IncidentId, Shortfall] = {}
    for simulated in (False, True):
        ours = [want for want in ordered if want.simulated is simulated]
        if any(want.crews or want.wants_drone for want in ours):
            weighing = Weighing(ours, everybody, commitments, travel_s, now, policy.answer_s, lost_s)
            seating = seat(weighing, policy, simulated)
            chosen += _Telling(weighing, seating).choices()
            short |= shortfalls(weighing, seating, now)
    place = {want.incident_id: position for position, want in enumerate(ordered)}
    return Choices(
        tuple(sorted(chosen, key=lambda choice: place[choice.incident_id])),
        {incident_id: short[incident_id] for incident_id in place if incident_id in short},
    )


def _unit_id(duty: Duty) -> UnitId:
    return duty.unit.id


class _Telling:
    """What came of one assignment, in words. Wants and units are told by their index."""

    def __init__(self, weighing: Weighing, seating: Seating) -> None:
        self._weighing = weighing
        self._seating = seating
        self._reasons = self._elsewhere()
        # Who cannot go is told alike to all. Thousands of objects a decision are what the collector stops for.
        self._left_out: list[dict[str, Candidate]] = [{} for _ in weighing.duties]

    def choices(self) -> Iterator[Choice]:
        """All units that go, incident by incident: its crews, the first one first, then its drone."""
        for number in sorted({*self._seating.crews, *self._seating.drones}):
            if crews := self._seating.crews.get(number, []):
                candidates = self._candidates(number, crews=True)
                yield from (self._crew(number, unit, place, candidates) for place, unit in enumerate(crews))
            if (drone := self._seating.drones.get(number)) is not None:
                yield self._drone(number, drone)

    def _crew(self, number: int, unit: int, place: int, candidates: tuple[Candidate, ...]) -> Choice:
        lost = self._seating.lost.get(number, [])
        crew = self._weighing.crews(number) - len(lost) + place + 1
        zh, en = self._why(number, unit, crew, candidates)
        eta_s, left_s = self._weighing.eta_s[number][unit], self._weighing.left_s[number]
        if crew == 1 and eta_s > left_s:
            late = clock_text(eta_s - left_s)
            zh, en = f"{zh}；预计超时 {late}", f"{en}; expected {late} late"
        if place < len(lost):
            zh, en = self._instead_of(lost[place], zh, en)
        on = self._weighing.on[unit]
        return self._choice(number, unit, (zh, en), candidates, takes_from=None if on is None else on.incident_id)

    def _choice(
        self,
        number: int,
        unit: int,
        words: tuple[str, str],
        candidates: tuple[Candidate, ...],
        takes_from: IncidentId | None = None,
        is_drone: bool = False,
    ) -> Choice:
        return Choice(
            incident_id=self._weighing.wants[number].incident_id,
            unit_id=self._weighing.duties[unit].unit.id,
            eta_s=self._weighing.eta_s[number][unit],
            target_feasible=not self._weighing.is_late(number, unit),
            is_drone=is_drone,
            takes_from=takes_from,
            candidates=candidates,
            why_zh=words[0],
            why_en=words[1],
        )

    def _why(self, number: int, unit: int, crew: int, candidates: tuple[Candidate, ...]) -> tuple[str, str]:
        eta_s = self._weighing.eta_s[number][unit]
        there_zh, there_en = _there_in(eta_s)
        if (on := self._weighing.on[unit]) is not None:
            return self._why_taken(number, unit, on)
        if self._weighing.again[number, unit]:
            return f"此前未签收，已无他人可派：{there_zh}", f"asked again, as nobody else is left: {there_en}"
        zh, en = ("", "") if crew == 1 else (f"第 {crew} 组：", f"crew {crew}: ")
        for other in candidates:
            if other.left_out not in {None, "already_sent"} and other.eta_s is not None and other.eta_s < eta_s:
                but_zh, but_en = _why_not_the_soonest(eta_s, other)
                return f"{zh}{but_zh}", f"{en}{but_en}"
        free = [other for other in candidates if other.left_out is None]
        if crew == 1:
            return _soonest_of(len(free), eta_s)
        why_zh, why_en = self._why_of_the_others(number, free, eta_s)
        return f"{zh}{there_zh}{why_zh}", f"{en}{there_en}{why_en}"

    def _why_of_the_others(self, number: int, free: Sequence[Candidate], eta_s: float) -> tuple[str, str]:
        """Of a further crew, besides those that go before it."""
        own = {self._weighing.duties[unit].unit.id for unit in self._seating.crews[number]}
        sooner = [other for other in free if other.eta_s is not None and other.eta_s < eta_s]
        if any(other.unit_id not in own for other in sooner):  # who let an order expire before
            return "", ""
        if len(free) - len(sooner) == 1:
            return "，是其余唯一空闲的警力", ", the only other free unit"
        return "，是其余空闲警力中最快的", ", the soonest of the other free units"

    def _why_taken(self, number: int, unit: int, on: Commitment) -> tuple[str, str]:
        there_zh, there_en = _there_in(self._weighing.eta_s[number][unit])
        late = self._weighing.is_late(number, unit)
        else_zh, else_en = (
            ("否则无人可派", "else nobody could go") if late else ("否则不能按时到场", "else not in time")
        )
        return (
            f"从 {on.incident_id}（{_LEVEL_ZH[on.level]}）抽调，{else_zh}：{there_zh}",
            f"taken from {on.incident_id} ({on.level}), {else_en}: {there_en}",
        )

    def _instead_of(self, unit: int, zh: str, en: str) -> tuple[str, str]:
        lost = self._weighing.duties[unit].unit.id
        taker = self._weighing.wants[self._seating.goes_to[unit]].incident_id
        return f"{lost} 被抽调至 {taker}，改派：{zh}", f"{lost} goes to {taker}; instead: {en}"

    def _drone(self, number: int, unit: int) -> Choice:
        eta_s, crew_s = self._weighing.eta_s[number][unit], first_crew_in_s(self._weighing, self._seating, number)
        crew_zh = f"首组 {clock_text(crew_s)}" if crew_s < math.inf else "暂无警力可派"
        crew_en = f"the first crew in {clock_text(crew_s)}" if crew_s < math.inf else "no crew can go"
        there_zh, there_en = _there_in(eta_s)
        words = f"无人机先到：{there_zh}，{crew_zh}", f"the drone is first: {there_en}, {crew_en}"
        return self._choice(number, unit, words, self._candidates(number, crews=False), is_drone=True)

    def _candidates(self, number: int, crews: bool) -> tuple[Candidate, ...]:
        """All units: who could go, the soonest first, then who could but does not, then who could not."""
        unfit, eta_s = self._weighing.unfit(number, crews), np.array(self._weighing.eta_s[number])
        elsewhere = self._elsewhere_but(number)
        could = np.array([why is None for why in unfit], np.bool_) & (eta_s < np.inf)  # nan: busy, nobody asked
        able = np.flatnonzero(could)
        is_out = np.array([elsewhere[unit] is not None for unit in able.tolist()], np.bool_)
        # Sorted as it is, so that what is equal stays in the order of the units' ids.
        able = able[np.lexsort((eta_s[able], self._weighing.again[number, able], is_out))]
        duties, seconds = self._weighing.duties, self._weighing.eta_s[number]
        return (
            *(Candidate(duties[unit].unit.id, seconds[unit], elsewhere[unit]) for unit in able.tolist()),
            *(
                self._cannot(unit, unfit[unit] or elsewhere[unit] or self._why_no_way(unit))
                for unit in np.flatnonzero(~could).tolist()
            ),
        )

    def _why_no_way(self, unit: int) -> str:
        lost_s = self._weighing.lost_s[unit]
        return "no_way" if lost_s is None else f"lost_{lost_s:.0f}"

    def _cannot(self, unit: int, reason: str) -> Candidate:
        known = self._left_out[unit]
        if reason not in known:
            known[reason] = Candidate(self._weighing.duties[unit].unit.id, None, reason)
        return known[reason]

    def _elsewhere(self) -> list[str | None]:
        """By unit: why it does not go to some other incident, were it fit for it."""
        reasons = [
            busy or ("kept_for_red" if unit in self._seating.kept else None)
            for unit, busy in enumerate(self._weighing.busy)
        ]
        for unit, number in self._seating.goes_to.items():
            reasons[unit] = f"serves_{self._weighing.wants[number].incident_id}"
        return reasons

    def _elsewhere_but(self, number: int) -> list[str | None]:
        """The same as this incident sees it, to which some go, or are under way."""
        reasons, goes_to = self._reasons.copy(), self._seating.goes_to
        incident_id = self._weighing.wants[number].incident_id
        for unit, on in enumerate(self._weighing.on):
            if on is not None and on.incident_id == incident_id and unit not in goes_to:
                reasons[unit] = "already_sent"
        for unit in self._seating.crews.get(number, ()):
            reasons[unit] = None
        if (drone := self._seating.drones.get(number)) is not None:
            reasons[drone] = None
        return reasons


_LEVEL_ZH: Mapping[Level, str] = {Level.RED: "红", Level.YELLOW: "黄", Level.BLUE: "蓝", Level.GREEN: "绿"}


def _why_not_the_soonest(eta_s: float, sooner: Candidate) -> tuple[str, str]:
    assert sooner.left_out is not None
    if sooner.left_out == "kept_for_red":
        what_zh, what_en = "为红色警情预留", "is kept for red"
    else:
        incident = sooner.left_out.removeprefix("serves_")
        what_zh, what_en = f"去 {incident}", f"serves {incident}"
    assert sooner.eta_s is not None
    (zh, en), its = _there_in(eta_s), clock_text(sooner.eta_s)
    return (
        f"{zh}；{sooner.unit_id} 更快（{its}），但{what_zh}",
        f"{en}; {sooner.unit_id} would be sooner ({its}), but {what_en}",
    )


def _there_in(eta_s: float) -> tuple[str, str]:
    return f"{clock_text(eta_s)} 后到场", f"there in {clock_text(eta_s)}"


def _soonest_of(free: int, eta_s: float) -> tuple[str, str]:
    zh, en = _there_in(eta_s)
    if free == 1:
        return f"唯一空闲的警力：{zh}", f"the only free unit: {en}"
    return f"{free} 个空闲警力中最快：{zh}", f"soonest of {free} free units: {en}"
