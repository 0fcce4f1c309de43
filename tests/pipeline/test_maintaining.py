"""Maintaining: the tour never waits, technicians are told, people have the last word, and nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock, MemoryIncidents
from patrol.domain.camera import Camera, RingName, StreamAddress
from patrol.domain.events import IncidentClass, Level
from patrol.domain.feedback import confirm
from patrol.domain.incidents import ClockName, Disposition, Incident, IncidentId, IncidentState
from patrol.domain.levels import LevelPolicy
from patrol.domain.maintenance import MaintenanceLimits
from patrol.domain.maintenance_incidents import begin
from patrol.domain.messages import read_message
from patrol.domain.troubles import Trouble
from patrol.metrics import Metrics
from patrol.pipeline.closing import Desk
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.maintaining import NOT_CONFIGURED, Maintaining
from tests.builders import NOON, camera, maintenance_incident
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by

LEVELS = LevelPolicy({}, Level.GREEN)
LIMITS = MaintenanceLimits()


def cameras(count: int = 40, network: int = 1) -> list[Camera]:
    return [
        camera(
            f"C-{network}-{index:03d}",
            ring=RingName.FAR,
            stream=StreamAddress(f"rtsp://viewer:canary@10.0.{network}.{index + 1}/live"),
        )
        for index in range(count)
    ]


class Side:
    """The tour's side over a store in memory."""

    def __init__(self, store: MemoryIncidents | None = None, known: Sequence[Camera] | None = None) -> None:
        self.clock = FakeClock(NOON)
        self.metrics: Metrics = fresh_metrics()
        self.store = store or MemoryIncidents()
        self.cameras = list(known or [*cameras(40, 1), *cameras(100, 2)])
        self.deciding = Deciding(self.store, self.clock, self.metrics)
        self.desk = Desk(self.deciding)
        self.maintaining = Maintaining(
            self.store, self.deciding, self.cameras, LEVELS, self.clock, self.metrics, LIMITS
        )

    def fail(self, count: int, trouble: Trouble = Trouble.UNSEEN) -> None:
        for found in self.cameras[:count]:
            self.maintaining.troubled(found, trouble, "timed_out", self.clock.now())

    def recover(self, count: int, trouble: Trouble = Trouble.UNSEEN) -> None:
        for found in self.cameras[:count]:
            self.maintaining.recovered(found, trouble, self.clock.now())

    async def run(self, seconds: float) -> None:
        """As the service does, for so long."""
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.maintaining.run(stopping))
            await self.clock.sleep(seconds + 0.5)
            stopping.set()

    @property
    def incidents(self) -> list[Incident]:
        return list(self.store.incidents.values())

    def counted(self, name: str, **labels: str) -> float:
        return counted(self.metrics, f"patrol_{name}", **labels)


def test_a_segment_that_is_lost_and_returns_is_one_incident_from_beginning_to_end() -> None:
    async def check() -> None:
        side = Side()
        side.fail(40)
        await side.run(10)
        (incident,) = side.incidents
        assert incident.words_en == "network 10.0.1.0/24: 40 cameras cannot be seen"
        assert side.counted("maintenance_incidents_open", cause="segment") == 1
        assert side.counted("cameras_in_trouble", trouble="unseen") == 40
        side.recover(40)
        await side.run(70)
        (incident,) = side.incidents
        assert (incident.state, incident.closed_by) == (IncidentState.CLOSED, "patrol")
        assert incident.disposition is Disposition.HANDLED
        assert "40" in str(incident.reason)
        sequences = [read_message(message.body).sequence for message in side.store.messages]
        assert sequences == [1, 2, 3]  # opened, 40 back, closed
        assert side.counted("maintenance_incidents_open", cause="segment") == 0
        assert side.counted("cameras_in_trouble", trouble="unseen") == 0
        assert side.counted("maintenance_closed_total", by="patrol") == 1

    asyncio.run(check())


def test_saying_it_a_hundred_times_is_saying_it_once() -> None:
    async def check() -> None:
        side = Side()
        for _ in range(100):
            side.fail(5)
            await side.run(1)
        assert len(side.incidents) == 1
        assert len(side.store.messages) == 1

    asyncio.run(check())


def test_what_a_person_closes_stays_closed_and_what_a_person_takes_on_is_kept() -> None:
    async def check() -> None:
        side = Side()
        side.fail(5)
        await side.run(10)
        (incident,) = side.incidents
        await side.desk.displayed(incident.id, "seat-1")
        await side.desk.confirm(incident.id, "Li")
        side.recover(1)
        await side.run(10)
        (incident,) = side.incidents
        assert incident.clocks[ClockName.CONFIRMED].source == "Li"
        assert incident.maintenance is not None
        assert incident.maintenance.returned == 1
        await side.desk.close(incident.id, Disposition.REFERRED, "Li", "the switch is being replaced")
        await side.run(LIMITS.cool_down_s - 10)
        assert [found.closed_by for found in side.incidents] == ["Li"]
        assert side.counted("maintenance_closed_total", by="person") == 1
        await side.run(30)
        assert [found.is_open for found in side.incidents] == [False, True]

    asyncio.run(check())


def test_a_person_who_closes_in_the_very_moment_of_an_update_wins() -> None:
    class ClosesFirst(MemoryIncidents):
        """Somebody else's closure lies between the look at what is open and the decision."""

        closing: IncidentId | None = None

        async def open_maintenance(self) -> frozenset[IncidentId]:
            found = await super().open_maintenance()
            if self.closing is not None:
                closing, self.closing = self.closing, None
                await side.desk.close(closing, Disposition.HANDLED, "Li", "mended")
            return found

    side = Side(store := ClosesFirst())

    async def check() -> None:
        side.fail(5)
        await side.run(10)
        (incident,) = side.incidents
        store.closing = incident.id
        side.recover(1)
        await side.run(60)
        (incident,) = side.incidents
        assert (incident.closed_by, incident.reason) == ("Li", "mended")
        assert side.counted("maintenance_closed_total", by="person") == 1
        assert side.counted("maintenance_incidents_open", cause="segment") == 0

    asyncio.run(check())


def test_while_the_store_is_away_it_is_said_once_and_nothing_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        side = Side()
        await side.run(1)
        side.store.broken = True
        began = side.clock.now()
        side.fail(5)
        await side.run(60)
        assert side.incidents == []
        assert side.counted("maintenance_refusals_total") > 50
        side.store.broken = False
        await side.run(3)
        (incident,) = side.incidents
        assert incident.words_en == "network 10.0.1.0/24: 5 cameras cannot be seen"
        assert incident.clocks[ClockName.BEGAN].at == began

    asyncio.run(check())
    assert [line for line in told_by(caplog) if "store" in line] == [
        "maintenance waits for the store: memory store: away"
    ]


def test_nothing_is_decided_before_the_store_has_said_what_is_open_already() -> None:
    async def check() -> None:
        before = Side()
        before.fail(5)
        await before.run(10)
        after = Side(before.store)
        after.store.broken = True
        after.fail(5)
        await after.run(10)
        after.store.broken = False
        await after.run(60)
        assert [found.id for found in after.incidents] == [found.id for found in before.incidents]
        assert len(after.incidents) == 1

    asyncio.run(check())


def test_an_incident_of_cameras_that_are_gone_from_the_configuration_is_closed() -> None:
    async def check() -> None:
        before = Side()
        before.fail(5)
        await before.run(10)
        after = Side(before.store, cameras(10, 7))
        await after.run(3)
        (incident,) = after.incidents
        assert (incident.closed_by, incident.disposition) == ("patrol", Disposition.REFERRED)
        assert incident.reason == NOT_CONFIGURED

    asyncio.run(check())


def test_a_camera_that_is_not_configured_is_a_mistake_that_is_told_at_once() -> None:
    stranger = camera("X-1")
    for report in (
        lambda side: side.maintaining.troubled(stranger, Trouble.BLACK, "", NOON),
        lambda side: side.maintaining.recovered(stranger, Trouble.BLACK, NOON),
    ):
        with pytest.raises(KeyError):
            report(Side())


def test_the_log_names_the_cause_and_shows_no_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    side = Side()
    side.fail(5)
    asyncio.run(side.run(10))
    assert any("network 10.0.1.0/24: 5 cameras cannot be seen" in line for line in told_by(caplog))
    assert "canary" not in caplog.text
    assert all("canary" not in message.body for message in side.store.messages)


class TestBesideSecurity:
    """In the real store, beside incidents that units are sent to."""

    async def with_maintenance(self, room: DispatchRoom, count: int = 5) -> IncidentId:
        maintaining = Maintaining(room.store, room.deciding, cameras(), LEVELS, room.clock, room.metrics, LIMITS)
        for found in cameras()[:count]:
            maintaining.troubled(found, Trouble.UNSEEN, "timed_out", room.clock.now())
        for _ in range(int(LIMITS.gather_s) + 2):
            await maintaining.tick()
            room.clock.advance(1)
        (incident,) = (await room.store.open_ledger()).incidents
        assert incident.incident_class is IncidentClass.MAINTENANCE
        return incident.id

    def test_no_unit_is_ever_sent_and_no_clock_runs(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with dispatch_room(tmp_path) as room:
                incident_id = await self.with_maintenance(room)
                room.clock.advance(900)
                await room.following_up.tick()
                outcome = await room.deciding.assign(incident_id)
                assert outcome is not None
                assert (outcome.reason, outcome.orders) == ("no unit for maintenance", ())
                assert await room.orders() == []
                assert (await room.incident(incident_id)).overdue is False
                assert await room.told("patrol:order") == await room.told("patrol:alert") == []
                assert counted(room.metrics, "patrol_response_overdue_total", ring="far", level="blue") == 0
                assert counted(room.metrics, "patrol_dispatch_shortfalls_total", ring="far") == 0

        asyncio.run(check())

    def test_units_that_are_free_go_to_the_security_incident(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with dispatch_room(tmp_path) as room:
                await self.with_maintenance(room)
                alert = await room.alert(7)
                room.clock.advance(5)
                await room.following_up.tick()
                assert [order.incident_id for order in await room.orders()] == [alert]

        asyncio.run(check())

    def test_the_loop_and_its_gauges_count_security_alone_and_the_room_shows_maintenance_after_it(
        self, tmp_path: Path
    ) -> None:
        async def check() -> None:
            async with dispatch_room(tmp_path) as room:
                incident_id = await self.with_maintenance(room)
                alert = await room.alert(7, level=Level.GREEN)
                snapshot = await room.room.snapshot()
                assert [found.id for found in snapshot.incidents] == [alert, incident_id]
                assert sum(stage.count for stage in snapshot.stages) == 1
                assert (snapshot.maintenance.incidents, snapshot.maintenance.cameras) == (1, 5)

        asyncio.run(check())

    def test_closing_it_counts_in_no_figure_of_the_response(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with dispatch_room(tmp_path) as room:
                incident_id = await self.with_maintenance(room)
                await room.store.decide(incident_id, lambda s: confirm(s, "Li", room.clock.now()))
                await room.desk.close(incident_id, Disposition.HANDLED, "Li", "mended")
                closed = await room.incident(incident_id)
                assert (closed.state, closed.closed_by, closed.overdue) == (IncidentState.CLOSED, "Li", False)
                assert counted(room.metrics, "patrol_incidents_closed_total", disposition="handled") == 0
                assert (await room.room.snapshot()).maintenance.incidents == 0

        asyncio.run(check())

    def test_a_flood_of_maintenance_hides_no_security_incident(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with dispatch_room(tmp_path) as room:
                for number in range(100, 220):
                    await room.store.begin(begin(maintenance_incident(number, level=Level.YELLOW), NOON))
                alert = await room.alert(7, level=Level.GREEN)
                shown = (await room.room.snapshot()).incidents
                assert shown[0].id == alert
                assert len(shown) < 100
                assert (await room.room.snapshot()).maintenance.incidents == 120

        asyncio.run(check())
