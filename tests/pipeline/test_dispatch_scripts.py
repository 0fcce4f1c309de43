"""Scripts of a night: what dispatch does, second by second, until a unit is there; in memory and over a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain import turns
from patrol.domain.board import Crews, Sending
from patrol.domain.camera import RingName
from patrol.domain.choosing import Policy
from patrol.domain.closeness import MergePolicy
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.duties import set_by_operator
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Disposition, EscalationStep, IncidentState, LoopStage
from patrol.domain.lateness import LateAfter, LatenessKind, overdue, watch_of
from patrol.domain.orders import OrderState, ReceiptKind
from patrol.domain.schedules import TimeWindow
from patrol.domain.shortfalls import ShortfallReason
from patrol.domain.units import Shift, TravelMode, Unit, UnitId, UnitKind, UnitState
from patrol.domain.wants import Needs
from tests.builders import at, north, unit
from tests.pipeline.dispatch_stage import Stage, stage

ACCEPTED, EN_ROUTE, ON_SCENE, DONE = (
    ReceiptKind.ACCEPTED,
    ReceiptKind.EN_ROUTE,
    ReceiptKind.ON_SCENE,
    ReceiptKind.DONE,
)
Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.long)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    address: str | None = None
    if request.param == "valkey":
        address = request.getfixturevalue("valkey")
        with Redis.from_url(address) as redis:
            redis.flushall()
    return lambda units, **more: stage(tmp_path, units, address, **more)


FEW = 5


@pytest.fixture
def few_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of each line as in a storm are looked at of many more."""
    monkeypatch.setattr(turns, "MOST_WAITING", FEW)


def crew(number: int, metres: float, **changes: object) -> Unit:
    return unit(f"U-{number}", home=north(metres), **changes)


def test_declined_and_the_next_best_is_there_in_time(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 50), crew(3, 400)]) as on:
            incident_id = await on.alert()
            assert on.ordered() == {"U-1"}
            await on.seconds(3)
            await on.say("U-1", ReceiptKind.REJECTED)
            await on.seconds(1)
            assert on.ordered() == {"U-2"}
            await on.say("U-2", ACCEPTED, EN_ROUTE)
            await on.seconds(30)
            await on.say("U-2", ON_SCENE)
            incident = await on.incident(incident_id)
            assert (incident.state, incident.overdue) == (IncidentState.ON_SCENE, False)
            assert incident.seconds(ClockName.ACCEPTED, ClockName.ON_SCENE) == 34

    asyncio.run(script())


def test_silence_doubts_the_first_and_whoever_accepts_first_goes(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 50)]) as on:
            incident_id = await on.alert()
            await on.seconds(9)
            assert on.ordered() == {"U-1"}
            await on.seconds(1)
            assert on.ordered() == {"U-1", "U-2"}  # the first is a back-up
            await on.say("U-2", ACCEPTED)
            assert on.ordered() == {"U-2"}
            assert [order.state for order in await on.orders(incident_id)] == [OrderState.EXPIRED, OrderState.ACCEPTED]

    asyncio.run(script())


def test_a_unit_that_never_answers_is_not_tied_to_its_order_for_ever(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)], sending=Sending(unanswered_after_s=60)) as on:
            first = await on.alert(1, level=Level.YELLOW)
            await on.seconds(69)
            assert [order.state for order in await on.orders(first)] == [OrderState.DOUBTED]
            second = await on.alert(2, level=Level.RED)
            await on.seconds(2)
            assert await on.orders(second) != []  # what is more urgent has it as soon as it is free
            assert [order.state for order in await on.orders(first)] == [OrderState.EXPIRED]
            await on.say("U-1", ACCEPTED)
            assert (await on.incident(second)).state is IncidentState.ACCEPTED

    asyncio.run(script())


def test_and_is_asked_again_where_nothing_else_wants_it(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)], sending=Sending(unanswered_after_s=60)) as on:
            only = await on.alert()
            await on.seconds(71)
            assert [order.state for order in await on.orders(only)] == [OrderState.EXPIRED, OrderState.SENT]
            assert on.ordered() == {"U-1"}
            await on.say("U-1", ACCEPTED)
            assert (await on.incident(only)).state is IncidentState.ACCEPTED

    asyncio.run(script())


def test_a_back_up_that_answers_late_goes_and_the_other_is_called_back(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 50)]) as on:
            await on.alert()
            await on.seconds(11)
            await on.say("U-1", ACCEPTED)
            assert on.ordered() == {"U-1"}
            await on.say("U-1", EN_ROUTE)
            await on.seconds(20)
            assert on.ordered() == {"U-1"}

    asyncio.run(script())


def test_a_crew_that_accepts_and_does_not_set_out_is_told_farther_up_and_one_more_is_sent(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 50)]) as on:
            incident_id = await on.alert()
            await on.say("U-1", ACCEPTED)
            await on.seconds(15)
            assert on.ordered() == {"U-1"}
            await on.seconds(3)
            assert on.ordered() == {"U-1", "U-2"}
            escalation = (await on.incident(incident_id)).escalation
            assert escalation is not None
            assert "not set out" in escalation.why_en

    asyncio.run(script())


def test_nobody_free_is_told_farther_up_at_once_and_the_first_who_is_free_goes(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            first = await on.alert(1)
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            second = await on.alert(2)
            await on.seconds(3)
            waiting = await on.incident(second)
            assert waiting.state is IncidentState.NEW
            assert waiting.escalation is not None
            assert waiting.escalation.step is EscalationStep.SUPERVISOR
            assert waiting.shortfall is not None
            assert waiting.shortfall.en == "1 crew short: all who may go are busy"
            assert waiting.escalation.why_en == "all who may go are busy"
            await on.say("U-1", DONE)
            await on.seconds(1)
            assert await on.orders(second) != []
            assert (await on.incident(first)).state is IncidentState.HANDLED
            assert (await on.incident(second)).state is IncidentState.ORDERED

    asyncio.run(script())


def test_two_reds_at_once_each_get_the_unit_that_leaves_nobody_late(opened: Open) -> None:
    async def script() -> None:
        # U-1 is nearest to both; only the first incident is near enough for U-2.
        async with opened([crew(1, 0), crew(2, 90)]) as on:
            await on.alert(1, place=north(60))
            await on.alert(2, place=north(-80))
            await on.seconds(1)
            places = {unit_id: on.orders_of[on.last_order(unit_id) or ""].data for unit_id in on.ordered()}
            assert set(places) == {"U-1", "U-2"}

    asyncio.run(script())


def test_red_takes_a_unit_on_its_way_and_the_lesser_one_gets_another(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 3000)]) as on:
            lesser = await on.alert(1, Level.BLUE)
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            red = await on.alert(2, Level.RED)
            assert [order.unit_id for order in await on.orders(red)] == ["U-1"]
            assert [(order.unit_id, order.state) for order in await on.orders(lesser)] == [
                ("U-1", OrderState.RECALLED),
                ("U-2", OrderState.SENT),
            ]
            assert [kind for kind, _ in on.heard["U-1"]] == ["order", "recall", "order"]

    asyncio.run(script())


def test_who_is_on_scene_is_never_taken_away(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            lesser = await on.alert(1, Level.GREEN)
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            red = await on.alert(2, Level.RED)
            await on.seconds(5)
            assert await on.orders(red) == []
            assert (await on.incident(lesser)).state is IncidentState.ON_SCENE

    asyncio.run(script())


def test_what_is_kept_for_red_goes_to_red_alone(opened: Open) -> None:
    async def script() -> None:
        sending = Sending(policy=Policy(reserve={RingName.CORE: 1}))
        async with opened([crew(1, 10), crew(2, 20)], sending=sending) as on:
            await on.alert(1, Level.YELLOW)
            await on.alert(2, Level.YELLOW)
            await on.seconds(5)
            assert on.ordered() == {"U-1"}
            await on.alert(3, Level.RED)
            assert on.ordered() == {"U-1", "U-2"}

    asyncio.run(script())


def test_an_order_that_cannot_be_in_time_says_so_and_is_told_farther_up_before_the_deadline(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 900)]) as on:
            incident_id = await on.alert()
            (order,) = await on.orders(incident_id)
            assert not order.target_feasible
            await on.seconds(1)
            incident = await on.incident(incident_id)
            assert incident.escalation is not None
            assert incident.escalation.step is EscalationStep.SUPERVISOR
            assert incident.escalation.at < at(60)
            assert "Joint 1 is soonest, in 7:35, 6:35 late" in incident.escalation.why_en

    asyncio.run(script())


def test_a_dispatcher_s_own_choice_wins_and_stays(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 500)]) as on:
            incident_id = await on.alert()
            await on.room.desk.order_unit(incident_id, UnitId("U-2"), "li")
            await on.settle()
            assert on.ordered() == {"U-1", "U-2"}
            first = (await on.orders(incident_id))[0]
            await on.room.desk.take_back(incident_id, first.id, "li")
            await on.settle()
            await on.seconds(5)
            assert on.ordered() == {"U-2"}
            (by_hand,) = [order for order in await on.orders(incident_id) if order.ordered_by is not None]
            assert by_hand.ordered_by == "li"

    asyncio.run(script())


def test_whom_a_dispatcher_took_back_is_not_sent_again_but_by_a_person(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 300)]) as on:
            incident_id = await on.alert(level=Level.YELLOW)
            await on.say("U-1", ACCEPTED)
            (first,) = await on.orders(incident_id)
            await on.room.desk.take_back(incident_id, first.id, "li")
            await on.settle()
            await on.seconds(4)
            assert on.ordered() == {"U-2"}
            second = (await on.orders(incident_id))[-1]
            assert {one.unit_id: one.left_out for one in second.candidates}["U-1"] == "taken_back"
            await on.room.desk.order_unit(incident_id, UnitId("U-1"), "li")
            await on.settle()
            assert on.ordered() == {"U-1", "U-2"}
            assert all(redone.is_same for redone in await on.chosen_again())

    asyncio.run(script())


def test_whom_a_dispatcher_sent_stays_when_another_accepts(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 300)]) as on:
            incident_id = await on.alert(level=Level.YELLOW)
            await on.room.desk.order_unit(incident_id, UnitId("U-2"), "li")
            await on.say("U-1", ACCEPTED)
            assert on.ordered() == {"U-1", "U-2"}
            by_hand = next(order for order in await on.orders(incident_id) if order.ordered_by == "li")
            await on.room.desk.take_back(incident_id, by_hand.id, "li")
            await on.settle()
            assert on.ordered() == {"U-1"}

    asyncio.run(script())


def test_no_crew_more_is_sent_once_the_first_that_was_late_is_there(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 200), crew(2, 90)]) as on:
            await on.alert(1, level=Level.GREEN, place=north(90))
            await on.say("U-2", ACCEPTED, EN_ROUTE, ON_SCENE)
            late = await on.alert(2, level=Level.YELLOW)
            await on.say("U-1", ACCEPTED, EN_ROUTE, place=north(190))
            await on.seconds(70)
            assert (await on.incident(late)).crews_missing == 1
            await on.say("U-1", ON_SCENE)
            arrived = await on.incident(late)
            assert (arrived.crews_missing, arrived.shortfall) == (0, None)
            await on.say("U-2", DONE)
            await on.seconds(3)
            assert [order.unit_id for order in await on.orders(late)] == ["U-1"]

    asyncio.run(script())


def test_a_storm_of_one_ring_or_of_drills_keeps_no_unit_from_what_it_can_serve(
    opened: Open, few_looked_at: None
) -> None:
    async def script() -> None:
        periphery = frozenset({RingName.PERIPHERY})
        units = [crew(1, 10, rings=frozenset({RingName.CORE})), crew(9, 20, rings=periphery)]
        async with opened(units) as on:
            for number in range(1, FEW + 4):
                await on.alert(number, Level.RED)
                await on.alert(100 + number, Level.RED, ring_name=RingName.PERIPHERY, simulated=True)
            lesser = await on.alert(500, Level.YELLOW, ring_name=RingName.PERIPHERY)
            await on.seconds(1)
            assert [order.unit_id for order in await on.orders(lesser)] == ["U-9"]
            assert all(redone.is_same for redone in await on.chosen_again())

    asyncio.run(script())


def test_no_second_crew_goes_where_another_waits_for_its_first(opened: Open, few_looked_at: None) -> None:
    async def script() -> None:
        reds = range(1, FEW + 2)
        units = [*(crew(number, 10 + number) for number in reds), crew(99, 50)]
        async with opened(units, sending=Sending(Crews({Level.RED: 2}))) as on:
            for each in units:
                await on.put(each.id, UnitState.OUT_OF_SERVICE)
            for number in reds:
                await on.put(f"U-{number}", UnitState.AVAILABLE)
                await on.alert(number, Level.RED)
                await on.say(f"U-{number}", ACCEPTED, EN_ROUTE, ON_SCENE)
            waiting = await on.alert(500, Level.YELLOW)
            await on.put("U-99", UnitState.AVAILABLE)
            await on.seconds(3)
            assert [order.unit_id for order in await on.orders(waiting)] == ["U-99"]

    asyncio.run(script())


def test_what_a_kind_needs_is_waited_for(opened: Open) -> None:
    async def script() -> None:
        sending = Sending(needs={Kind.CROWD: Needs(frozenset({"armed"}), crew_at_least=3)})
        armed = frozenset({"armed"})
        units = [crew(1, 10, crew=4), crew(2, 20, capabilities=armed), crew(3, 300, capabilities=armed, crew=3)]
        async with opened(units, sending=sending) as on:
            first = await on.alert(1)
            (order,) = await on.orders(first)
            left_out = {one.unit_id: one.left_out for one in order.candidates}
            assert left_out == {"U-3": None, "U-1": "lacks_armed", "U-2": "crew_of_2"}
            second = await on.alert(2)
            await on.seconds(1)
            assert await on.orders(second) == []
            assert all(redone.is_same for redone in await on.chosen_again())

    asyncio.run(script())


def test_a_drone_is_there_first_and_the_crew_s_arrival_stops_the_clock(opened: Open) -> None:
    async def script() -> None:
        drone = unit("D-1", kind=UnitKind.DRONE_GROUP, home=north(200), speed_m_s=15.0, mobilise_s=5.0)
        async with opened([crew(1, 600), drone]) as on:
            incident_id = await on.alert(ring_name=RingName.FAR)
            assert on.ordered() == {"U-1", "D-1"}
            await on.say("D-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            incident = await on.incident(incident_id)
            assert (incident.state, ClockName.ON_SCENE in incident.clocks) == (IncidentState.ORDERED, False)
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(30)
            await on.say("U-1", ON_SCENE)
            incident = await on.incident(incident_id)
            assert incident.state is IncidentState.ON_SCENE
            assert incident.clocks[ClockName.ON_SCENE].source.startswith("unit U-1")

    asyncio.run(script())


def test_two_crews_go_to_red_and_the_second_is_called_back_once_it_is_handled(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 90)], sending=Sending(Crews({Level.RED: 2}))) as on:
            incident_id = await on.alert()
            assert on.ordered() == {"U-1", "U-2"}
            await on.say("U-2", ACCEPTED, EN_ROUTE)
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE, DONE)
            assert on.ordered() == set()
            assert [order.state for order in await on.orders(incident_id)] == [OrderState.DONE, OrderState.RECALLED]

    asyncio.run(script())


def test_merged_while_en_route_the_one_that_is_farther_goes_on(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 20)]) as on:
            first = await on.alert(1)
            second = await on.alert(2)
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            stays = await on.room.desk.merge(second, first, "li")
            await on.settle()
            await on.seconds(3)
            assert stays == first
            assert on.ordered() == {"U-1"}
            assert (await on.incident(second)).disposition is Disposition.DUPLICATE

    asyncio.run(script())


def test_what_is_opened_again_gets_a_unit_anew_and_no_word_of_its_earlier_life_moves_it(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 20)]) as on:
            incident_id = await on.alert()
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            order_id = on.last_order("U-1")
            await on.room.desk.close(incident_id, Disposition.UNFOUNDED, "li", "nothing there")
            await on.settle()
            assert on.ordered() == set()
            await on.seconds(5)
            await on.room.desk.reopen(incident_id, "zhao", "it goes on")
            await on.seconds(3)
            assert on.ordered() == {"U-1"}
            assert on.last_order("U-1") != order_id
            await on.say("U-1", ON_SCENE, order_id=order_id)  # from a terminal that was off all the while
            incident = await on.incident(incident_id)
            assert (incident.state, incident.life) == (IncidentState.ORDERED, 2)
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            assert (await on.incident(incident_id)).state is IncidentState.ON_SCENE

    asyncio.run(script())


def test_what_is_opened_again_has_its_target_anew_and_nothing_of_before_makes_it_late(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            incident_id = await on.alert()
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(10)
            await on.say("U-1", ON_SCENE, DONE)
            await on.room.desk.close(incident_id, Disposition.HANDLED, "li", "settled")
            await on.settle()
            await on.seconds(600)
            await on.room.desk.reopen(incident_id, "zhao", "it goes on")
            await on.settle()
            await on.seconds(2)
            again = await on.incident(incident_id)
            assert (again.due_at, again.shortfall, again.escalation) == (at(670), None, None)
            assert on.orders_of[str(on.last_order("U-1"))].data["due_at"] == "2026-01-01T12:11:10.000+00:00"
            await on.seconds(50)
            await on.say("U-1", ACCEPTED, ON_SCENE)
            there = await on.incident(incident_id)
            assert (there.clocks[ClockName.ON_SCENE].at, there.overdue) == (at(662), False)
            assert there.history[0].clocks[ClockName.ON_SCENE].at == at(10)
            watch = watch_of(there, await on.orders(incident_id))
            assert overdue([watch], (), LateAfter(), at(1850)) == (), "20 minutes since it was opened again"
            (late,) = overdue([watch], (), LateAfter(), at(1863))
            assert (late.kind, late.since) == (LatenessKind.NOT_HANDLED, at(1862))

    asyncio.run(script())


def test_a_refusal_after_a_while_is_told_by_the_steps_from_then_on(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 30)]) as on:
            incident_id = await on.alert(ring_name=RingName.FAR)
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(54)
            assert (await on.incident(incident_id)).escalation is None
            await on.say("U-1", ReceiptKind.REJECTED)
            for _ in range(40):
                await on.seconds(1)
                step = (await on.incident(incident_id)).escalation
                assert step is not None
                assert step.step is EscalationStep.SUPERVISOR, "nobody else is there, which is known at once"
            await on.seconds(10)
            last = (await on.incident(incident_id)).escalation
            assert last is not None
            assert (last.step, last.at) == (EscalationStep.ROOM, at(100))

    asyncio.run(script())


def test_a_back_up_that_accepts_after_all_has_its_time_to_set_out(opened: Open) -> None:
    async def script() -> None:
        sending = Sending(Crews({Level.RED: 2}))
        async with opened([crew(1, 10), crew(2, 50)], sending=sending) as on:
            incident_id = await on.alert()
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            await on.seconds(12)
            await on.room.desk.acknowledge(incident_id, "li")
            await on.settle()
            await on.seconds(28)
            await on.say("U-2", ACCEPTED)
            await on.seconds(14)
            acknowledged = (await on.incident(incident_id)).escalation
            assert acknowledged is not None
            assert acknowledged.acknowledged_by == "li", "nothing else has got late since"
            await on.seconds(2)
            after = (await on.incident(incident_id)).escalation
            assert after is not None
            assert after.causes[-1].startswith("unit_not_moving/")

    asyncio.run(script())


def test_a_crew_of_which_nobody_knew_where_it_accepted_moves_by_its_positions(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 300), crew(2, 400)]) as on:
            await on.at("U-1", north(290))
            on.room.clock.advance(40)
            incident_id = await on.alert(level=Level.YELLOW, ring_name=RingName.FAR)
            await on.say("U-1", ACCEPTED)
            await on.seconds(1)
            for metres in (270, 250, 230):
                await on.at("U-1", north(metres))
                await on.seconds(5)
            moved = await on.incident(incident_id)
            assert moved.state is IncidentState.EN_ROUTE
            assert moved.clocks[ClockName.MOVING].at == at(51)

    asyncio.run(script())


def test_what_is_done_without_a_word_of_arrival_is_not_overdue(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            incident_id = await on.alert()
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(20)
            await on.say("U-1", DONE)
            await on.seconds(60)
            assert not (await on.incident(incident_id)).overdue

    asyncio.run(script())


def test_a_dispatcher_sends_who_is_off_duty_by_the_table(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            off = UnitState.OFF_DUTY
            now = on.room.clock.now()
            await on.duties.change(lambda there: [set_by_operator(one, off, now) for one in there], "li", "", now)
            incident_id = await on.alert()
            assert on.ordered() == set()
            await on.room.desk.order_unit(incident_id, UnitId("U-1"), "li")
            await on.settle()
            assert await on.state_of("U-1") is UnitState.ASSIGNED
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE, DONE)
            assert await on.state_of("U-1") is off  # as it was told

    asyncio.run(script())


def test_what_waits_for_a_word_is_sent_on_it_or_closed_in_time_and_says_until_when(opened: Open) -> None:
    async def script() -> None:
        waiting = {Level.BLUE: Waiting(30, Then.SEND), Level.GREEN: Waiting(30, Then.CLOSE)}
        sending = Sending(confirm=ConfirmPolicy({Kind.CROWD: waiting}))
        async with opened([crew(1, 10), crew(2, 20), crew(3, 30)], sending=sending) as on:
            around = RingName.PERIPHERY
            confirmed = await on.alert(1, Level.BLUE, ring_name=around)
            sent = await on.alert(2, Level.BLUE, ring_name=around)
            closed = await on.alert(3, Level.GREEN, ring_name=around)
            await on.seconds(5)
            assert on.ordered() == set()
            assert (await on.incident(sent)).held_until == at(30)
            await on.room.desk.confirm(confirmed, "li")
            await on.settle()
            assert on.ordered() == {"U-1"}
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(27)
            assert {order.incident_id for order in await on.room.orders()} == {confirmed, sent}
            assert (await on.incident(closed)).disposition is Disposition.UNFOUNDED

    asyncio.run(script())


def test_in_the_core_a_unit_goes_at_once_whatever_is_to_be_confirmed_elsewhere(opened: Open) -> None:
    async def script() -> None:
        waiting = ConfirmPolicy(
            {Kind.CROWD: {Level.YELLOW: Waiting(60, Then.SEND), Level.GREEN: Waiting(60, Then.CLOSE)}}
        )
        async with opened([crew(1, 10), crew(2, 20)], sending=Sending(confirm=waiting)) as on:
            found = [await on.alert(1, Level.YELLOW), await on.alert(2, Level.GREEN)]
            assert on.ordered() == {"U-1", "U-2"}
            assert [(await on.incident(each)).held_until for each in found] == [None, None]

    asyncio.run(script())


def test_a_red_one_that_an_operator_lowers_is_not_closed_by_the_rule_of_its_new_level(opened: Open) -> None:
    async def script() -> None:
        waiting = ConfirmPolicy({Kind.CROWD: {Level.YELLOW: Waiting(60, Then.CLOSE)}})
        async with opened([crew(1, 10)], sending=Sending(confirm=waiting)) as on:
            await on.alert(1, Level.RED)
            await on.say("U-1", ACCEPTED, EN_ROUTE, ON_SCENE)
            other = await on.alert(2, Level.RED, ring_name=RingName.PERIPHERY)
            await on.seconds(90)
            await on.room.desk.change_level(other, Level.YELLOW, "li", "looks smaller")
            await on.seconds(2)
            assert (await on.incident(other)).is_open
            await on.say("U-1", DONE)
            await on.seconds(2)
            assert [order.unit_id for order in await on.orders(other)] == ["U-1"]

    asyncio.run(script())


def test_what_the_rule_has_sent_and_nobody_takes_is_not_said_to_wait_for_a_word(opened: Open) -> None:
    async def script() -> None:
        sending = Sending(confirm=ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(30, Then.SEND)}}))
        async with opened([crew(1, 10)], sending=sending) as on:
            sent = await on.alert(1, Level.BLUE, ring_name=RingName.PERIPHERY)
            await on.seconds(33)
            assert on.ordered() == {"U-1"}
            assert (await on.incident(sent)).held_until is None
            await on.say("U-1", ReceiptKind.REJECTED)
            await on.seconds(120)
            escalation = (await on.incident(sent)).escalation
            assert escalation is not None
            assert "confirmation_waits" not in escalation.causes

    asyncio.run(script())


def test_an_incident_says_how_long_it_was_in_each_stage_of_the_loop(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            one = await on.alert(1)
            (before,) = (await on.incident(one)).stages.before_s.items()
            assert before == (LoopStage.COLLECT, 0), "ordered before anybody has seen it"
            await on.seconds(4)
            await on.say("U-1", ReceiptKind.REJECTED)
            assert (await on.incident(one)).stages.before_s[LoopStage.ORDER] == pytest.approx(4, abs=0.5)
            await on.room.desk.displayed(one, "seat")
            await on.seconds(6)
            await on.room.desk.close(one, Disposition.HANDLED, "li", "settled")
            ended = (await on.incident(one)).stages
            assert ended.now is None
            assert set(ended.before_s) == {LoopStage.COLLECT, LoopStage.ORDER, LoopStage.ROUTE}
            assert ended.before_s[LoopStage.ROUTE] == pytest.approx(6, abs=0.5)

    asyncio.run(script())


def test_an_operator_s_red_takes_a_unit_from_what_the_rules_call_urgent(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10)]) as on:
            await on.alert(1, Level.YELLOW)
            await on.say("U-1", ACCEPTED)
            other = await on.alert(2, Level.BLUE)
            await on.seconds(3)
            assert await on.orders(other) == []
            await on.room.desk.change_level(other, Level.RED, "li", "a knife")
            await on.settle()
            assert [order.unit_id for order in await on.orders(other)] == ["U-1"]

    asyncio.run(script())


def test_a_crew_whose_position_is_lost_on_its_way_is_doubled_and_who_is_lost_is_not_sent(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 200), crew(2, 90), crew(3, 3000)], sending=Sending(Crews({Level.RED: 1}))) as on:
            await on.at("U-2", north(95))
            await on.at("U-3", north(500))
            incident_id = await on.alert(place=north(150))
            assert on.ordered() == {"U-1"}
            await on.say("U-1", ACCEPTED, EN_ROUTE, place=north(190))
            await on.seconds(30)
            assert on.ordered() == {"U-1"}
            await on.seconds(2)
            assert on.ordered() == {"U-1", "U-2"}
            incident = await on.incident(incident_id)
            assert incident.escalation is not None
            assert "has told no position for 30 s" in incident.escalation.why_en
            more = (await on.orders(incident_id))[-1]
            assert "its position is 31 s old" in more.why_en
            assert more.eta_s == pytest.approx(5 + 55 * 1.3 / 2.6 + 31, abs=1), "it may have gone as far away since"
            on.room.clock.advance(600)
            other = await on.alert(2, Level.BLUE)
            short = (await on.incident(other)).shortfall
            assert (await on.orders(other), short and short.reason) == ([], ShortfallReason.NONE_LOCATED)
            await on.at("U-3", north(500))
            await on.seconds(3)
            assert [order.unit_id for order in await on.orders(other)] == ["U-3"]

    asyncio.run(script())


EARLY = Shift((TimeWindow(time(6), time(12, 0, 20)),), ZoneInfo("UTC"))
LATE = Shift((TimeWindow(time(12, 0, 20), time(20)),), ZoneInfo("UTC"))


def test_a_shift_that_ends_in_the_middle_ends_no_order_and_the_next_choice_takes_the_new_one_s(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10, shift=EARLY), crew(2, 20, shift=EARLY), crew(3, 90, shift=LATE)]) as on:
            await on.seconds(1)
            first = await on.alert(1)
            assert on.ordered() == {"U-1"}
            assert {one.unit_id: one.left_out for one in (await on.orders(first))[0].candidates} == {
                "U-1": None,
                "U-2": None,
                "U-3": "unit_off_duty",
            }
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.seconds(25)
            assert [await on.state_of(f"U-{number}") for number in (1, 2, 3)] == [
                UnitState.EN_ROUTE,
                UnitState.OFF_DUTY,
                UnitState.AVAILABLE,
            ]
            await on.alert(2, Level.BLUE)
            assert on.ordered() == {"U-1", "U-3"}
            await on.say("U-1", ON_SCENE, DONE)
            assert (await on.incident(first)).state is IncidentState.HANDLED
            assert await on.state_of("U-1") is UnitState.OFF_DUTY
            third = await on.alert(3)
            short = (await on.incident(third)).shortfall
            assert on.ordered() == {"U-3"}
            assert short is None, "red takes the late shift's from blue"
            assert [order.unit_id for order in await on.orders(third)] == ["U-3"]

    asyncio.run(script())


def test_it_is_time_that_counts_with_mobilising_and_not_metres_and_who_is_on_the_way_home_counts(opened: Open) -> None:
    async def script() -> None:
        slow, car = crew(1, 60, mobilise_s=60.0), crew(2, 500, mode=TravelMode.CAR, speed_m_s=12.0, mobilise_s=5.0)
        async with opened([slow, car]) as on:
            first = await on.alert(1)
            assert on.ordered() == {"U-2"}
            await on.say("U-2", ACCEPTED, EN_ROUTE)
            await on.say("U-2", ON_SCENE, DONE, place=north(0))
            assert await on.state_of("U-2") is UnitState.RETURNING
            second = await on.alert(2)
            assert [order.unit_id for order in await on.orders(second)] == ["U-2"]
            assert (await on.orders(second))[0].eta_s == pytest.approx(5.0)
            assert (await on.incident(first)).state is IncidentState.HANDLED

    asyncio.run(script())


def test_what_three_cameras_see_is_one_incident_with_its_crews_and_no_more(opened: Open) -> None:
    async def script() -> None:
        async with opened([crew(1, 10), crew(2, 20), crew(3, 30)], policy=MergePolicy()) as on:
            ids = [await on.alert(number, place=north(5.0 * number)) for number in (1, 2, 3)]
            await on.seconds(3)
            assert len(set(ids)) == 1
            assert on.ordered() == {"U-1"}
            assert len((await on.incident(ids[0])).witnesses) == 3

    asyncio.run(script())


def test_every_choice_of_a_night_is_the_same_when_it_is_made_again(opened: Open) -> None:
    async def script() -> None:
        sending = Sending(Crews({Level.RED: 2}), Policy(reserve={RingName.CORE: 1}))
        async with opened([crew(number, 60.0 * number) for number in range(1, 5)], sending=sending) as on:
            await on.alert(1, Level.YELLOW)
            await on.say("U-1", ACCEPTED, EN_ROUTE)
            await on.alert(2, Level.RED)
            await on.seconds(12)
            await on.say("U-2", ReceiptKind.REJECTED)
            await on.alert(3, Level.BLUE)
            await on.seconds(15)
            again = await on.chosen_again()
            assert len(again) > 3
            assert sum(len(one.went) for one in again) == len(await on.room.orders())
            assert all(one.is_same for one in again)

    asyncio.run(script())
