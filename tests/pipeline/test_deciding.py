"""Deciding: each decision is stored once, and counted once, for what it came to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.board import Crews, Sending
from patrol.domain.camera import CameraId, RingName
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.errors import IllegalTransition, NotAsAsked, Objection
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Disposition, IncidentId, IncidentState
from patrol.domain.orders import OrderState, Receipt, ReceiptKind
from patrol.pipeline.deciding import Deciding
from patrol.ports import Effect
from tests.builders import at, camera, candidate, event, ring
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import counted

FIRST = IncidentId("I-1")


async def answer(room: DispatchRoom, kind: ReceiptKind, number: int) -> None:
    order = (await room.orders())[-1]
    receipt = Receipt(order.id, number, "units", order.unit_id, kind, room.clock.now())
    await room.deciding.receive(FIRST, receipt, Effect("dispatch", f"{order.id}/{number}"))


def orders(room: DispatchRoom, state: OrderState) -> float:
    return counted(room.metrics, "patrol_orders_total", ring="core", state=state.value)


def took(room: DispatchRoom, stage: str) -> tuple[float, float]:
    """How often a stage was passed, and how long that took in all."""
    labels = {"stage": stage, "ring": "core", "level": "red"}
    name = "patrol_stage_duration_seconds"
    return counted(room.metrics, f"{name}_count", **labels), counted(room.metrics, f"{name}_sum", **labels)


def test_the_way_of_an_incident_is_measured_stage_by_stage(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            room.clock.advance(2)
            await room.deciding.assign(FIRST)
            for number, (kind, after_s) in enumerate(
                ((ReceiptKind.ACCEPTED, 3), (ReceiptKind.ON_SCENE, 30), (ReceiptKind.DONE, 60))
            ):
                room.clock.advance(after_s)
                await answer(room, kind, number)
            room.clock.advance(20)
            await room.deciding.close(FIRST, Disposition.HANDLED, "Li", "settled")
            assert took(room, "order") == (1, 2)
            assert took(room, "unit_accept") == (1, 3)
            assert took(room, "travel") == (1, 30)
            assert took(room, "feedback") == (1, 20)
            for state in (OrderState.SENT, OrderState.ACCEPTED, OrderState.ON_SCENE, OrderState.DONE):
                assert orders(room, state) == 1
            assert orders(room, OrderState.EXPIRED) == 0
            assert counted(room.metrics, "patrol_incidents_closed_total", disposition="handled") == 1
            assert counted(room.metrics, "patrol_response_seconds_count", ring="core", level="red") == 1

    asyncio.run(check())


def test_the_first_crews_way_is_measured_and_the_seconds_is_not(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, sending=Sending(Crews({Level.RED: 2}))) as room:
            await room.alert()
            await room.deciding.assign(FIRST)
            first, second = await room.orders()
            for number, (order, kind, after_s) in enumerate(
                (
                    (first, ReceiptKind.ACCEPTED, 3),
                    (second, ReceiptKind.ACCEPTED, 4),
                    (first, ReceiptKind.ON_SCENE, 20),
                    (second, ReceiptKind.ON_SCENE, 100),
                )
            ):
                room.clock.advance(after_s)
                receipt = Receipt(order.id, number, "units", order.unit_id, kind, room.clock.now())
                await room.deciding.receive(FIRST, receipt, Effect("dispatch", f"{order.id}/{number}"))
            assert took(room, "unit_accept") == (1, 3)
            assert took(room, "travel") == (1, 24)
            assert counted(room.metrics, "patrol_response_seconds_sum", ring="core", level="red") == 27
            assert counted(room.metrics, "patrol_response_seconds_count", ring="core", level="red") == 1

    asyncio.run(check())


def test_an_arrival_that_is_told_late_is_measured_and_a_button_beside_a_position_is_not_another(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await ordered(room)
            room.clock.advance(60)
            await answer(room, ReceiptKind.DONE, 2)
            (order,) = await room.orders()
            told = Receipt(order.id, 3, "units", order.unit_id, ReceiptKind.ON_SCENE, at(40))
            await room.deciding.receive(FIRST, told, Effect("dispatch", "late"))
            assert counted(room.metrics, "patrol_response_seconds_sum", ring="core", level="red") == 40
            assert orders(room, OrderState.DONE) == 1, "only what is known of it has changed"

    asyncio.run(check())


def overdue(room: DispatchRoom) -> float:
    return counted(room.metrics, "patrol_response_overdue_total", ring="core", level="red")


async def ordered(room: DispatchRoom) -> None:
    await room.alert()
    await room.deciding.assign(FIRST)
    await answer(room, ReceiptKind.ACCEPTED, 1)


def test_a_missed_target_is_counted_once_whoever_finds_it_first(tmp_path: Path) -> None:
    async def by_the_clock(room: DispatchRoom) -> None:
        await room.deciding.mark_overdue(FIRST)
        await room.deciding.mark_overdue(FIRST)

    async def by_a_receipt(room: DispatchRoom) -> None:
        await answer(room, ReceiptKind.ON_SCENE, 2)

    async def by_the_closure(room: DispatchRoom) -> None:
        pass

    async def check() -> None:
        for number, found in enumerate((by_the_clock, by_a_receipt, by_the_closure)):
            folder = tmp_path / str(number)
            folder.mkdir()
            async with dispatch_room(folder) as room:
                await ordered(room)
                room.clock.advance(61)
                assert overdue(room) == 0
                await found(room)
                await room.deciding.close(FIRST, Disposition.HANDLED, "Li", "")
                assert overdue(room) == 1, found.__name__

    asyncio.run(check())


def test_a_target_that_was_kept_is_not_counted_as_missed(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await ordered(room)
            room.clock.advance(59)
            await answer(room, ReceiptKind.ON_SCENE, 2)
            room.clock.advance(600)
            await room.deciding.close(FIRST, Disposition.HANDLED, "Li", "")
            assert overdue(room) == 0

    asyncio.run(check())


def test_a_clock_that_was_set_back_between_alert_and_arrival_counts_as_no_time_at_all(tmp_path: Path) -> None:
    """A histogram's sum must never fall: Prometheus would take that for a restart."""

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await ordered(room)
            set_back = Deciding(room.store, FakeClock(at(-3600)), room.metrics)
            (order,) = await room.orders()
            arrived = Receipt(order.id, 2, "units", order.unit_id, ReceiptKind.ON_SCENE, at(-3600))
            await set_back.receive(FIRST, arrived, Effect("dispatch", f"{order.id}/2"))
            for name in ("patrol_response_seconds", "patrol_response_from_onset_seconds"):
                labels = {"ring": "core", "level": "red"}
                assert counted(room.metrics, f"{name}_count", **labels) == 1
                assert counted(room.metrics, f"{name}_sum", **labels) == 0

    asyncio.run(check())


def test_what_changes_nothing_and_what_was_done_before_is_not_counted(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            once = Effect("dispatch", "A-1")
            assert await room.deciding.assign(FIRST, once) is not None
            assert await room.deciding.assign(FIRST, once) is None
            again = await room.deciding.assign(FIRST)
            assert again is not None
            assert again.reason == "already under way"
            await answer(room, ReceiptKind.ACCEPTED, 1)
            await answer(room, ReceiptKind.ACCEPTED, 2)
            assert (orders(room, OrderState.SENT), orders(room, OrderState.ACCEPTED)) == (1, 1)
            assert took(room, "order")[0] == took(room, "unit_accept")[0] == 1

    asyncio.run(check())


def test_what_operators_do_is_stamped_with_their_name_and_the_time_and_only_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            for seconds, name in ((1, "Li"), (5, "Wang")):
                room.clock.advance(seconds)
                await room.desk.displayed(FIRST, f"seat of {name}")
                await room.desk.confirm(FIRST, name)
            await room.desk.close(FIRST, Disposition.FALSE_ALARM, "Wang", "a shadow")
            found = await room.incident()
            shown = {name: (stamp.at, stamp.source) for name, stamp in found.clocks.items()}
            assert shown[ClockName.DISPLAYED] == (at(1), "seat of Li")
            assert shown[ClockName.CONFIRMED] == (at(1), "Li")
            assert shown[ClockName.CLOSED] == shown[ClockName.FEEDBACK] == (at(6), "Wang")
            assert (found.disposition, found.closed_by, found.reason) == (Disposition.FALSE_ALARM, "Wang", "a shadow")

    asyncio.run(check())


def test_closing_twice_and_an_unknown_incident_are_refused_and_not_counted(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.desk.close(FIRST, Disposition.HANDLED, "Li", "")
            with pytest.raises(IllegalTransition):
                await room.desk.close(FIRST, Disposition.DUPLICATE, "Wang", "")
            for call in (
                room.desk.displayed(IncidentId("I-nobody"), "seat"),
                room.desk.confirm(IncidentId("I-nobody"), "Li"),
                room.desk.close(IncidentId("I-nobody"), Disposition.HANDLED, "Li", ""),
            ):
                with pytest.raises(KeyError):
                    await call
            closed = {
                each.value: counted(room.metrics, "patrol_incidents_closed_total", disposition=each.value)
                for each in Disposition
            }
            assert {name: count for name, count in closed.items() if count} == {"handled": 1}

    asyncio.run(check())


def test_a_target_found_missed_by_a_late_arrival_is_counted_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.deciding.assign(FIRST)
            room.clock.advance(75)  # nobody ticked in the meantime
            await answer(room, ReceiptKind.ON_SCENE, 1)
            await room.deciding.mark_overdue(FIRST)
            assert counted(room.metrics, "patrol_response_overdue_total", ring="core", level="red") == 1

    asyncio.run(check())


TWO_PEOPLE = frozenset({Level.RED})
SMALL_CROWDS_WAIT = Sending(
    confirm=ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(60, Then.SEND), Level.GREEN: Waiting(60, Then.CLOSE)}})
)


def closed(room: DispatchRoom) -> float:
    return counted(room.metrics, "patrol_incidents_closed_total", disposition="handled")


def test_a_red_one_counts_as_closed_once_the_second_person_has_agreed(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, second_person=TWO_PEOPLE) as room:
            await ordered(room)
            assert not await room.desk.close(FIRST, Disposition.HANDLED, "Li", "settled")
            assert closed(room) == 0
            (waiting,) = await room.orders()
            assert waiting.state is OrderState.ACCEPTED, "units go on meanwhile"
            with pytest.raises(NotAsAsked):
                await room.desk.close(FIRST, Disposition.HANDLED, "Li", "settled")
            room.clock.advance(30)
            assert await room.desk.close(FIRST, Disposition.HANDLED, "Wang", "")
            assert closed(room) == 1
            found = await room.incident()
            assert (found.clocks[ClockName.FEEDBACK].source, found.clocks[ClockName.CLOSED].source) == ("Li", "Wang")
            (recalled,) = await room.orders()
            assert recalled.state is OrderState.RECALLED

    asyncio.run(check())


def test_a_withdrawn_closing_leaves_it_open(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, second_person=TWO_PEOPLE) as room:
            await ordered(room)
            await room.desk.close(FIRST, Disposition.HANDLED, "Li", "settled")
            await room.desk.withdraw_closing(FIRST, "Wang")
            found = await room.incident()
            assert (found.is_open, found.closing) == (True, None)

    asyncio.run(check())


def test_what_is_opened_again_gets_a_unit_and_its_first_arrival_is_counted_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await ordered(room)
            for number, kind in enumerate((ReceiptKind.ON_SCENE, ReceiptKind.DONE), start=2):
                room.clock.advance(10)
                await answer(room, kind, number)
            await room.desk.close(FIRST, Disposition.HANDLED, "Li", "settled")
            room.clock.advance(600)
            await room.desk.reopen(FIRST, "Wang", "they are back")
            again = await room.incident()
            assert (again.life, again.state) == (2, IncidentState.ORDERED)
            assert len(await room.orders()) == 2
            assert again.clocks[ClockName.ORDER_SENT].at == at(620)
            assert again.due_at == at(680)
            room.clock.advance(20)
            await answer(room, ReceiptKind.ON_SCENE, 1)
            assert (await room.incident()).clocks[ClockName.ON_SCENE].at == at(640)
            assert counted(room.metrics, "patrol_response_seconds_count", ring="core", level="red") == 1
            assert took(room, "order")[0] == 1, "the second order says nothing of how soon the first was sent"
            await room.desk.close(FIRST, Disposition.REFERRED, "Li", "to the county")
            assert [life.disposition for life in (await room.incident()).history] == [Disposition.HANDLED]

    asyncio.run(check())


def test_alerts_join_what_was_opened_again(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.desk.close(FIRST, Disposition.HANDLED, "Li", "settled")
            await room.desk.reopen(FIRST, "Wang", "they are back")
            room.clock.advance(200)
            seen = event(camera_id=CameraId("C-1"), began_at=at(190), confirmed_at=at(199))
            later = candidate(7, event=seen, detected_at=at(199.5))
            acceptance = await room.store.accept(later, room.clock.now())
            assert acceptance.incident is not None
            assert acceptance.incident.id == FIRST
            assert acceptance.incident.alert_ids == ("A-1", "A-7")

    asyncio.run(check())


def test_made_more_urgent_it_gets_a_unit_and_less_urgent_it_gets_none_for_that(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert(level=Level.YELLOW)
            await room.desk.change_level(FIRST, Level.BLUE, "Li", "a wedding")
            assert await room.orders() == []
            await room.desk.change_level(FIRST, Level.RED, "Li", "knives")
            assert len(await room.orders()) == 1
            found = await room.incident()
            assert (found.level, found.level_by) == (Level.RED, "Li")
            assert [change.level for change in found.level_changes] == [Level.BLUE, Level.RED]
            (told, *_) = [one for one in await room.told("patrol:incident") if one.data["level"] == "red"]
            assert told.data["level_by"] == "Li"

    asyncio.run(check())


def test_a_duplicate_is_one_of_an_incident_that_there_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert(1)
            await room.alert(2)
            for original, why in (("I-1", Objection.ORIGINAL_ITSELF), ("I-9", Objection.ORIGINAL_UNKNOWN)):
                with pytest.raises(NotAsAsked, match=original) as caught:
                    await room.desk.close(FIRST, Disposition.DUPLICATE, "Li", "", duplicate_of=IncidentId(original))
                assert caught.value.why is why
            await room.desk.close(FIRST, Disposition.DUPLICATE, "Li", "", duplicate_of=IncidentId("I-2"))
            found = await room.incident()
            assert (found.disposition, found.duplicate_of) == (Disposition.DUPLICATE, "I-2")
            with pytest.raises(NotAsAsked, match="I-1"):
                await room.desk.close(IncidentId("I-2"), Disposition.DUPLICATE, "Li", "", duplicate_of=FIRST)
            assert counted(room.metrics, "patrol_incidents_closed_total", disposition="duplicate") == 1

    asyncio.run(check())


def test_what_is_held_says_until_when_and_is_sent_on_a_persons_word(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, sending=SMALL_CROWDS_WAIT) as room:
            await room.alert(level=Level.BLUE, ring=ring(RingName.FAR), camera=camera(ring=RingName.FAR))
            held = await room.deciding.hold(FIRST)
            assert held is not None
            assert held.reason == "held"
            assert (await room.incident()).held_until == at(60)
            assert await room.orders() == []
            await room.desk.confirm(FIRST, "Li")
            assert len(await room.orders()) == 1
            assert (await room.incident()).held_until is None

    asyncio.run(check())


def test_what_is_held_is_sent_as_soon_as_a_person_says_how_urgent_it_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, sending=SMALL_CROWDS_WAIT) as room:
            await room.alert(level=Level.BLUE, ring=ring(RingName.FAR), camera=camera(ring=RingName.FAR))
            await room.deciding.hold(FIRST)
            await room.desk.change_level(FIRST, Level.GREEN, "Li", "two boys")
            assert len(await room.orders()) == 1
            assert (await room.incident()).held_until is None

    asyncio.run(check())


def test_what_nobody_confirmed_is_closed_by_rule_and_counted(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, sending=SMALL_CROWDS_WAIT) as room:
            await room.alert(level=Level.GREEN, ring=ring(RingName.FAR), camera=camera(ring=RingName.FAR))
            await room.deciding.hold(FIRST)
            room.clock.advance(60)
            await room.deciding.hold(FIRST)
            found = await room.incident()
            assert (found.disposition, found.closed_by) == (Disposition.UNFOUNDED, "rule")
            assert counted(room.metrics, "patrol_incidents_closed_total", disposition="unfounded") == 1

    asyncio.run(check())


def test_what_waits_for_nobody_is_left_alone_by_holding(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, sending=SMALL_CROWDS_WAIT) as room:
            await room.alert(level=Level.RED)
            left = await room.deciding.hold(FIRST)
            assert left is not None
            assert (left.reason, left.incident) == ("not held", None)

    asyncio.run(check())
