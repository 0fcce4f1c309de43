"""Simulated operators: they look, confirm and close through the desk, in a person's time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from patrol.adapters.memory import FakeClock
from patrol.demo.plots import DEMO_CONFIRM, Plot, Plots
from patrol.demo.simulated_operators import (
    CONFIRM_S,
    FEEDBACK_S,
    NAME,
    SECOND,
    SECOND_S,
    TAKES_ON_S,
    SimulatedOperators,
)
from patrol.demo.simulated_shift import SimulatedShift
from patrol.domain import feedback
from patrol.domain.dispatch import Situation
from patrol.domain.errors import IllegalTransition, StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import (
    ClockName,
    ClosingRequest,
    Disposition,
    Escalation,
    EscalationStep,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
)
from patrol.ports import Ledger
from tests.builders import NOON, at, incident


class Feed:
    """A ledger and a desk in memory. ``away``: every call fails as a store that is away would.

    ``takes_two``: closing does. ``closers``: who said that it shall be closed, one after the other.
    """

    def __init__(self, clock: FakeClock, *incidents: Incident) -> None:
        self.clock = clock
        self.incidents = {each.id: each for each in incidents}
        self.done: list[tuple[str, str, float]] = []
        self.away = False
        self.refuses_to_close = self.takes_two = False
        self.closers: list[str] = []

    async def open_ledger(self) -> Ledger:
        if self.away:
            raise StoreError("away")
        return Ledger(tuple(each for each in self.incidents.values() if each.is_open), (), ())

    latest_closed = totals = None

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        self._note("displayed", incident_id, ClockName.DISPLAYED)

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        self._note("confirm", incident_id, ClockName.CONFIRMED)

    async def acknowledge(self, incident_id: IncidentId, operator: str) -> None:
        self.done.append(("acknowledge", incident_id, self.clock.monotonic()))
        found = self.incidents[incident_id]
        assert found.escalation is not None
        taken_on = replace(found.escalation, acknowledged_by=operator, acknowledged_at=self.clock.now())
        self.incidents[incident_id] = replace(found, escalation=taken_on)

    async def close(
        self,
        incident_id: IncidentId,
        disposition: Disposition,
        operator: str,
        reason: str,
        reason_code: FalseAlarmReason | None = None,
        duplicate_of: IncidentId | None = None,
    ) -> bool:
        if self.refuses_to_close:
            raise IllegalTransition("closed already")
        assert operator.startswith("SIM-")
        self.closers.append(operator)
        alone = Situation(self.incidents[incident_id], (), ())
        two = frozenset({Level.RED}) if self.takes_two else frozenset()
        original = None if duplicate_of is None else self.incidents[duplicate_of]
        said = operator, reason, self.clock.now(), reason_code, two, original
        outcome = feedback.close(alone, disposition, *said)
        assert outcome.incident is not None
        self.incidents[incident_id] = outcome.incident
        if not outcome.incident.is_open:
            self.done.append(("close", incident_id, self.clock.monotonic()))
        return not outcome.incident.is_open

    def _note(self, what: str, incident_id: IncidentId, name: ClockName) -> None:
        self.done.append((what, incident_id, self.clock.monotonic()))
        self.incidents[incident_id] = self.incidents[incident_id].stamped(name, self.clock.now(), "test")

    def at(self, what: str) -> list[float]:
        return [seconds for name, _, seconds in self.done if name == what]


async def work(feed: Feed, seconds: float, *programme: Plot) -> SimulatedOperators:
    plots = Plots(DEMO_CONFIRM, programme or (Plot.USUAL,))
    operators = SimulatedOperators(feed, feed, SimulatedShift(feed, feed.clock), feed.clock, random.Random(3), plots)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(operators.run(stopping))
        await feed.clock.sleep(seconds)
        stopping.set()
        stopped_at = feed.clock.monotonic()
    assert feed.clock.monotonic() - stopped_at < 0.1
    return operators


def test_a_new_incident_is_looked_at_at_once_and_confirmed_after_a_persons_time() -> None:
    async def check() -> None:
        feed = Feed(FakeClock(NOON), incident(1, simulated=True))
        await work(feed, 60)
        assert feed.at("displayed") == [1.0]
        (confirmed_at,) = feed.at("confirm")
        assert CONFIRM_S[0] <= confirmed_at <= CONFIRM_S[1] + 2
        assert feed.at("close") == []  # nobody has been there yet

    asyncio.run(check())


def test_a_handled_incident_is_closed_after_a_persons_time() -> None:
    async def check() -> None:
        feed = Feed(
            FakeClock(NOON), incident(1, simulated=True, state=IncidentState.HANDLED), incident(2, simulated=True)
        )
        operators = await work(feed, 60)
        assert [incident_id for what, incident_id, _ in feed.done if what == "close"] == ["I-1"]
        assert FEEDBACK_S[0] <= feed.at("close")[0] <= FEEDBACK_S[1] + 2
        assert {incident_id for incident_id, _ in operators._due} <= {"I-2"}  # nothing is kept of what is closed

    asyncio.run(check())


def test_what_is_late_is_taken_on_after_a_persons_time_and_each_step_once() -> None:
    async def check() -> None:
        late = Escalation(EscalationStep.NEXT_UNIT, at(0), "", "")
        feed = Feed(FakeClock(NOON), incident(1, simulated=True, escalation=late), incident(2, simulated=True))
        await work(feed, 60)
        (taken_on_at,) = feed.at("acknowledge")
        assert TAKES_ON_S[0] <= taken_on_at <= TAKES_ON_S[1] + 2

    asyncio.run(check())


def test_what_takes_two_people_is_closed_by_two_of_them() -> None:
    async def check() -> None:
        feed = Feed(FakeClock(NOON), incident(1, simulated=True, state=IncidentState.HANDLED))
        feed.takes_two = True
        await work(feed, 60)
        assert feed.closers == [NAME, SECOND]
        assert SECOND_S[0] <= feed.at("close")[0] - FEEDBACK_S[0]
        closed = feed.incidents[IncidentId("I-1")]
        assert (closed.disposition, closed.closed_by) == (Disposition.HANDLED, SECOND)

    asyncio.run(check())


def test_the_second_one_agrees_with_a_person_at_the_real_feed_too() -> None:
    async def check() -> None:
        asked = ClosingRequest(Disposition.FALSE_ALARM, FalseAlarmReason.POSTER, "", "李明", NOON)
        feed = Feed(FakeClock(NOON), incident(1, simulated=True, closing=asked))
        feed.takes_two = True
        await work(feed, 60)
        assert feed.closers == [SECOND]
        closed = feed.incidents[IncidentId("I-1")]
        assert (closed.disposition, closed.reason_code) == (Disposition.FALSE_ALARM, FalseAlarmReason.POSTER)

    asyncio.run(check())


def test_somebody_at_the_real_feed_may_be_faster() -> None:
    async def check() -> None:
        feed = Feed(
            FakeClock(NOON), incident(1, simulated=True, state=IncidentState.HANDLED), incident(2, simulated=True)
        )
        feed.refuses_to_close = True
        await work(feed, 30)
        assert len(feed.at("confirm")) == 2

    asyncio.run(check())


def test_a_store_that_is_away_is_looked_at_again() -> None:
    async def check() -> None:
        feed = Feed(FakeClock(NOON), incident(1, simulated=True))
        feed.away = True

        async def mend() -> None:
            await feed.clock.sleep(30)
            feed.away = False

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mend())
            tasks.create_task(work(feed, 60))
        assert 30 <= feed.at("displayed")[0] <= 32

    asyncio.run(check())
