"""Alerting: nothing confirmed is lost, nothing is accepted without its picture, and order is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock, MemoryEvidence, MemorySpool
from patrol.domain.alerts import Acceptance, Candidate, History, Verdict, accept, cools_down, fingerprint
from patrol.domain.camera import CameraId, RingName
from patrol.domain.clips import ClipOrder
from patrol.domain.detections import Detections
from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.events import Event, Kind, Level
from patrol.domain.frame import Frame
from patrol.domain.incidents import EvidenceId
from patrol.domain.levels import LevelPolicy
from patrol.domain.zones import RuleId, Zone
from patrol.pipeline import alerting as module
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.confirming import Sighting
from patrol.ports import EvidenceStore
from tests.builders import NOON, at, camera, crowd, event, ring, rule
from tests.pipeline.parts import counted, frame_of, fresh_metrics, sql_store, told_by, turns

LEVELS = LevelPolicy({Kind.CROWD: {RingName.CORE: Level.RED}}, Level.GREEN)


class FlakyStore:
    """AlertStore in memory that decides as the real one does. Refuses the tries for which ``refuses`` says so.

    ``late``: it does not know yet that something cools down when it is asked, as if it happened right after.
    ``away``: so many times it does not even answer that.
    """

    def __init__(self, evidence: EvidenceStore, clock: FakeClock) -> None:
        self.refuses: Callable[[int], bool] = lambda number: False
        self.late = False
        self.error: type[StoreError] = StoreError
        self.away = 0
        self.tries: list[Candidate] = []
        self.accepted: dict[str, Acceptance] = {}
        self.tried_at: list[float] = []
        self.had_its_picture: list[bool] = []
        self._evidence = evidence
        self._clock = clock
        self._last: dict[str, datetime] = {}

    async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
        if self.away:
            self.away -= 1
            raise StoreError("disk full")
        return not self.late and cools_down(candidate, self._last.get(fingerprint(candidate.event)), now)

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        self.tries.append(candidate)
        self.tried_at.append(self._clock.monotonic())
        if self.refuses(len(self.tries)):
            raise self.error("disk full")
        self.had_its_picture.append(await self._evidence.get(candidate.evidence_id) is not None)
        key = fingerprint(candidate.event)
        acceptance = accept(candidate, History(self._last.get(key), None), now)
        if acceptance.alert is not None:
            self.accepted[candidate.alert_id] = acceptance
            self._last[key] = now
        return acceptance


class ToldFilm:
    """A film that writes down what is ordered."""

    def __init__(self) -> None:
        self.ordered: list[ClipOrder] = []

    def see(self, frame: Frame, *, is_wanted: bool) -> bool:
        raise AssertionError("confirming shows frames")

    def order(self, order: ClipOrder) -> None:
        self.ordered.append(order)


class Desk:
    """An alerting stage of its own with all it needs."""

    def __init__(self, evidence: EvidenceStore | None = None, spool: MemorySpool | None = None) -> None:
        self.spool = spool or MemorySpool()
        self.clock = FakeClock(NOON)
        self.metrics = fresh_metrics()
        self.evidence = MemoryEvidence()
        self.film = ToldFilm()
        self.drawn = 0
        used = evidence or self.evidence
        self.store = FlakyStore(used, self.clock)
        self.alerting = Alerting(
            self.store,
            used,
            self.draw,
            LEVELS,
            {RingName.CORE: ring(), RingName.FAR: ring(RingName.FAR)},
            {RuleId("crowd"): rule(cool_down_s=60.0)},
            self.clock,
            self.metrics,
            self.film,
            spool,
        )

    def draw(self, frame: Frame, detections: Detections, zone: Zone, event: Event) -> bytes:
        self.drawn += 1
        return drawn(frame, detections, zone, event)

    async def run_over(self, *sightings: Sighting) -> None:
        """Submit, end the stream, and run to its end."""
        for sighting in sightings:
            await self.alerting.submit(sighting)
        await self.alerting.close()
        await self.alerting.run()

    def verdicts(self) -> dict[str, float]:
        return {
            verdict.value: counted(self.metrics, "patrol_alert_verdicts_total", ring="core", verdict=verdict.value)
            for verdict in Verdict
        }


def drawn(frame: Frame, detections: Detections, zone: Zone, event: Event) -> bytes:
    return f"{frame.camera_id} {len(detections)} in {zone.id}".encode()


def sighting(camera_id: str = "C-1", seconds: float = 0.0, name: RingName = RingName.CORE) -> Sighting:
    seen = event(camera_id=CameraId(camera_id), began_at=at(seconds - 3), confirmed_at=at(seconds))
    return Sighting(seen, camera(camera_id, ring=name), frame_of(camera_id, at(seconds)), crowd(4))


def test_an_event_becomes_an_alert_with_level_ids_and_picture() -> None:
    async def check() -> None:
        desk = Desk()
        await desk.run_over(sighting("C-1"))
        (acceptance,) = desk.store.accepted.values()
        alert = acceptance.alert
        assert alert is not None
        assert (alert.level, alert.ring, alert.camera_id) == (Level.RED, RingName.CORE, "C-1")
        assert alert.id.startswith("A-20260101-120000-")
        assert alert.incident_id.startswith("I-20260101-120000-")
        assert desk.evidence.pictures == {alert.evidence_id: b"C-1 4 in ground"}
        assert desk.store.had_its_picture == [True]
        assert desk.verdicts()["new_incident"] == 1
        assert counted(desk.metrics, "patrol_alerts_accepted_total", ring="core", level="red") == 1

    asyncio.run(check())


def test_the_level_is_that_of_the_cameras_ring() -> None:
    async def check() -> None:
        desk = Desk()
        await desk.run_over(sighting("C-9", name=RingName.FAR))
        assert [candidate.level for candidate in desk.store.tries] == [Level.GREEN]
        assert counted(desk.metrics, "patrol_alerts_accepted_total", ring="far", level="green") == 1

    asyncio.run(check())


def test_while_the_store_refuses_nothing_is_lost_and_the_order_is_kept() -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.refuses = lambda number: 2 <= number <= 9
        await desk.run_over(*(sighting(f"C-{number}") for number in range(5)))
        accepted = [acceptance.alert for acceptance in desk.store.accepted.values()]
        assert [alert.camera_id for alert in accepted if alert] == [f"C-{number}" for number in range(5)]
        assert counted(desk.metrics, "patrol_stage_errors_total", stage="accept") == 8
        assert counted(desk.metrics, "patrol_events_lost_total") == 0
        assert len(desk.evidence.pictures) == 5
        # The same alert was tried again each time, ever more slowly, at most 5 s apart.
        assert len({candidate.alert_id for candidate in desk.store.tries}) == 5
        waits = [round(b - a, 6) for a, b in zip(desk.store.tried_at[1:9], desk.store.tried_at[2:10], strict=True)]
        assert waits == sorted(waits)
        assert waits[-1] == 5.0

    asyncio.run(check())


def test_a_refusal_is_told_once_and_so_is_the_end_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.refuses = lambda number: number <= 5
        await desk.run_over(sighting())

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    told = told_by(caplog)
    assert len(told) == 3
    assert "is refused and waits: disk full" in told[0]
    assert "the store is back after 5 refusals" in told[1]
    assert "accepted" in told[2]


def test_an_answer_that_was_lost_leads_to_one_alert_in_the_real_store(tmp_path: Path) -> None:
    async def check() -> None:
        async with sql_store(tmp_path) as store:
            desk = Desk()

            class LosesItsFirstAnswer:
                answers = 0

                async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
                    return await store.cools_down(candidate, now)

                async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
                    acceptance = await store.accept(candidate, now)
                    self.answers += 1
                    if self.answers == 1:
                        raise StoreError("the answer was lost")
                    return acceptance

            desk.alerting._store = LosesItsFirstAnswer()
            await desk.run_over(sighting())
            assert (await store.totals()).alerts_accepted == 1
            assert (await store.waiting())[0] == 2
            assert desk.verdicts() == {"new_incident": 1, "joined": 0, "merged": 0, "cooling_down": 0}
            assert len(desk.evidence.pictures) == 1

    asyncio.run(check())


@pytest.mark.parametrize(("late", "pictures"), [(False, 2), (True, 3)])
def test_of_what_is_cooling_down_no_picture_is_drawn_and_in_no_case_one_is_left(late: bool, pictures: int) -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.late = late
        await desk.run_over(sighting("C-1", 0), sighting("C-1", 5), sighting("C-2", 5))
        assert desk.verdicts() == {"new_incident": 2, "joined": 0, "merged": 0, "cooling_down": 1}
        kept = {acceptance.alert.evidence_id for acceptance in desk.store.accepted.values() if acceptance.alert}
        assert set(desk.evidence.pictures) == kept
        assert desk.drawn == pictures
        assert counted(desk.metrics, "patrol_alerts_accepted_total", ring="core", level="red") == 2

    asyncio.run(check())


def test_a_store_that_is_away_when_asked_for_the_cool_down_is_asked_again_and_the_picture_drawn_once() -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.away = 2
        desk.store.refuses = lambda number: number <= 2
        await desk.run_over(sighting())
        assert len(desk.store.accepted) == 1
        assert counted(desk.metrics, "patrol_stage_errors_total", stage="accept") == 4
        assert desk.drawn == 1
        assert desk.store.had_its_picture == [True]

    asyncio.run(check())


def test_a_picture_that_cannot_be_kept_yet_holds_its_alert_back() -> None:
    class FullDisk(MemoryEvidence):
        refusals = 3

        async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
            if self.refusals:
                self.refusals -= 1
                raise StoreError("evidence: no space left")
            await super().put(evidence_id, jpeg)

    async def check() -> None:
        desk = Desk(FullDisk())
        await desk.run_over(sighting())
        assert desk.store.had_its_picture == [True]
        assert len(desk.store.tries) == 1

    asyncio.run(check())


def test_a_full_buffer_makes_the_rules_wait_instead_of_losing_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_EVENTS", 2)

    async def check() -> None:
        desk = Desk()
        for number in range(2):
            await desk.alerting.submit(sighting(f"C-{number}"))
        assert counted(desk.metrics, "patrol_events_waiting") == 2
        third = asyncio.create_task(desk.alerting.submit(sighting("C-2")))
        await turns()
        assert not third.done()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await third
            await desk.alerting.close()
        assert len(desk.store.accepted) == 3
        assert counted(desk.metrics, "patrol_events_waiting") == 0

    asyncio.run(check())


def test_at_the_very_end_a_store_that_still_refuses_is_not_waited_for_and_the_loss_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.refuses = lambda number: number > 1
        for number in range(4):
            await desk.alerting.submit(sighting(f"C-{number}"))
        await desk.alerting.close()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await desk.clock.sleep(30)
            stopped_at = desk.clock.monotonic()
            desk.alerting.abandon()
        assert desk.clock.monotonic() - stopped_at < 1
        assert len(desk.store.accepted) == 1
        assert counted(desk.metrics, "patrol_events_lost_total") == 3

    asyncio.run(check())
    lost = [line for line in told_by(caplog) if "is lost" in line]
    assert [camera_id in line for camera_id, line in zip(("C-1", "C-2", "C-3"), lost, strict=True)] == [True] * 3


def test_at_the_very_end_a_store_that_works_still_takes_everything() -> None:
    async def check() -> None:
        desk = Desk()
        desk.alerting.abandon()
        await desk.run_over(*(sighting(f"C-{number}") for number in range(20)))
        assert len(desk.store.accepted) == 20
        assert counted(desk.metrics, "patrol_events_lost_total") == 0

    asyncio.run(check())


def test_the_time_from_picture_to_acceptance_is_measured() -> None:
    async def check() -> None:
        desk = Desk()
        late = replace(sighting(), event=event(confirmed_at=at(-2)))
        await desk.run_over(late)
        labels = {"stage": "accept", "ring": "core", "level": "red"}
        assert counted(desk.metrics, "patrol_stage_duration_seconds_sum", **labels) == 2.0

    asyncio.run(check())


def test_an_alert_that_a_focus_saw_names_its_clip_which_is_ordered_once_the_alert_stands() -> None:
    async def check() -> None:
        desk = Desk()
        desk.store.refuses = lambda number: number < 3
        await desk.run_over(replace(sighting("C-1", 5.0), in_focus=True))
        (acceptance,) = desk.store.accepted.values()
        assert acceptance.alert is not None
        assert acceptance.incident is not None
        clip_id = acceptance.alert.clip_id
        assert clip_id is not None
        assert clip_id != acceptance.alert.evidence_id
        assert acceptance.incident.clip_id == clip_id
        assert desk.film.ordered == [ClipOrder(clip_id, CameraId("C-1"), at(5.0))]

    asyncio.run(check())


def test_visits_alone_and_what_cools_down_order_no_clip() -> None:
    async def check() -> None:
        desk = Desk()
        await desk.run_over(sighting("C-1"), replace(sighting("C-1", 4.0), in_focus=True))
        (acceptance,) = desk.store.accepted.values()
        assert acceptance.alert is not None
        assert acceptance.alert.clip_id is None
        assert desk.film.ordered == []
        assert desk.verdicts()["cooling_down"] == 1

    asyncio.run(check())


async def until(holds: Callable[[], bool]) -> None:
    """Pictures are drawn in threads, which the clock cannot see."""
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


def kept_alerts(desk: Desk) -> list[str]:
    return [record.candidate.event.camera_id for record in desk.spool.records.values()]


def refusing_with(failure: StoreFailure) -> type[StoreError]:
    class RefusedError(StoreError):
        def __init__(self, message: str) -> None:
            super().__init__(message, failure)

    return RefusedError


def test_what_the_store_refuses_is_kept_and_accepted_in_order_once_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "patrol")

    async def check() -> None:
        desk = Desk(spool=MemorySpool())
        is_away = True
        desk.store.refuses = lambda number: is_away
        for number in range(4):
            await desk.alerting.submit(sighting(f"C-{number}", number))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await until(lambda: desk.spool.waiting == 4)
            assert counted(desk.metrics, "patrol_events_waiting") == 0  # none waits in memory
            assert kept_alerts(desk) == ["C-0", "C-1", "C-2", "C-3"]
            assert counted(desk.metrics, "patrol_spool_waiting") == 4
            tried, is_away = desk.store.tries[0], False
            await desk.clock.sleep(60)
            assert desk.spool.waiting == 0
            await desk.alerting.submit(sighting("C-9", 70))
            await desk.alerting.close()
        accepted = [acceptance.alert for acceptance in desk.store.accepted.values()]
        assert [alert.camera_id for alert in accepted if alert] == ["C-0", "C-1", "C-2", "C-3", "C-9"]
        # The same alert, with the times at which it happened, and its picture.
        first = accepted[0]
        assert first is not None
        assert (first.id, first.detected_at, first.frame_at) == (tried.alert_id, tried.detected_at, at(0))
        assert first.accepted_at > tried.detected_at
        assert len(desk.evidence.pictures) == 5
        assert counted(desk.metrics, "patrol_alerts_refused_total", reason="other") == 1
        assert counted(desk.metrics, "patrol_spool_alerts_total", outcome="kept") == 4
        assert counted(desk.metrics, "patrol_spool_alerts_total", outcome="accepted") == 4
        assert desk.verdicts()["new_incident"] == 5
        assert counted(desk.metrics, "patrol_events_lost_total") == 0

    asyncio.run(check())
    told = told_by(caplog)
    assert len([line for line in told if "alerts are refused, and kept on the local disk" in line]) == 1
    assert len([line for line in told if "no alert waits on the local disk any more" in line]) == 1


def test_what_comes_while_others_wait_waits_behind_them_even_where_the_store_is_back() -> None:
    async def check() -> None:
        desk = Desk(spool=MemorySpool())
        desk.store.refuses = lambda number: number == 1
        await desk.run_over(sighting("C-1"), sighting("C-2"))
        assert kept_alerts(desk) == []
        assert [candidate.event.camera_id for candidate in desk.store.tries] == ["C-1", "C-1", "C-2"]

    asyncio.run(check())


def test_an_earlier_process_s_alerts_come_first_and_at_a_stop_they_stay_where_they_are() -> None:
    async def check() -> None:
        spool = MemorySpool()
        desk = Desk(spool=spool)
        desk.store.refuses = lambda number: True
        await desk.run_over(sighting("C-1"), sighting("C-2"))
        assert kept_alerts(desk) == ["C-1", "C-2"]
        assert counted(desk.metrics, "patrol_events_lost_total") == 0
        again = Desk(spool=spool)
        await again.run_over(sighting("C-3"))
        accepted = [acceptance.alert for acceptance in again.store.accepted.values()]
        assert [alert.camera_id for alert in accepted if alert] == ["C-1", "C-2", "C-3"]

    asyncio.run(check())


def test_where_the_local_disk_refuses_too_alerts_wait_in_memory_and_go_on_by_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        desk = Desk(spool=MemorySpool(most=1))
        is_away = True
        desk.store.refuses = lambda number: is_away
        for number in range(3):
            await desk.alerting.submit(sighting(f"C-{number}"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await until(lambda: counted(desk.metrics, "patrol_stage_errors_total", stage="accept") > 20)
            assert kept_alerts(desk) == ["C-0"]
            assert counted(desk.metrics, "patrol_events_waiting") == 2
            assert len(desk.store.accepted) == 0
            is_away = False
            await desk.alerting.close()
        accepted = [acceptance.alert for acceptance in desk.store.accepted.values()]
        assert [alert.camera_id for alert in accepted if alert] == ["C-0", "C-1", "C-2"]

    asyncio.run(check())
    assert [line for line in told_by(caplog) if "is refused and waits: memory spool: full" in line]


def test_what_contradicts_the_store_is_set_aside_and_holds_nobody_up() -> None:
    async def check() -> None:
        desk = Desk(spool=MemorySpool())
        desk.store.error = refusing_with(StoreFailure.CONFLICT)
        desk.store.refuses = lambda number: desk.store.tries[-1].event.camera_id == "C-0"
        for name in ("C-0", "C-1"):
            await desk.alerting.submit(sighting(name))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await until(lambda: bool(desk.store.accepted))
            await desk.alerting.close()
        assert [record.candidate.event.camera_id for record in desk.spool.aside] == ["C-0"]
        assert [candidate.event.camera_id for candidate in desk.store.tries] == ["C-0"] * 4 + ["C-1"]
        assert counted(desk.metrics, "patrol_spool_alerts_total", outcome="set_aside") == 1
        assert counted(desk.metrics, "patrol_alerts_refused_total", reason="conflict") == 1

    asyncio.run(check())


def test_the_clip_of_what_is_kept_is_made_at_once_while_there_is_still_a_film_of_it() -> None:
    async def check() -> None:
        desk = Desk(spool=MemorySpool())
        desk.store.refuses = lambda number: number == 1
        await desk.run_over(replace(sighting("C-1", 5.0), in_focus=True))
        (acceptance,) = desk.store.accepted.values()
        assert acceptance.alert is not None
        assert acceptance.alert.clip_id is not None
        assert desk.film.ordered == [ClipOrder(acceptance.alert.clip_id, CameraId("C-1"), at(5.0))]

    asyncio.run(check())


class HeldStore(FlakyStore):
    """A store that is slow with all that is not red: it answers as often as it is let."""

    def __init__(self, evidence: EvidenceStore, clock: FakeClock) -> None:
        super().__init__(evidence, clock)
        self.let = asyncio.Semaphore(0)
        self.is_away = False
        self.refuses = lambda number: self.is_away

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        if candidate.level is not Level.RED and not self.is_away:
            await self.let.acquire()
        return await super().accept(candidate, now)


def accepted_by(desk: Desk) -> list[str]:
    return [acceptance.alert.camera_id for acceptance in desk.store.accepted.values() if acceptance.alert]


def test_a_red_event_waits_behind_no_other_neither_to_be_handed_over_nor_to_be_accepted() -> None:
    async def check() -> None:
        desk = Desk()
        store = HeldStore(desk.evidence, desk.clock)
        desk.store = desk.alerting._store = store
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            for number in range(600):  # more than ever waited in one queue
                await desk.alerting.submit(sighting(f"F-{number}", number, RingName.FAR))
            await desk.alerting.submit(sighting("C-1", 601))
            await until(lambda: accepted_by(desk) == ["C-1"])
            assert counted(desk.metrics, "patrol_events_waiting") == 600
            for _ in range(600):
                store.let.release()
            await desk.alerting.close()
        assert accepted_by(desk) == ["C-1", *(f"F-{number}" for number in range(600))]

    asyncio.run(check())


def test_once_the_pictures_that_wait_are_large_enough_the_next_are_drawn_at_once_and_their_frames_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame_bytes = frame_of().pixels.nbytes
    monkeypatch.setattr(module, "WAITING_BYTES", 3 * frame_bytes)

    async def check() -> None:
        desk = Desk()
        for number in range(5):
            await desk.alerting.submit(sighting(f"F-{number}", number, RingName.FAR))
        assert desk.drawn == 2
        assert desk.alerting._others.frame_bytes == 3 * frame_bytes
        await desk.alerting.close()
        await desk.alerting.run()
        assert accepted_by(desk) == [f"F-{number}" for number in range(5)]
        assert desk.drawn == 5, "each once"
        assert sorted(desk.evidence.pictures.values()) == [f"F-{number} 4 in ground".encode() for number in range(5)]

    asyncio.run(check())


def test_a_red_event_does_not_wait_behind_what_the_local_disk_keeps_once_the_store_is_back() -> None:
    async def check() -> None:
        desk = Desk(spool=MemorySpool())
        store = HeldStore(desk.evidence, desk.clock)
        desk.store = desk.alerting._store = store
        store.is_away = True
        for number in range(30):
            await desk.alerting.submit(sighting(f"F-{number}", number, RingName.FAR))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await until(lambda: desk.spool.waiting == 30)
            await desk.alerting.submit(sighting("C-1", 40))
            await until(lambda: desk.spool.waiting == 31)
            store.is_away = False
            store.let.release()
            await until(lambda: accepted_by(desk) == ["F-0"])
            await desk.alerting.submit(sighting("C-2", 50))
            await until(lambda: accepted_by(desk) == ["F-0", "C-2"])
            for _ in range(29):
                store.let.release()
            await until(lambda: desk.spool.waiting == 0)
            await desk.alerting.close()
        # What came while the store was away keeps its place.
        assert accepted_by(desk) == ["F-0", "C-2", *(f"F-{number}" for number in range(1, 30)), "C-1"]
        assert counted(desk.metrics, "patrol_spool_alerts_total", outcome="kept") == 31

    asyncio.run(check())


class CountingEvidence(MemoryEvidence):
    """Takes its time, and counts how many it is keeping at once."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = self.most_at_once = 0

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        await super().put(evidence_id, jpeg)
        self.at_once -= 1


def test_pictures_are_kept_several_at_a_time_and_alerts_accepted_in_order_each_once_with_its_picture() -> None:
    async def check() -> None:
        evidence = CountingEvidence()
        desk = Desk(evidence)
        await desk.run_over(*(sighting(f"C-{number}", number) for number in range(20)))
        assert accepted_by(desk) == [f"C-{number}" for number in range(20)]
        assert evidence.most_at_once == module.AHEAD
        assert desk.store.had_its_picture == [True] * 20
        assert desk.drawn == len(evidence.pictures) == 20
        assert counted(desk.metrics, "patrol_events_waiting") == 0

    asyncio.run(check())


def test_while_a_red_event_is_in_hand_the_others_wait_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_WAY_S", 0.3)

    async def check() -> None:
        desk = Desk()
        let = asyncio.Event()

        class HoldsRed(FlakyStore):
            async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
                if candidate.level is Level.RED:
                    await let.wait()
                return await super().accept(candidate, now)

        desk.store = desk.alerting._store = HoldsRed(desk.evidence, desk.clock)
        await desk.alerting.submit(sighting("C-1"))
        for number in range(3):
            await desk.alerting.submit(sighting(f"F-{number}", number, RingName.FAR))
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.alerting.run())
            await until(lambda: "F-0" in accepted_by(desk))
            assert asyncio.get_running_loop().time() - began >= 0.29
            assert "C-1" not in accepted_by(desk)
            let.set()
            await desk.alerting.close()
        assert sorted(accepted_by(desk)) == ["C-1", "F-0", "F-1", "F-2"]

    asyncio.run(check())
