"""Keeping: evidence is kept for as long as it shall be, and not longer; what is gone is known to be gone.

A round does a bounded piece of each part of the work, and the next one goes on from there; after a restart it begins
anew. Before a file is deleted the store says that it is gone: killed in between, the file is found, and deleted then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.incidents import AlertId, EvidenceId
from patrol.domain.retention import (
    Comparison,
    Deletion,
    EvidenceClass,
    Gone,
    IndexRow,
    KeptEvidence,
    Medium,
    Retention,
    StoredFile,
    Usage,
    absence,
    compare,
    may_go,
    to_delete,
)
from patrol.domain.storage import DiskPlace, DiskSpace, FreeFloor
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, DiskWatch, EvidenceFiles, EvidenceIndex
from patrol.storage_metrics import EvidenceMetrics

_log = logging.getLogger(__name__)

BATCH = 200  # of each part of the work, in a round
ROUND_S, BUSY_ROUND_S = 10.0, 1.0
LOOKED_THROUGH_EVERY_S = 3600.0


class Keeping:
    """Looks after the evidence of one folder."""

    def __init__(
        self,
        index: EvidenceIndex,
        files: EvidenceFiles,
        retention: Retention,
        clock: Clock,
        metrics: Metrics,
        disks: DiskWatch,
        floor: FreeFloor,
    ) -> None:
        self._index = index
        self._files = files
        self._retention = retention
        self._clock = clock
        self._metrics = metrics.evidence
        self._disk_metrics = metrics.disks
        self._disks = disks
        self._floor = floor
        self._short: tuple[DiskSpace, ...] = ()
        self._calendar = _Calendar(clock)
        self._inventory = _Inventory(index, files, self._calendar, clock, self._metrics)
        self._failing = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Look after it until ``stopping``."""
        is_busy = True
        while not await pause(self._clock, stopping, BUSY_ROUND_S if is_busy else ROUND_S):
            try:
                is_busy = await self.round()
            except StoreError as error:
                self._metrics.failures.inc()
                if not self._failing:
                    _log.error("evidence is not looked after: %s", error)
                self._failing, is_busy = True, False
            else:
                if self._failing:
                    _log.info("evidence is looked after again")
                self._failing = False

    async def round(self) -> bool:
        """A piece of the work. Returns whether there is more of it right now. Raises StoreError."""
        # What makes room comes first: on a full disk nothing else can be noted down.
        missing = await self._look_at_disks()
        deleted = await self._delete(missing)
        has_measured = await self._measure()
        is_looking = self._inventory.is_under_way
        self._count(await self._inventory.step())
        return has_measured or is_looking or deleted >= BATCH

    async def _measure(self) -> bool:
        rows = await self._index.unmeasured(BATCH)
        sizes = await self._files.sizes([(row.id, row.medium) for row in rows])
        await self._index.measure(sizes)
        now = self._calendar.now()
        reasons = ((row, absence(row, now)) for row in rows if row.id not in sizes)
        absent = [Deletion(row.id, row.medium, reason) for row, reason in reasons if reason is not None]
        self._count(await self._index.note_absent(absent, now))
        return bool(sizes or absent)

    async def _look_at_disks(self) -> int:
        """Returns the bytes that the evidence's disk is short of."""
        spaces = await self._disks.spaces()
        self._disk_metrics.show(spaces, self._floor)
        short = self._floor.short(spaces)
        for space in short:
            if space.disk not in {before.disk for before in self._short}:
                _log.error("disk of %s is short of room: %d of %d bytes are free", space.place, space.free, space.size)
        self._short = short
        return sum(self._floor.missing(space) for space in spaces if space.place is DiskPlace.EVIDENCE)

    async def _delete(self, missing: int) -> int:
        now, usage = self._calendar.now(), await self._index.usage()
        used = sum(each.size for each in usage.values())
        is_short = used > self._retention.quota_bytes or missing > 0
        found: list[KeptEvidence] = []
        for each in usage:
            until = self._retention.goes_until(each, now, is_short=is_short)
            found += await self._index.oldest(each, BATCH, until)
        plan = to_delete(found, used, self._retention, now, missing)[:BATCH]
        done = await self._let_go(plan, now)
        self._count(done)
        self._show(usage, found, now)
        return len(done)

    async def _let_go(self, plan: Sequence[Deletion], now: datetime) -> Sequence[Deletion]:
        try:
            done = await self._index.let_go(plan, now)
        except StoreError as error:
            if error.failure is not StoreFailure.DISK_FULL:
                raise
            # No room to say so first. What is closed never opens again, so it may go all the same.
            await self._unlink(plan)
            return await self._index.let_go(plan, now)
        await self._unlink(done)
        return done

    async def _unlink(self, deletions: Sequence[Deletion]) -> None:
        await self._files.delete([(deletion.id, deletion.medium) for deletion in deletions])

    def _show(self, usage: Mapping[EvidenceClass, Usage], found: Sequence[KeptEvidence], now: datetime) -> None:
        self._metrics.show(usage, self._retention.quota_bytes)
        used = sum(each.size for each in usage.values())
        is_stuck = used > self._retention.quota_bytes and not any(may_go(item, now) for item in found)
        self._metrics.stuck.set(is_stuck)

    def _count(self, deletions: Sequence[Deletion]) -> None:
        for reason, count in Counter(deletion.reason for deletion in deletions).items():
            self._metrics.gone.labels(reason.value).inc(count)
            _log.info("evidence: %d gone (%s)", count, reason.value)


class _Calendar:
    """Wall time that does not leap ahead while the process runs: a clock set to next year must not empty the folder."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began, self._began_at = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        passed = timedelta(seconds=self._clock.monotonic() - self._began_at)
        return min(self._clock.now(), self._began + passed)


class _Inventory:
    """Holds all files and the store's rows against each other, piece by piece, once an hour.

    First the alerts of an older version get their rows: no file of theirs may count as an orphan.
    """

    def __init__(
        self,
        index: EvidenceIndex,
        files: EvidenceFiles,
        calendar: _Calendar,
        clock: Clock,
        metrics: EvidenceMetrics,
    ) -> None:
        self._index = index
        self._files = files
        self._calendar = calendar
        self._clock = clock
        self._metrics = metrics
        self._strangers = 0
        self._due_at = clock.monotonic()
        self._has_adopted = False
        self._adopted_to: AlertId | None = None
        self._looked_to: EvidenceId | None = None

    @property
    def is_under_way(self) -> bool:
        return self._clock.monotonic() >= self._due_at

    async def step(self) -> Sequence[Deletion]:
        """Returns what was found to be gone, and which orphans were deleted."""
        if not self.is_under_way:
            return ()
        if not self._has_adopted:
            self._adopted_to = await self._index.adopt(self._adopted_to, BATCH)
            self._has_adopted = self._adopted_to is None
            return ()
        # The rows first: an alert that is accepted in between had its picture before.
        rows = await self._index.after(self._looked_to, BATCH)
        files = await self._files.stored(self._looked_to, BATCH)
        upto = _seen_both(files, rows)
        found = compare(
            [file for file in files if upto is None or file.id <= upto],
            [row for row in rows if upto is None or row.id <= upto],
            self._calendar.now(),
        )
        gone = await self._settle(found)
        self._looked_to = upto
        if upto is None:
            self._end()
        return gone

    def _end(self) -> None:
        if self._strangers:
            _log.error(
                "evidence: %d files that no alert knows are kept, they may be another database's", self._strangers
            )
        self._metrics.strangers.set(self._strangers)
        self._strangers = 0
        self._has_adopted, self._adopted_to = False, None
        self._due_at = self._clock.monotonic() + LOOKED_THROUGH_EVERY_S

    async def _settle(self, found: Comparison) -> Sequence[Deletion]:
        await self._index.measure(found.sizes)
        await self._index.take_back(found.returned)
        self._strangers += len(found.strangers)
        gone = await self._index.note_absent(found.absent, self._calendar.now())
        await self._files.delete([(file.id, file.medium) for file in (*found.orphans, *found.leftovers)])
        orphans = [Deletion(file.id, file.medium or Medium.PICTURE, Gone.ORPHAN) for file in found.orphans]
        return (*gone, *orphans)


def _seen_both(files: Sequence[StoredFile], rows: Sequence[IndexRow]) -> EvidenceId | None:
    """Up to which id both are known; None: to the end of both."""
    ends = [lots[-1].id for lots in (files, rows) if len(lots) >= BATCH]
    return min(ends, default=None)


class EvidenceDesk:
    """Tells those who ask for a picture or a clip that is not there why it is not."""

    def __init__(self, index: EvidenceIndex, clock: Clock, metrics: Metrics) -> None:
        self._index = index
        self._clock = clock
        self._metrics = metrics.evidence

    async def why_gone(self, evidence_id: EvidenceId) -> Gone | None:
        """See EvidenceFates."""
        row = (await self._index.look_up((evidence_id,))).get(evidence_id)
        if row is None:
            return None
        reason = absence(row, self._clock.now())
        if reason is None or row.gone is not None:
            return reason
        for noted in await self._index.note_absent((Deletion(row.id, row.medium, reason),), self._clock.now()):
            self._metrics.gone.labels(noted.reason.value).inc()
        return reason
