"""Viewing: what the command room sees is true, in the order of urgency, and bounded."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from patrol.adapters.sql import SqlStore
from patrol.domain.camera import RingName
from patrol.domain.errors import StoreError
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Disposition, Incident, IncidentId, IncidentState, LoopStage, Stamp
from patrol.domain.orders import ReceiptKind
from patrol.domain.room import ClosedPlace, OpenPlace, RoomSnapshot, TourStatus
from patrol.domain.units import UnitState
from patrol.pipeline import viewing
from patrol.pipeline.covering import EVERY_S, Covering
from patrol.pipeline.viewing import (
    CLOSED_SHOWN,
    MAINTENANCE_SHOWN,
    OPEN_SHOWN,
    TOUR_SILENT_AFTER_S,
    Room,
    as_shown,
    most_urgent_first,
    stages,
)
from patrol.ports import Ledger, Totals
from tests.builders import NOON, SQUARE, at, camera, incident, north, unit
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, told_by


def tour_status(seen_at: datetime = NOON) -> TourStatus:
    return TourStatus(seen_at, 1.0, 33.0, (), (), (), 10, 9, 0)


def stage_counts(snapshot: RoomSnapshot) -> dict[LoopStage, int]:
    return {found.stage: found.count for found in snapshot.stages if found.count}


class RefusesAtFirst:
    """A store whose open incidents cannot be read the first few times."""

    def __init__(self, store: SqlStore, times: int) -> None:
        self._store = store
        self._times = times
        self.asked = 0

    async def open_ledger(self) -> Ledger:
        self.asked += 1
        if self.asked <= self._times:
            raise StoreError("database is locked")
        return await self._store.open_ledger()

    async def latest_closed(self, limit: int, before: ClosedPlace | None = None) -> Ledger:
        return await self._store.latest_closed(limit, before)

    async def totals(self) -> Totals:
        return await self._store.totals()


async def order_sent(room: DispatchRoom) -> None:
    await room.relay()
    await room.consume()


def test_an_empty_room_is_a_whole_one(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            snapshot = await room.room.snapshot()
            assert (snapshot.station, snapshot.station_en, snapshot.simulated) == ("站", "Station", True)
            assert snapshot.at == NOON
            assert (snapshot.tour, snapshot.incidents, dict(snapshot.orders)) == (None, (), {})
            assert snapshot.queue.degraded is None
            assert [found.stage for found in snapshot.stages] == list(LoopStage)
            assert [(found.unit.id, found.state) for found in snapshot.units] == [
                ("U-1", UnitState.AVAILABLE),
                ("U-2", UnitState.AVAILABLE),
            ]

    asyncio.run(check())


def test_an_incident_walks_through_the_stages_of_the_loop(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            incident_id = await room.alert()
            assert stage_counts(await room.room.snapshot()) == {LoopStage.COLLECT: 1}
            await room.desk.displayed(incident_id, "seat-1")
            assert stage_counts(await room.room.snapshot()) == {LoopStage.ROUTE: 1}
            await order_sent(room)
            assert stage_counts(await room.room.snapshot()) == {LoopStage.ORDER: 1}
            (order,) = await room.orders()
            for number, (kind, stage) in enumerate(
                (
                    (ReceiptKind.ACCEPTED, LoopStage.FOLLOW_UP),
                    (ReceiptKind.ON_SCENE, LoopStage.FOLLOW_UP),
                    (ReceiptKind.DONE, LoopStage.FEED_BACK),
                )
            ):
                room.clock.advance(10)
                await room.dispatching.handle(room.receipt(order, kind, number))
                snapshot = await room.room.snapshot()
                assert stage_counts(snapshot) == {stage: 1}
                assert max(found.oldest_s for found in snapshot.stages) == (number + 1) * 10
            await room.desk.close(incident_id, Disposition.HANDLED, "Li", "")
            snapshot = await room.room.snapshot()
            assert stage_counts(snapshot) == {}
            assert [found.state for found in snapshot.incidents] == [IncidentState.CLOSED]
            assert snapshot.orders[incident_id][0].id == order.id

    asyncio.run(check())


def test_a_unit_shows_where_it_is_and_what_for(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await order_sent(room)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.EN_ROUTE, 1, SQUARE))
            busy, free = (await room.room.snapshot()).units
            assert (busy.state, busy.fix_at) == (UnitState.EN_ROUTE, NOON)
            assert (busy.latitude, busy.longitude) == (SQUARE.latitude, SQUARE.longitude)
            assert busy.order is not None
            assert busy.order.id == order.id
            assert (free.state, free.order) == (UnitState.AVAILABLE, None)
            assert free.latitude == free.unit.home.latitude

    asyncio.run(check())


def test_the_latest_order_of_an_incident_is_shown(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            incident_id = await room.alert()
            await order_sent(room)
            (first,) = await room.orders()
            room.clock.advance(5)
            await room.dispatching.handle(room.receipt(first, ReceiptKind.REJECTED))
            await room.following_up.tick()
            snapshot = await room.room.snapshot()
            assert snapshot.orders[incident_id][0].unit_id == "U-2"

    asyncio.run(check())


def test_red_comes_before_green_and_the_oldest_first() -> None:
    def accepted(number: int, level: Level, seconds: float) -> Incident:
        return incident(number, level=level, clocks={ClockName.ACCEPTED: Stamp(at(seconds), "store")})

    found = [
        accepted(1, Level.GREEN, 0),
        accepted(2, Level.RED, 20),
        accepted(3, Level.YELLOW, 5),
        accepted(4, Level.RED, 10),
        accepted(5, Level.BLUE, 1),
    ]
    assert [each.id for each in most_urgent_first(found)] == ["I-4", "I-2", "I-3", "I-5", "I-1"]


def test_what_waits_too_long_is_called_degraded_also_while_redis_answers(tmp_path: Path) -> None:
    """Redis out of memory, or a relay that died: people must know within five seconds."""

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.reports.report(tour_status())
            await room.alert()
            room.clock.advance(3)
            snapshot = await room.room.snapshot()
            assert (snapshot.queue.degraded, snapshot.queue.waiting, snapshot.queue.oldest_s) == (None, 2, 3)
            room.clock.advance(2)
            snapshot = await room.room.snapshot()
            assert snapshot.queue.degraded == "2 messages are not published, the oldest for 5 s"
            assert snapshot.tour == tour_status()
            await room.relay()
            assert (await room.room.snapshot()).queue.degraded is None

    asyncio.run(check())


def test_beyond_what_a_page_shows_all_open_ones_are_there_and_each_alone_with_its_orders(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number in range(1, 5):
                await room.alert(number)
                room.clock.advance(1)
            await room.deciding.assign(IncidentId("I-2"))
            await room.desk.close(IncidentId("I-3"), Disposition.HANDLED, "li", "cleared")
            first = await room.room.open(2)
            assert [incident.id for incident in first.incidents] == ["I-4", "I-2"]
            assert set(first.orders) == {"I-2"}
            rest = await room.room.open(2, OpenPlace.of(first.incidents[-1]))
            assert ([incident.id for incident in rest.incidents], set(rest.orders)) == (["I-1"], {"I-1"})
            for incident_id in ("I-2", "I-3"):
                alone = await room.room.one(IncidentId(incident_id))
                assert [incident.id for incident in alone.incidents] == [incident_id]
            with pytest.raises(KeyError):
                await room.room.one(IncidentId("I-9"))

    asyncio.run(check())


def test_when_the_tour_last_reported_is_known_after_it_fell_silent_and_while_redis_is_away(tmp_path: Path) -> None:
    class Silent:
        async def report(self, status: TourStatus) -> None:
            raise AssertionError("nobody reports")

        async def latest(self) -> TourStatus | None:
            return None if said.is_set() else tour_status()

    said = asyncio.Event()

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            outside = (room.store, room.store, Silent(), room.queue, room.signs)
            viewed = Room("站", "S", *outside, room.clock, room.metrics, simulated=True)
            assert (await viewed.snapshot()).tour == tour_status()
            said.set()
            room.clock.advance(60)
            silent = await viewed.snapshot()
            assert (silent.tour, silent.tour_reported_at) == (None, NOON)
            room.queue.broken = True
            assert (await viewed.snapshot()).tour_reported_at == NOON
            assert (await room.room.snapshot()).tour_reported_at is None

    asyncio.run(check())


def test_without_redis_the_room_still_shows_incidents_from_the_store_and_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.reports.report(tour_status())
            await room.alert()
            room.queue.broken = True
            snapshot = await room.room.snapshot()
            assert snapshot.queue.degraded == "memory queue: away"
            assert snapshot.queue.waiting == 2
            assert [found.id for found in snapshot.incidents] == ["I-1"]

    asyncio.run(check())


def test_dead_letters_are_counted_on_the_page(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            room.queue.append("patrol:receipt", b"not a receipt")
            await room.consume()
            assert (await room.room.snapshot()).queue.dead_letters == 1

    asyncio.run(check())


def test_a_storm_shows_no_more_than_a_page_can_hold_and_counts_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "OPEN_SHOWN", 40)

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number in range(60):
                await room.alert(number, level=Level.GREEN if number < 30 else Level.YELLOW)
            await room.desk.close("I-0", Disposition.UNFOUNDED, "Li", "")
            await room.following_up.tick()
            snapshot = await room.room.snapshot()
            assert [found.is_open for found in snapshot.incidents] == [True] * 40 + [False]
            assert sum(found.level is Level.GREEN for found in snapshot.incidents if found.is_open) == 10
            assert snapshot.open_not_shown == 19
            assert sum(found.count for found in snapshot.stages) == 59
            assert set(snapshot.orders) <= {found.id for found in snapshot.incidents}

    asyncio.run(check())


def test_a_flood_of_open_ones_hides_neither_what_was_closed_nor_what_is_to_be_mended() -> None:
    flood = [incident(number) for number in range(OPEN_SHOWN + 7)]
    mended = [incident(1000 + number, kind=Kind.CAMERA_HEALTH) for number in range(MAINTENANCE_SHOWN + 7)]
    closed = [incident(2000 + number, state=IncidentState.CLOSED) for number in range(CLOSED_SHOWN + 7)]
    shown = as_shown([*mended, *flood], closed)
    assert len(shown) == OPEN_SHOWN + MAINTENANCE_SHOWN + CLOSED_SHOWN
    assert shown[OPEN_SHOWN].kind is Kind.CAMERA_HEALTH
    assert list(shown[OPEN_SHOWN + MAINTENANCE_SHOWN :]) == closed[:CLOSED_SHOWN]


def test_closed_incidents_follow_the_open_ones_the_last_closed_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            for number in range(4):
                await room.alert(number)
            for number in (2, 0):
                room.clock.advance(1)
                await room.desk.close(f"I-{number}", Disposition.UNFOUNDED, "Li", "")
            assert [found.id for found in (await room.room.snapshot()).incidents] == ["I-1", "I-3", "I-0", "I-2"]

    asyncio.run(check())


def test_the_gauges_of_the_loop_follow_the_store(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            room.clock.advance(7)
            ledger = await room.store.open_ledger()
            room.metrics.dispatch.show(stages(ledger.incidents, room.clock.now()))
            assert counted(room.metrics, "patrol_incidents_open", stage="collect") == 1
            assert counted(room.metrics, "patrol_incident_age_seconds", stage="collect") == 7
            assert counted(room.metrics, "patrol_incidents_open", stage="order") == 0

    asyncio.run(check())


def test_while_the_store_refuses_the_gauges_stand_still_the_dispatch_role_counts_it_and_they_go_on(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            reader = RefusesAtFirst(room.store, times=3)
            stopping = asyncio.Event()
            outside = (reader, room.store, room.reports, room.queue, room.signs)
            viewed = Room("站", "S", *outside, room.clock, room.metrics, simulated=True)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(viewed.run_gauges(stopping))
                while reader.asked < 4:
                    await room.clock.sleep(1)
                stopping.set()
            assert counted(room.metrics, "patrol_stage_errors_total", stage="dispatch") == 3
            assert counted(room.metrics, "patrol_incidents_open", stage="collect") == 1

    asyncio.run(check())


@pytest.mark.parametrize("seconds", [0, 30])
def test_the_age_of_a_stage_is_that_of_its_oldest_incident(seconds: int) -> None:
    found = {each.stage: each for each in stages([incident(1), incident(2)], at(seconds))}
    assert (found[LoopStage.COLLECT].count, found[LoopStage.COLLECT].oldest_s) == (2, seconds)


# One at the square, two a kilometre from it, each with a camera beside it.
COVERING = (unit("U-1", home=SQUARE), unit("U-2", name_en="Joint 2", home=north(1000)), unit("U-3", home=north(1010)))


def with_cover(room: DispatchRoom) -> Room:
    cameras = (camera("C-1", place=SQUARE), camera("C-2", place=north(1000)))
    covering = Covering(cameras, RINGS, room.clock, simulated=False)
    outside = (room.store, room.store, room.reports, room.queue, room.signs)
    return Room("站", "S", *outside, room.clock, room.metrics, simulated=False, covering=covering)


def test_an_assignment_takes_from_the_cover_and_somebody_is_proposed_to_move_until_the_unit_is_back(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, COVERING) as room:
            viewed = with_cover(room)

            async def seen() -> tuple[float, str | None]:
                room.clock.advance(EVERY_S)
                cover = (await viewed.snapshot()).cover
                assert cover is not None
                return cover.shares[RingName.CORE], cover.move_up and cover.move_up.unit_id

            assert await seen() == (1.0, None)
            await room.alert()
            assert await seen() == (1.0, None)
            await order_sent(room)
            (order,) = await room.orders()
            assert order.unit_id == "U-1"
            assert await seen() == (0.5, "U-2")
            for number, kind in enumerate((ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE)):
                await room.dispatching.handle(room.receipt(order, kind, number, SQUARE))
            assert await seen() == (1.0, None)
            assert (await room.room.snapshot()).cover is None, "nobody works it out there"

    asyncio.run(check())


def test_the_dispatch_role_shows_the_cover_as_a_gauge_and_tells_each_change_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "patrol.pipeline.viewing")

    async def check() -> None:
        async with dispatch_room(tmp_path, COVERING) as room:
            stopping, share = asyncio.Event(), {"name": "patrol_dispatch_cover_share", "ring": "core"}

            async def until(expected: float) -> None:
                for _ in range(100):
                    await room.clock.sleep(1)
                    if counted(room.metrics, **share) == expected:
                        return
                pytest.fail(f"the cover of the core never was {expected}")

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(with_cover(room).run_gauges(stopping))
                await until(1.0)
                await room.alert()
                await order_sent(room)
                await until(0.5)
                await room.clock.sleep(10)
                stopping.set()

    asyncio.run(check())
    assert [line for line in told_by(caplog) if line.startswith("cover left")] == [
        "cover left by the straight line: core 100.0%; no move",
        "cover left by the straight line: core 50.0%; move Joint 2 to the post of Joint 1: core covered 50% → 100%",
    ]


def test_a_report_that_redis_should_have_forgotten_is_none(tmp_path: Path) -> None:
    """Redis lets it expire by its own clock; set back, it keeps a dead tour's last report for as long."""

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.reports.report(tour_status())
            room.clock.advance(TOUR_SILENT_AFTER_S)
            assert (await room.room.snapshot()).tour is not None
            room.clock.advance(1)
            snapshot = await room.room.snapshot()
            assert (snapshot.tour, snapshot.tour_reported_at) == (None, NOON)

    asyncio.run(check())
