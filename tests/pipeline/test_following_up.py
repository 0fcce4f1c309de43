"""Following up: whatever is late is seen from the store alone, queue or not, and each thing is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from patrol.adapters.memory import FakeClock
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.dispatch import Outcome
from patrol.domain.errors import StoreError
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Level
from patrol.domain.fixes import Fix, FixSettings
from patrol.domain.incidents import ClockName, Disposition, EscalationStep, IncidentState, Stamp
from patrol.domain.lateness import LatenessKind
from patrol.domain.orders import OrderState, ReceiptKind
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import Place
from patrol.domain.ways import Fallback, Start, TravelTable, WaySource
from patrol.pipeline import deciding
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.following_up import QUEUE_HAS_S, TOLD_A_TICK, FollowingUp
from patrol.pipeline.locating import judged
from patrol.pipeline.steps import Step
from patrol.pipeline.wayfinding import Wayfinding
from patrol.ports import Ledger
from tests.builders import NOON, at, duty, incident, north, order, unit
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by


async def ticks(room: DispatchRoom, seconds: int) -> None:
    """So many seconds, with a look in each."""
    for _ in range(seconds):
        room.clock.advance(1)
        await room.following_up.tick()


async def states(room: DispatchRoom) -> Sequence[tuple[str, OrderState]]:
    return [(order.unit_id, order.state) for order in await room.orders()]


def test_an_alert_the_queue_does_not_bring_gets_its_order_all_the_same_but_the_queue_goes_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, int(QUEUE_HAS_S))
            assert await states(room) == []
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.SENT)]
            (alert,) = await room.told("patrol:alert:")
            await room.dispatching.handle(alert)  # the queue is back
            assert await states(room) == [("U-1", OrderState.SENT)]

    asyncio.run(check())


async def position(room: DispatchRoom, metres: float, unit_id: str = "U-1") -> None:
    """As a terminal sends it now, judged and stored."""
    place, now = north(metres), room.clock.now()
    sent = Fix(UnitId(unit_id), place, now, now, source="terminal", id=f"terminal#{now.isoformat()}")
    await SqlDuties(room.store).place(lambda duties: judged([sent], duties, now, FixSettings())[0])


def test_positions_say_that_a_unit_moves_and_is_on_scene_and_the_button_comes_after(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1", home=north(100)),)) as room:
            await room.alert()
            await ticks(room, int(QUEUE_HAS_S) + 1)
            (order,) = await room.orders()
            await position(room, 100)
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            for metres, state in ((95, OrderState.ACCEPTED), (60, OrderState.EN_ROUTE), (20, OrderState.ON_SCENE)):
                await ticks(room, 5)
                await position(room, metres)
                await ticks(room, 1)
                assert await states(room) == [("U-1", state)]
            found = await room.incident()
            arrived_at = room.clock.now() - timedelta(seconds=1)
            assert found.clocks[ClockName.ON_SCENE] == Stamp(arrived_at, "unit U-1, by its position")
            told = await room.told("patrol:incident")
            assert [one.data["state"] for one in told][-3:] == ["accepted", "en_route", "on_scene"]
            await ticks(room, 5)
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ON_SCENE, 2))
            (order,) = await room.orders()
            assert (order.arrived_at, order.pressed_at) == (arrived_at, room.clock.now())
            assert (await room.incident()).clocks[ClockName.ON_SCENE].at == arrived_at
            assert counted(room.metrics, "patrol_response_seconds_count", ring="core", level="red") == 1

    asyncio.run(check())


def test_a_silent_unit_stays_as_a_back_up_and_the_next_best_one_is_sent_in_time(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"), unit("U-2"), unit("U-3"))) as room:
            await room.alert()
            await ticks(room, 3)
            accept_within_s = int(RINGS[(await room.incident()).ring].accept_within_s)
            await ticks(room, accept_within_s - 1)
            assert await states(room) == [("U-1", OrderState.SENT)]
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.DOUBTED), ("U-2", OrderState.SENT)]
            assert [told.data["unit_id"] for told in await room.told("patrol:order:core")] == ["U-1", "U-2"]
            await ticks(room, accept_within_s)
            assert [unit_id for unit_id, _ in await states(room)] == ["U-1", "U-2", "U-3"]

    asyncio.run(check())


def test_a_unit_that_accepted_is_never_doubted(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await ticks(room, 300)
            assert (await states(room))[0] == ("U-1", OrderState.ACCEPTED)

    asyncio.run(check())


def test_an_incident_whose_target_passed_is_flagged_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await ticks(room, 57)
            assert (await room.incident()).overdue is False
            await ticks(room, 30)
            assert (await room.incident()).overdue is True
            assert counted(room.metrics, "patrol_response_overdue_total", ring="core", level="red") == 1
            flags = [told.data["overdue"] for told in await room.told("patrol:incident")]
            assert [before for before, after in pairwise(flags) if before is not after] == [False], "once, for good"

    asyncio.run(check())


def test_with_nobody_free_it_asks_again_until_somebody_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            await room.alert(1)
            await ticks(room, 3)
            first = (await room.orders())[0]
            await room.dispatching.handle(room.receipt(first, ReceiptKind.ACCEPTED))
            await room.alert(2)
            await ticks(room, 10)
            assert len(await room.orders()) == 1
            # From the second look on: at the first one its alert may still be on its way, and that it is short is told.
            assert counted(room.metrics, "patrol_dispatch_shortfalls_total", ring="core") == 9
            await room.dispatching.handle(room.receipt(first, ReceiptKind.DONE, 2))
            await ticks(room, 1)
            assert {order.incident_id: order.state for order in await room.orders()} == {
                "I-1": OrderState.DONE,
                "I-2": OrderState.SENT,
            }

    asyncio.run(check())


def test_a_declined_order_goes_to_the_next_unit_at_the_next_look(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            await room.dispatching.handle(room.receipt((await room.orders())[0], ReceiptKind.REJECTED))
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.REJECTED), ("U-2", OrderState.SENT)]

    asyncio.run(check())


def test_what_is_closed_is_left_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            incident_id = await room.alert()
            await ticks(room, 3)
            await room.desk.close(incident_id, Disposition.FALSE_ALARM, "Li", "a shadow")
            await ticks(room, 200)
            assert await states(room) == [("U-1", OrderState.RECALLED)]
            incident = await room.incident()
            assert (incident.state, incident.overdue) == (IncidentState.CLOSED, False)
            assert {duty.state for duty in (await room.store.open_ledger()).duties} == {UnitState.AVAILABLE}

    asyncio.run(check())


def test_two_who_follow_up_at_once_send_one_unit(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            room.clock.advance(5)
            await asyncio.gather(*(room.following_up.tick() for _ in range(4)))
            assert await states(room) == [("U-1", OrderState.SENT)]
            room.clock.advance(30)
            await asyncio.gather(*(room.following_up.tick() for _ in range(4)))
            assert await states(room) == [("U-1", OrderState.DOUBTED), ("U-2", OrderState.SENT)]

    asyncio.run(check())


def test_a_store_that_is_away_is_told_once_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        looks = 0

        async def open_ledger(self) -> Ledger:
            self.looks += 1
            if self.looks <= 30 or self.looks > 60:
                raise StoreError("database is locked")
            return Ledger((), (), ())

        latest_closed = totals = open_ledger

    async def check() -> None:
        clock, metrics, reader = FakeClock(NOON), fresh_metrics(), Away()
        following_up = FollowingUp(reader, Deciding(reader, clock, metrics), RINGS, clock, metrics)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(following_up.run(stopping))
            await clock.sleep(90.5)
            stopping.set()
        assert reader.looks == 90
        assert counted(metrics, "patrol_stage_errors_total", stage="dispatch") == 60

    asyncio.run(check())
    told = told_by(caplog)
    assert told == ["follow-up waits for the store: database is locked"] * 2  # at each change for the worse


async def steps_told(room: DispatchRoom, incident_id: str = "I-1") -> list[str]:
    """Each step that was taken, in order."""
    told = [one.data for one in await room.told("patrol:incident") if one.data["incident_id"] == incident_id]
    taken = [one["escalation"] for one in told if one["escalation"] is not None]
    return [step for step, _ in dict.fromkeys((one["step"], one["at"]) for one in taken)]


def test_what_stays_late_is_told_farther_up_step_by_step_and_each_step_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (first,) = await room.orders()
            await room.dispatching.handle(room.receipt(first, ReceiptKind.ACCEPTED))  # late to set out from 18 s on
            await ticks(room, 15)
            assert await steps_told(room) == []
            for seconds, told in ((1, ["next_unit"]), (18, ["next_unit"]), (1, ["next_unit", "supervisor"])):
                await ticks(room, seconds)
                assert await steps_told(room) == told
            await ticks(room, 25)
            assert await steps_told(room) == ["next_unit", "supervisor", "room"]
            count = len(await room.told("patrol:incident"))
            await ticks(room, 80)
            assert len(await room.told("patrol:incident")) == count
            await ticks(room, 60)  # the second unit, which never answers, is asked again
            assert await steps_told(room) == ["next_unit", "supervisor", "room"]
            for step in EscalationStep:
                assert counted(room.metrics, "patrol_escalations_total", level="red", step=step.value) == 1

    asyncio.run(check())


def test_who_has_taken_it_on_is_left_alone_until_something_else_gets_late(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            incident_id = await room.alert()
            await ticks(room, 3)
            (first,) = await room.orders()
            await room.dispatching.handle(room.receipt(first, ReceiptKind.ACCEPTED))
            await ticks(room, 16)
            await room.desk.acknowledge(incident_id, "李明")
            (last,) = [one.data["escalation"] for one in (await room.told("patrol:incident"))[-1:]]
            assert (last["step"], last["acknowledged_by"]) == ("next_unit", "李明")
            await ticks(room, 41)
            assert await steps_told(room) == ["next_unit"]
            await ticks(room, 2)  # the target has passed
            escalation = (await room.incident()).escalation
            assert escalation is not None
            assert (escalation.step, escalation.acknowledged_by) == (EscalationStep.NEXT_UNIT, None)
            await ticks(room, 20)
            assert await steps_told(room) == ["next_unit", "next_unit", "supervisor"]

    asyncio.run(check())


def test_with_nobody_free_the_supervisor_knows_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            await room.alert(1)
            await ticks(room, 3)
            await room.alert(2)
            await ticks(room, 1)
            escalation = (await room.incident("I-2")).escalation
            assert escalation is not None
            assert escalation.step is EscalationStep.SUPERVISOR
            assert escalation.why_en == "all who may go are busy"
            told = [one.data["shortfall"] for one in await room.told("patrol:incident") if one.subject.endswith("I-2")]
            assert [one and one["reason"] for one in told] == [None, "all_busy", "all_busy"]

    asyncio.run(check())


def test_feedback_is_asked_for_until_it_comes_and_at_last_once_an_hour(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            policy = replace(FollowUpPolicy(), reminders=3)
            room.following_up = FollowingUp(room.store, room.deciding, RINGS, room.clock, room.metrics, policy=policy)
            await room.alert()
            await ticks(room, 3)
            (first,) = await room.orders()
            for number, kind in enumerate((ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE), 1):
                await room.dispatching.handle(room.receipt(first, kind, number))
            await ticks(room, 300)
            assert (await room.incident()).reminders == 0
            await ticks(room, 1)
            assert (await room.incident()).reminders == 1
            await ticks(room, 120)
            assert (await room.incident()).reminders == 2
            await ticks(room, 600)
            assert (await room.incident()).reminders == 3
            told = [one.data["reminders"] for one in await room.told("patrol:incident")]
            assert [number for number in told if number] == [1, 2, 3]
            assert counted(room.metrics, "patrol_reminders_total", level="red") == 3
            assert (await room.incident()).escalation is None
            room.clock.advance(3600)
            await ticks(room, 1)
            assert (await room.incident()).reminders == 4

    asyncio.run(check())


class Killed(BaseException):
    """The process ended here."""


def dies_at(step: Step, patches: pytest.MonkeyPatch) -> None:
    """The next time that it is passed."""

    def passing(reached: Step) -> None:
        if reached is step:
            patches.undo()
            raise Killed

    patches.setattr(deciding, "passing", passing)


@pytest.mark.parametrize(
    ("step", "stored"), [(Step.DISPATCH_ESCALATING, False), (Step.DISPATCH_ESCALATED, True)], ids=["before", "after"]
)
def test_who_is_killed_while_a_step_is_taken_has_taken_it_once_and_the_next_unit_goes(
    step: Step, stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"), unit("U-2"))) as room:
            await room.alert()
            await ticks(room, 3)
            (first,) = await room.orders()
            await room.dispatching.handle(room.receipt(first, ReceiptKind.ACCEPTED))
            await ticks(room, 15)
            dies_at(step, monkeypatch)
            with pytest.raises(Killed):
                await ticks(room, 1)
            assert await steps_told(room) == (["next_unit"] if stored else [])
            assert len(await room.orders()) == 1
            await ticks(room, 2)
            assert await steps_told(room) == ["next_unit"]
            assert len({one["at"] for one in await escalations(room)}) == 1
            assert [order.unit_id for order in await room.orders()] == ["U-1", "U-2"]

    asyncio.run(check())


async def escalations(room: DispatchRoom) -> list[dict[str, Any]]:
    told = [one.data["escalation"] for one in await room.told("patrol:incident")]
    return [one for one in told if one is not None]


def test_who_is_killed_when_feedback_was_asked_for_does_not_ask_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (first,) = await room.orders()
            for number, kind in enumerate((ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE), 1):
                await room.dispatching.handle(room.receipt(first, kind, number))
            await ticks(room, 300)
            dies_at(Step.DISPATCH_REMINDED, monkeypatch)
            with pytest.raises(Killed):
                await ticks(room, 1)
            assert (await room.incident()).reminders == 1
            await ticks(room, 100)
            assert (await room.incident()).reminders == 1

    asyncio.run(check())


class Counting:
    """A reader with this ledger, and decisions that are only counted."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.calls: list[str] = []

    async def open_ledger(self) -> Ledger:
        return self.ledger

    latest_closed = totals = gone_evidence = None

    def __getattr__(self, name: str) -> Any:
        async def note(*args: Any, **more: Any) -> None:
            self.calls.append(name)

        return note


def late_room(ledger: Ledger, seconds: float) -> tuple[Counting, FollowingUp, Any]:
    room, clock, metrics = Counting(ledger), FakeClock(NOON), fresh_metrics()
    clock.advance(seconds)
    return room, FollowingUp(room, room, RINGS, clock, metrics), metrics  # type: ignore[arg-type]


def test_of_500_open_incidents_that_need_nothing_the_store_is_asked_nothing() -> None:
    driving = incident(state=IncidentState.EN_ROUTE)
    driving = replace(driving, clocks={**driving.clocks, ClockName.MOVING: Stamp(at(10), "unit U-1")})
    numbers = range(500)
    ledger = Ledger(
        tuple(replace(driving, id=f"I-{number}") for number in numbers),
        tuple(order(f"U-{number}", number, incident_id=f"I-{number}", state=OrderState.EN_ROUTE) for number in numbers),
        tuple(duty(f"U-{number}", state=UnitState.EN_ROUTE) for number in range(200)),
    )

    async def check() -> None:
        room, following_up, _ = late_room(ledger, 20)
        await following_up.tick()
        assert room.calls == []

    asyncio.run(check())


def test_what_is_due_at_once_is_told_in_portions_the_most_urgent_first() -> None:
    waiting = [incident(number, level=Level.RED if number > 290 else Level.BLUE) for number in range(300)]
    ledger = Ledger(tuple(waiting), (), (duty(state=UnitState.EN_ROUTE),))

    async def check() -> None:
        room, following_up, metrics = late_room(ledger, 59)
        await following_up.tick()
        assert room.calls.count("escalate") == 9, "the red ones"
        assert room.calls.count("note_short") == TOLD_A_TICK - 9
        assert room.calls[:2] == ["note_short", "escalate"]
        room, following_up, metrics = late_room(ledger, 1000)
        await following_up.tick()
        assert room.calls.count("mark_overdue") == 300
        assert room.calls.count("escalate") == room.calls.count("note_short") == TOLD_A_TICK / 2
        assert counted(metrics, "patrol_late", kind="nobody_sent") == 300
        assert counted(metrics, "patrol_late", kind="target_passed") == 300
        following_up._reader.ledger = Ledger((), (), ())  # type: ignore[attr-defined]
        await following_up.tick()
        assert {counted(metrics, "patrol_late", kind=kind.value) for kind in LatenessKind} == {0}

    asyncio.run(check())


class Streets:
    """TravelTimes: every way takes so long. ``asked``: to where."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: set[Place] = set()

    async def table(self, starts: Sequence[Start], destinations: Sequence[Place]) -> TravelTable:
        self.asked.update(destinations)
        rows = tuple(tuple(self.seconds for _ in destinations) for _ in starts)
        return TravelTable(WaySource.GRAPH, rows, tuple(Fallback.NO_WAY for _ in starts))


@pytest.mark.parametrize(("way_s", "told"), [(20.0, []), (300.0, ["next_unit"])])
def test_whether_a_crew_will_be_late_goes_by_the_streets_where_they_are_known(
    tmp_path: Path, way_s: float, told: list[str]
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1", home=north(20)), unit("U-2", home=north(30)))) as room:
            await room.deciding.assign(await room.alert())
            (first,) = await room.orders()
            streets = Streets(way_s)
            finding = Wayfinding(room.store, streets)
            room.following_up = FollowingUp(
                room.store, room.deciding, RINGS, room.clock, room.metrics, wayfinding=finding
            )
            await ticks(room, 1)
            assert streets.asked == set(), "nobody has accepted, and nobody waits"
            on_the_way = room.receipt(first, ReceiptKind.EN_ROUTE, place=north(45))
            await room.dispatching.handle(on_the_way)
            await ticks(room, 1)
            assert streets.asked == {first.destination}
            assert await steps_told(room) == told
            if told:
                assert "is expected" in ((await room.incident()).escalation or pytest.fail("no escalation")).why_en

    asyncio.run(check())


def test_a_unit_that_this_look_has_sent_is_offered_to_nobody_else() -> None:
    class One(Counting):
        async def assign(self, incident_id: str) -> Outcome:
            self.calls.append(f"assign {incident_id}")
            of = next(one for one in self.ledger.incidents if one.id == incident_id)
            sent = tuple(replace(one, state=UnitState.ASSIGNED) for one in self.ledger.duties)
            return Outcome(incident=of.to(IncidentState.ORDERED), duties=sent, reason="ordered")

    async def check() -> None:
        clock, metrics = FakeClock(NOON), fresh_metrics()
        clock.advance(5)
        room = One(Ledger(tuple(incident(number) for number in range(3)), (), (duty(),)))
        await FollowingUp(room, room, RINGS, clock, metrics).tick()  # type: ignore[arg-type]
        assert [call for call in room.calls if call.startswith("assign")] == ["assign I-0"]
        assert room.calls.count("escalate") == 2
        assert counted(metrics, "patrol_dispatch_shortfalls_total", ring="core") == 2

    asyncio.run(check())
