"""The auditor on the real store: it finds what stands still, at the step where it stands, and shows that it looked."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from patrol.adapters.sql_audits import SqlAudits
from patrol.domain.auditing import SILENT_AFTER_S, FindingKind
from patrol.domain.events import Level
from patrol.domain.incidents import Disposition
from patrol.domain.messages import ALERT_STREAMS, DEAD_STREAM
from patrol.domain.orders import ReceiptKind
from patrol.domain.units import UnitKind
from patrol.metrics import Metrics
from patrol.pipeline.auditing import DISTURBED_FOR_S, FINDINGS_KEPT, LOOK_EVERY_S, Auditing
from tests.builders import NOON, north, unit
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by

CALM_S = DISTURBED_FOR_S + 2.0
LAST_LOOK = "patrol_auditor_last_run_timestamp_seconds"


class Audited:
    """A room with an auditor that has looked for long enough to have forgotten its start."""

    def __init__(self, room: DispatchRoom) -> None:
        self.room = room
        self.metrics: Metrics = fresh_metrics()
        self.disturbed = False
        self.auditing = Auditing(
            SqlAudits(room.store),
            room.signs,
            room.queue,
            RINGS,
            room.clock,
            self.metrics,
            is_disturbed=lambda: self.disturbed,
        )

    async def look_for(self, seconds: float, *, followed_up: bool = False) -> list[str]:
        """Let time pass with a look every two seconds. Returns what the last one found."""
        for _ in range(int(seconds / LOOK_EVERY_S)):
            self.room.clock.advance(LOOK_EVERY_S)
            if followed_up:
                await self.room.following_up.tick()
                await self.room.relay()
            await self.auditing.tick()
        audit = await self.room.signs.latest_audit()
        return [finding.kind.value for finding in audit.findings] if audit else []

    def shown(self, kind: FindingKind) -> float:
        return counted(self.metrics, "patrol_audit_findings", kind=kind.value)


async def calm(room: DispatchRoom) -> Audited:
    audited = Audited(room)
    assert await audited.look_for(CALM_S) == []
    return audited


def test_an_alert_that_goes_its_way_is_never_a_finding(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            incident_id = await room.alert()
            await room.relay()
            await room.consume()
            await room.relay()
            assert await audited.look_for(4) == []
            (order,) = await room.orders()
            for number, kind in enumerate((ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE), 1):
                await room.dispatching.handle(room.receipt(order, kind, number))
                await room.relay()
                assert await audited.look_for(8) == []
            await room.desk.close(incident_id, Disposition.HANDLED, "Li", "")
            await room.relay()
            assert await audited.look_for(120) == []
            assert counted(audited.metrics, LAST_LOOK) > 1_700_000_000

    asyncio.run(check())


def test_without_a_relay_the_alert_and_then_the_outbox_are_found_and_after_it_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await room.following_up.tick()
            assert await audited.look_for(2) == ["unpublished"]
            await room.following_up.tick()
            room.clock.advance(0.5)
            await room.following_up.tick()
            found = await audited.look_for(32)
            assert found.count("unpublished") == 2, "the alert and the order that the store gave"
            assert "outbox_old" in found
            await room.relay()
            (order,) = [order for order in await room.orders() if order.is_open]
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await room.following_up.tick()
            await room.relay()
            assert await audited.look_for(2) == []

    asyncio.run(check())


def test_after_a_fault_the_relay_has_ten_seconds(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            audited.disturbed = True
            await room.alert(level=Level.GREEN)
            assert await audited.look_for(10) == []
            assert await audited.look_for(2) == ["unpublished"]

    asyncio.run(check())


def test_a_machine_that_stood_still_counts_as_a_fault(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            room.clock.advance(60)
            await room.alert(level=Level.GREEN)
            assert await audited.look_for(10) == []

    asyncio.run(check())


@pytest.mark.parametrize(("taken", "kind"), [(False, "unhandled"), (True, "undispatched")])
def test_without_dispatch_the_incident_is_found_at_the_step_where_it_stands(
    taken: bool, kind: str, tmp_path: Path
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await room.relay()
            if taken:
                await room.store.acknowledge_alert("A-1", room.clock.now())
            assert await audited.look_for(4) == []
            assert await audited.look_for(2) == [kind]
            assert audited.shown(FindingKind(kind)) == 1
            snapshot = await room.room.snapshot()
            assert [(one.incident_id, one.level) for one in snapshot.watch.findings] == [("I-1", Level.RED)]
            assert snapshot.watch.found == 1
            await room.consume()
            await room.relay()
            if not taken:
                assert await audited.look_for(2) == []
                assert audited.shown(FindingKind(kind)) == 0

    asyncio.run(check())


def test_with_no_unit_free_it_waits_for_a_reason(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            audited = await calm(room)
            await room.alert(1)
            await room.alert(2)
            await room.relay()
            await room.consume()
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await room.relay()
            assert await audited.look_for(50, followed_up=True) == []

    asyncio.run(check())


def test_where_only_a_drone_is_out_and_a_crew_is_free_it_is_found(tmp_path: Path) -> None:
    async def check() -> None:
        drone = unit("D-1", kind=UnitKind.DRONE_GROUP, speed_m_s=15.0)
        async with dispatch_room(tmp_path, (unit("U-1", home=north(10)), drone)) as room:
            audited = await calm(room)
            await room.alert(1)
            await room.relay()
            await room.consume()
            waits = await room.alert(2)
            await room.relay()
            await room.consume()
            await room.relay()
            crew, sees = await room.orders()
            assert (sees.unit_id, sees.incident_id) == ("D-1", waits)
            await room.dispatching.handle(room.receipt(sees, ReceiptKind.ACCEPTED))
            await room.dispatching.handle(room.receipt(crew, ReceiptKind.ON_SCENE))
            await room.relay()
            assert "undispatched" not in await audited.look_for(6)
            await room.dispatching.handle(room.receipt(crew, ReceiptKind.DONE, 2))
            await room.relay()
            assert "undispatched" in await audited.look_for(2)

    asyncio.run(check())


def test_without_follow_up_the_silent_order_and_the_passed_target_are_found(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await room.relay()
            await room.consume()
            await room.relay()
            assert await audited.look_for(14) == []
            assert await audited.look_for(2) == ["not_followed_up"]
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await room.relay()
            assert await audited.look_for(2) == []
            assert "not_followed_up" not in await audited.look_for(44)
            assert "not_followed_up" in await audited.look_for(4)
            await room.following_up.tick()
            await room.relay()
            assert await audited.look_for(2) == []

    asyncio.run(check())


def test_a_dead_escalator_is_found_ten_seconds_after_the_step_was_due_and_a_living_one_never(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await room.relay()
            await room.consume()
            await room.relay()
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))  # late to set out after 15 s
            await room.relay()
            assert await audited.look_for(26) == []
            assert await audited.look_for(4) == ["not_escalated"]
            (finding,) = (await room.room.snapshot()).watch.findings
            assert (finding.incident_id, finding.level) == ("I-1", Level.RED)
            assert await audited.look_for(8, followed_up=True) == []
            assert await audited.look_for(100, followed_up=True) == []

    asyncio.run(check())


def test_an_open_incident_that_nobody_would_ever_come_back_to_is_found(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await room.relay()
            await room.consume()
            await room.relay()
            lost = "delete from orders"
            await room.store.within(lambda connection: connection.exec_driver_sql(lost))
            found = await audited.look_for(4)
            assert found == ["no_clock"]
            (finding,) = (await room.room.snapshot()).watch.findings
            assert "waits for nothing" in finding.words_en

    asyncio.run(check())


def test_dead_letters_are_found_until_they_are_gone(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            room.queue.append(ALERT_STREAMS[0], b"poison")
            await room.consume()
            assert await audited.look_for(2) == ["dead_letters"]
            room.queue.broken = True
            assert await audited.look_for(2) == ["dead_letters"]
            room.queue.broken = False
            room.queue.streams[DEAD_STREAM].clear()
            assert await audited.look_for(2) == []

    asyncio.run(check())


def test_of_a_flood_all_are_counted_and_the_most_urgent_are_kept(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            for number in range(1, 41):
                await room.alert(number, level=Level.RED if number == 40 else Level.BLUE)
            await room.relay()
            found = await audited.look_for(20)
            assert sorted(found) == ["not_escalated"] + ["unhandled"] * (FINDINGS_KEPT - 1)
            snapshot = await room.room.snapshot()
            assert (snapshot.watch.findings[0].incident_id, snapshot.watch.found) == ("I-40", 41)
            assert audited.shown(FindingKind.UNHANDLED) == 40

    asyncio.run(check())


def test_a_dead_auditor_is_seen_by_the_age_of_its_last_look_and_by_its_own_check(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            room.clock.advance(SILENT_AFTER_S)
            assert (await room.room.snapshot()).watch.unaudited_since is None
            room.clock.advance(1)
            assert (await room.room.snapshot()).watch.unaudited_since == NOON, "none was ever seen"
            audited = await calm(room)
            await room.alert()
            await audited.look_for(2)
            last = room.clock.now()
            watch = (await room.room.snapshot()).watch
            assert (watch.unaudited_since, watch.found) == (None, 1)
            assert await audited.auditing.problem() is None
            room.clock.advance(SILENT_AFTER_S + 1)
            watch = (await room.room.snapshot()).watch
            assert (watch.unaudited_since, watch.findings) == (last, ())
            assert await audited.auditing.problem() == "the auditor has not looked for 16 s"
            await audited.look_for(2)
            assert (await room.room.snapshot()).watch.unaudited_since is None
            assert await audited.auditing.problem() is None

    asyncio.run(check())


def test_findings_are_logged_when_they_come_and_when_all_is_well_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.alert()
            await audited.look_for(4)
            await room.relay()
            await room.consume()
            await room.relay()
            await audited.look_for(4)

    asyncio.run(check())
    assert [line.partition(" (since")[0] for line in told_by(caplog) if line.startswith("audit")] == [
        "audit: incident I-1: message A-1 has not reached Redis",
        "audit: everything moves again",
    ]


def test_a_store_that_is_away_ends_no_audit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            audited = await calm(room)
            await room.store.within(lambda connection: connection.exec_driver_sql("alter table signs rename to away"))
            for _ in range(10):
                room.clock.advance(LOOK_EVERY_S)
                await audited.auditing.tick()
            assert await audited.auditing.problem() is not None
            assert sum("auditor waits for the store" in line for line in told_by(caplog)) == 1
            await room.store.within(lambda connection: connection.exec_driver_sql("alter table away rename to signs"))
            await audited.look_for(2)
            assert await audited.auditing.problem() is None

    asyncio.run(check())
