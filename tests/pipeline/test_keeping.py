"""Keeping: the real store and real files; what goes, what stays, and what a kill in the middle leaves behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.memory import FakeClock
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_evidence import SqlEvidenceIndex
from patrol.domain.camera import CameraId
from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.events import Level
from patrol.domain.feedback import close
from patrol.domain.ids import make_id
from patrol.domain.incidents import AlertId, Disposition, EvidenceId, IncidentId
from patrol.domain.retention import Deletion, EvidenceClass, Gone, Retention
from patrol.domain.storage import DiskPlace, DiskSpace, FreeFloor
from patrol.metrics import Metrics
from patrol.pipeline import keeping as module
from patrol.pipeline.keeping import EvidenceDesk, Keeping
from tests.adapters.small_disk import fill, small_disk
from tests.builders import NOON, camera, candidate, event
from tests.pipeline.parts import counted, fresh_metrics, sql_store, told_by

DAY_S = 86_400.0
SMALL = Retention(1000, {each: timedelta(days=10) for each in EvidenceClass})


@dataclass(slots=True)
class House:
    """A store, a folder, and what looks after both."""

    store: SqlStore
    files: DiskEvidence
    folder: Path
    clock: FakeClock
    metrics: Metrics
    retention: Retention
    number: int = 0
    free: int = 500

    def keeping(self, files: DiskEvidence | None = None) -> Keeping:
        return Keeping(
            self.store.evidence, files or self.files, self.retention, self.clock, self.metrics, self, FreeFloor(0, 100)
        )

    async def spaces(self) -> list[DiskSpace]:
        """The disk: so much is free as is said."""
        return [DiskSpace(DiskPlace.VAR, 1, 5, 5), DiskSpace(DiskPlace.EVIDENCE, 2, self.free, 1000)]

    def desk(self) -> EvidenceDesk:
        return EvidenceDesk(self.store.evidence, self.clock, self.metrics)

    async def alert(
        self,
        size: int = 100,
        *,
        closed: bool = True,
        level: Level = Level.RED,
        clip: bool = False,
        simulated: bool = False,
    ) -> tuple[EvidenceId, EvidenceId | None]:
        """Accept one of a camera of its own, now."""
        self.number += 1
        now, name = self.clock.now(), f"C-{self.number}"
        picture = EvidenceId(make_id("V", now, 2 * self.number))
        clip_id = EvidenceId(make_id("V", now, 2 * self.number + 1)) if clip else None
        await self.files.put(picture, b"x" * size)
        incident_id = IncidentId(f"I-{self.number}")
        accepted = replace(
            candidate(self.number),
            alert_id=AlertId(make_id("A", now, self.number)),
            incident_id=incident_id,
            evidence_id=picture,
            event=event(camera_id=CameraId(name)),
            camera=camera(name, simulated=simulated),
            level=level,
            clip_id=clip_id,
        )
        await self.store.accept(accepted, now)
        if closed:
            await self.close(incident_id)
        self.touch(picture)
        return picture, clip_id

    async def close(self, incident_id: IncidentId) -> None:
        now = self.clock.now()
        await self.store.decide(incident_id, lambda s: close(s, Disposition.HANDLED, "op", "done", now))

    def touch(self, evidence_id: EvidenceId, suffix: str = ".jpg") -> Path:
        """Its file, as if it had been written now."""
        path = self.folder / evidence_id[2:10] / f"{evidence_id}{suffix}"
        if path.exists():
            os.utime(path, (self.clock.now().timestamp(),) * 2)
        return path

    async def rounds(self, keeping: Keeping | None = None, most: int = 50) -> None:
        """Rounds until there is no more to do."""
        keeping = keeping or self.keeping()
        for _ in range(most):
            if not await keeping.round():
                return
        raise AssertionError("there is always more to do")

    def there(self) -> set[str]:
        return {path.stem for path in self.folder.rglob("*.*")}

    def gone(self, reason: Gone) -> float:
        return counted(self.metrics, "patrol_evidence_gone_total", reason=reason.value)


@asynccontextmanager
async def house(folder: Path, retention: Retention = SMALL) -> AsyncIterator[House]:
    clock = FakeClock(NOON)
    async with sql_store(folder, clock) as store:
        yield House(store, DiskEvidence(folder / "evidence"), folder / "evidence", clock, fresh_metrics(), retention)


def test_what_there_is_is_measured_and_shown_by_class(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            await home.alert(100)
            _, clip = await home.alert(50, level=Level.GREEN, clip=True)
            await home.alert(70, simulated=True)
            assert clip is not None
            await home.files.put_clip(clip, b"y" * 300)
            await home.rounds()
            shown = {
                name: (
                    counted(home.metrics, "patrol_evidence_pieces", **{"class": name}),
                    counted(home.metrics, "patrol_evidence_bytes", **{"class": name}),
                )
                for name in ("red", "green", "simulated", "blue")
            }
            assert shown == {"red": (1, 100), "green": (2, 350), "simulated": (1, 70), "blue": (0, 0)}
            assert counted(home.metrics, "patrol_evidence_quota_ratio") == 0.52
            assert sum(home.gone(reason) for reason in Gone) == 0

    asyncio.run(check())


def test_what_expired_goes_and_says_why_and_what_is_open_stays(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            old, clip = await home.alert(clip=True)
            assert clip is not None
            await home.files.put_clip(clip, b"y" * 300)
            kept, _ = await home.alert(closed=False)
            home.clock.advance(11 * DAY_S)
            fresh, _ = await home.alert()
            await home.rounds()
            assert home.there() == {kept, fresh}
            assert home.gone(Gone.EXPIRED) == 2
            assert await home.store.gone_evidence((old, clip, kept, fresh)) == {old: Gone.EXPIRED, clip: Gone.EXPIRED}
            assert await home.desk().why_gone(old) is Gone.EXPIRED
            assert await home.desk().why_gone(EvidenceId("V-never")) is None

    asyncio.run(check())


def test_over_the_quota_the_least_important_go_first_and_when_only_open_ones_are_left_it_is_an_alarm(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            red, _ = await home.alert(400)
            practice, _ = await home.alert(400, simulated=True)
            running, _ = await home.alert(900, closed=False, simulated=True)
            home.clock.advance(2 * DAY_S)
            keeping = home.keeping()
            await home.rounds(keeping)
            assert home.there() == {running}
            assert home.gone(Gone.QUOTA) == 2
            assert counted(home.metrics, "patrol_evidence_stuck") == 0
            more, _ = await home.alert(900, closed=False)
            await home.rounds(keeping)
            # Nothing is refused: it was accepted, it is there, and somebody is told.
            assert home.there() == {running, more}
            assert counted(home.metrics, "patrol_evidence_stuck") == 1
            assert counted(home.metrics, "patrol_evidence_quota_ratio") == 1.8
            await home.close(IncidentId("I-3"))
            await home.rounds(keeping)
            assert home.there() == {more}
            assert counted(home.metrics, "patrol_evidence_stuck") == 0
            assert {red, practice, running} == set(await home.store.gone_evidence((red, practice, running, more)))

    asyncio.run(check())


def test_an_incident_that_opens_before_its_evidence_is_let_go_keeps_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            await home.alert(closed=False)
            index = home.store.evidence
            (row,) = await index.after(None, 10)
            assert await index.let_go((Deletion(row.id, row.medium, Gone.QUOTA),), NOON) == []
            await home.close(IncidentId("I-1"))
            assert len(await index.let_go((Deletion(row.id, row.medium, Gone.QUOTA),), NOON)) == 1
            assert await index.let_go((Deletion(row.id, row.medium, Gone.QUOTA),), NOON) == []

    asyncio.run(check())


def test_a_kill_between_the_word_and_the_deed_leaves_a_file_that_goes_later(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    class DiesBeforeDeleting(DiskEvidence):
        async def delete(self, files: object) -> None:
            if files:
                raise KilledError

    async def check() -> None:
        async with house(tmp_path) as home:
            old, _ = await home.alert()
            home.clock.advance(11 * DAY_S)
            with pytest.raises(KilledError):
                await home.rounds(home.keeping(DiesBeforeDeleting(home.folder)))
            assert home.there() == {old}
            await home.rounds()
            assert home.there() == set()
            assert await home.desk().why_gone(old) is Gone.EXPIRED

    asyncio.run(check())


def test_an_orphan_goes_after_a_day_and_so_does_what_was_never_finished(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            kept, _ = await home.alert()
            lost = EvidenceId(make_id("V", NOON, 77))
            await home.files.put(lost, b"of no alert")
            home.touch(lost)
            part = home.folder / "20260101" / f"{make_id('V', NOON, 78)}.part"
            part.write_bytes(b"half")
            os.utime(part, (NOON.timestamp(),) * 2)
            note = home.folder / "20260101" / "somebody's note.txt"
            note.write_text("not ours")
            home.clock.advance(DAY_S - 60)
            await home.rounds()
            assert home.gone(Gone.ORPHAN) == 0
            home.clock.advance(120)
            await home.rounds()
            assert home.there() == {kept, note.stem}
            assert home.gone(Gone.ORPHAN) == 2

    asyncio.run(check())


def test_what_was_deleted_by_hand_is_noticed_and_what_comes_back_is_welcome(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            seen, _ = await home.alert()
            unseen, _ = await home.alert()
            await home.rounds()
            for each in (seen, unseen):
                home.touch(each).unlink()
            # One because somebody asks for it, the other because all are looked through once an hour.
            assert await home.desk().why_gone(seen) is Gone.BY_HAND
            assert await home.store.gone_evidence((seen, unseen)) == {seen: Gone.BY_HAND}
            await home.rounds()
            assert await home.store.gone_evidence((seen, unseen)) == {seen: Gone.BY_HAND, unseen: Gone.BY_HAND}
            assert home.gone(Gone.BY_HAND) == 2
            await home.files.put(seen, b"x" * 80)
            await home.rounds()
            assert await home.store.gone_evidence((seen, unseen)) == {unseen: Gone.BY_HAND}
            assert counted(home.metrics, "patrol_evidence_bytes", **{"class": "red"}) == 80

    asyncio.run(check())


def test_a_clip_that_never_came_is_known_to_be_lost_after_an_hour(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            _, clip = await home.alert(clip=True)
            assert clip is not None
            await home.rounds()
            assert await home.desk().why_gone(clip) is None
            home.clock.advance(3601)
            await home.rounds()
            assert await home.desk().why_gone(clip) is Gone.NEVER_KEPT
            assert home.gone(Gone.NEVER_KEPT) == 1

    asyncio.run(check())


def test_alerts_of_an_older_version_get_their_rows_before_any_file_counts_as_an_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)  # many rounds, each with a piece of the work

    async def check() -> None:
        async with house(tmp_path, replace(SMALL, quota_bytes=10**6)) as home:
            pictures = {(await home.alert())[0] for _ in range(40)}
            await home.store._transaction(lambda connection: connection.exec_driver_sql("delete from evidence"))
            home.clock.advance(3 * DAY_S)
            await home.rounds()
            assert home.there() == pictures
            assert counted(home.metrics, "patrol_evidence_pieces", **{"class": "red"}) == 40
            assert counted(home.metrics, "patrol_evidence_bytes", **{"class": "red"}) == 4000
            home.clock.advance(8 * DAY_S)
            await home.rounds()
            assert home.there() == set()
            assert list(home.folder.iterdir()) == []

    asyncio.run(check())


def test_the_files_of_another_database_are_not_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            for number in range(30):
                strange = EvidenceId(make_id("V", NOON, number))
                await home.files.put(strange, b"x")
                home.touch(strange)
            home.clock.advance(2 * DAY_S)
            await home.rounds()
            assert len(home.there()) == 30
            assert counted(home.metrics, "patrol_evidence_strangers") == 30

    asyncio.run(check())
    assert [line for line in told_by(caplog) if "30 files that no alert knows are kept" in line]


def test_a_store_that_is_away_is_told_once_and_the_work_goes_on_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "patrol")

    async def check() -> None:
        async with house(tmp_path) as home:
            stopping = asyncio.Event()
            keeping, tries = home.keeping(), 0

            async def flaky() -> bool:
                nonlocal tries
                tries += 1
                if tries < 4:
                    raise StoreError("database: away")
                stopping.set()
                return False

            keeping.round = flaky  # type: ignore[method-assign]
            await keeping.run(stopping)
            assert counted(home.metrics, "patrol_evidence_failures_total") == 3

    asyncio.run(check())
    assert told_by(caplog) == ["evidence is not looked after: database: away", "evidence is looked after again"]


def test_a_short_disk_is_told_and_costs_what_was_kept_for_a_good_part_of_its_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with house(tmp_path) as home:
            old, _ = await home.alert(60, simulated=True)
            older, _ = await home.alert(60)
            home.clock.advance(3 * DAY_S)
            fresh, _ = await home.alert(60)
            keeping = home.keeping()
            await home.rounds(keeping)
            assert home.there() == {old, older, fresh}
            assert counted(home.metrics, "patrol_disk_short", place="evidence") == 0
            home.clock.advance(7200)
            home.free = 60
            await keeping.round()
            assert home.there() == {older, fresh}
            home.free = 0  # whoever fills it, the evidence of yesterday does not pay for it
            await home.rounds(keeping)
            assert home.there() == {fresh}
            assert home.gone(Gone.PRESSURE) == 2
            assert await home.desk().why_gone(old) is Gone.PRESSURE
            shown = [
                counted(home.metrics, name, place="evidence")
                for name in ("patrol_disk_free_bytes", "patrol_disk_size_bytes", "patrol_disk_short")
            ]
            assert shown == [0, 1000, 1]

    asyncio.run(check())
    assert [line for line in told_by(caplog) if "short of room" in line] == [
        "disk of evidence is short of room: 60 of 1000 bytes are free"
    ]


def test_a_clock_that_leaps_ahead_while_it_runs_deletes_nothing(tmp_path: Path) -> None:
    class LeapingClock(FakeClock):
        leap = timedelta(0)

        def now(self) -> datetime:
            return super().now() + self.leap

    async def check() -> None:
        async with house(tmp_path) as home:
            home.clock = clock = LeapingClock(NOON)
            kept, _ = await home.alert()
            keeping = home.keeping()
            await home.rounds(keeping)
            clock.leap = timedelta(days=365)
            clock.advance(7200)
            await home.rounds(keeping)
            assert home.there() == {kept}
            clock.advance(11 * DAY_S)
            await home.rounds(keeping)
            assert home.there() == set()

    asyncio.run(check())


def test_on_a_disk_that_is_full_with_the_database_on_it_room_is_made_all_the_same(tmp_path: Path) -> None:
    async def check(disk: Path) -> None:
        async with house(disk, replace(SMALL, quota_bytes=10**9)) as home:
            pictures = {(await home.alert(200_000))[0] for _ in range(20)}
            running, _ = await home.alert(200_000, closed=False)
            keeping = home.keeping()
            await home.rounds(keeping)
            home.clock.advance(5 * DAY_S)
            fill(disk)
            home.free = 0
            with pytest.raises(StoreError, match="No space left"):
                await home.alert(200_000)
            await home.rounds(keeping)
            gone = await home.store.gone_evidence(pictures)
            assert gone
            assert set(gone.values()) == {Gone.PRESSURE}
            assert home.there() == (pictures | {running}) - set(gone)

    with small_disk(tmp_path / "disk", 16) as disk:
        asyncio.run(check(disk))


def test_where_the_database_has_no_room_for_a_word_the_deed_comes_first(tmp_path: Path) -> None:
    def is_full() -> bool:
        return any(tmp_path.rglob("*.jpg"))

    class Full(SqlEvidenceIndex):
        """Takes no word before there is room."""

        async def let_go(self, deletions: Sequence[Deletion], at: datetime) -> Sequence[Deletion]:
            if is_full():
                raise StoreError("database or disk is full", StoreFailure.DISK_FULL)
            return await super().let_go(deletions, at)

    async def check() -> None:
        async with house(tmp_path) as home:
            old, _ = await home.alert()
            home.clock.advance(11 * DAY_S)
            full = Full(home.store._transaction, home.store.read)
            await home.rounds(Keeping(full, home.files, SMALL, home.clock, home.metrics, home, FreeFloor(0, 100)))
            assert home.there() == set()
            assert await home.desk().why_gone(old) is Gone.EXPIRED

    asyncio.run(check())
