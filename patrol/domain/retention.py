"""Retention: how long evidence is kept, and what goes first where there is too little room.

What belongs to an open incident is never deleted, nor what was accepted within the last hour: that holds also over
the quota and on a full disk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.events import IncidentClass, Kind, Level, class_of
from patrol.domain.incidents import EvidenceId

YOUNG = timedelta(hours=1)
# A clip comes some seconds after its alert; one that has not come by then never will.
CLIP_COMES_WITHIN = timedelta(hours=1)
SEASONED = 0.25  # of its time: where the disk is short, what was kept that long may go
ORPHANS_KEPT = timedelta(days=1)
# A kill leaves one, an old database that was put back some; a folder full of them belongs to another database.
MOST_ORPHANS = 20

# Days. Security by level; exercises are of no use once they were talked over.
USUAL_KEEP_DAYS = {"red": 365, "yellow": 180, "blue": 90, "green": 30, "maintenance": 30, "simulated": 7}
USUAL_QUOTA_BYTES = 50 * 10**9


class Medium(StrEnum):
    """What a piece of evidence is."""

    PICTURE = "picture"
    CLIP = "clip"


class EvidenceClass(StrEnum):
    """What evidence is of, the most important first: security by its level, maintenance, drills and simulations."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    GREEN = "green"
    MAINTENANCE = "maintenance"
    SIMULATED = "simulated"


_IMPORTANCE = {each: rank for rank, each in enumerate(EvidenceClass)}


class Gone(StrEnum):
    """Why a piece of evidence is not there. Closed set: also the metric's label."""

    EXPIRED = "expired"  # kept for as long as its class is
    QUOTA = "quota"  # the oldest of the least important, over the quota
    PRESSURE = "pressure"  # the same, while the disk was short of room
    BY_HAND = "by_hand"  # its file was there, and somebody took it away
    NEVER_KEPT = "never_kept"  # its alert stands, its file never came: a clip that was lost
    ORPHAN = "orphan"  # a file that belongs to no alert


DELETED = frozenset({Gone.EXPIRED, Gone.QUOTA, Gone.PRESSURE})  # by Patrol
FOUND_GONE = frozenset({Gone.BY_HAND, Gone.NEVER_KEPT})  # and may come back: a disk that was not mounted


def evidence_class(level: Level, kind: Kind, *, simulated: bool) -> EvidenceClass:
    """The class of the evidence of an alert; ``simulated``: of drills and simulated cameras."""
    if simulated:
        return EvidenceClass.SIMULATED
    if class_of(kind) is IncidentClass.MAINTENANCE:
        return EvidenceClass.MAINTENANCE
    return EvidenceClass(level.value)


@dataclass(frozen=True, slots=True)
class Retention:
    """How much evidence is kept, in bytes, and each class for how long."""

    quota_bytes: int = USUAL_QUOTA_BYTES
    keep: Mapping[EvidenceClass, timedelta] = field(
        default_factory=lambda: {each: timedelta(days=USUAL_KEEP_DAYS[each.value]) for each in EvidenceClass}
    )

    def is_expired(self, item: KeptEvidence, now: datetime, share: float = 1.0) -> bool:
        """Whether it was kept for as long as its class is, or for a share of that."""
        return item.accepted_at + share * self.keep[item.evidence_class] <= now

    def goes_until(self, evidence_class: EvidenceClass, now: datetime, *, is_short: bool) -> datetime:
        """Of a class, nothing that was accepted later is to go now. ``is_short``: of room, by the quota or the disk."""
        return now - (YOUNG if is_short else self.keep[evidence_class])


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """A piece of evidence that is there. ``size``: bytes, 0 where not known yet. ``is_open``: its incident is."""

    id: EvidenceId
    medium: Medium
    evidence_class: EvidenceClass
    size: int
    accepted_at: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """How much there is of a class."""

    pieces: int
    size: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """A piece of evidence that is to go, and why."""

    id: EvidenceId
    medium: Medium
    reason: Gone


def may_go(item: KeptEvidence, now: datetime) -> bool:
    """Whether it may be deleted at all. What lies in the future was accepted before the clock was set back."""
    return not item.is_open and item.accepted_at <= now - YOUNG


def to_delete(
    found: Sequence[KeptEvidence], used: int, retention: Retention, now: datetime, missing: int = 0
) -> tuple[Deletion, ...]:
    """What goes now: all that expired, then, over the quota or on a short disk, the oldest of the least important.

    ``found``: the oldest of each class at least; ``used``: bytes of all evidence, of which ``found`` may be a part.
    ``missing``: bytes that the disk is short of, whoever took them: for that alone nothing goes that was not kept for a
    good part of its time, or the evidence would pay for a log that fills the disk.
    """
    candidates = [item for item in found if may_go(item, now)]
    expired = [item for item in candidates if retention.is_expired(item, now)]
    over = used - sum(item.size for item in expired) - retention.quota_bytes
    left = {item for item in candidates if item.size > 0}.difference(expired)
    rest = sorted(left, key=_least_important_first)
    for_quota = _enough(rest, over)
    missing -= sum(item.size for item in (*expired, *for_quota))
    seasoned = [item for item in rest[len(for_quota) :] if retention.is_expired(item, now, SEASONED)]
    return (
        *_deletions(expired, Gone.EXPIRED),
        *_deletions(for_quota, Gone.QUOTA),
        *_deletions(_enough(seasoned, missing), Gone.PRESSURE),
    )


def _least_important_first(item: KeptEvidence) -> tuple[int, datetime, str]:
    return -_IMPORTANCE[item.evidence_class], item.accepted_at, item.id


def _enough(items: Sequence[KeptEvidence], size: int) -> Sequence[KeptEvidence]:
    """As many from the front as have that many bytes together."""
    taken: list[KeptEvidence] = []
    for item in items:
        if size <= 0:
            break
        taken.append(item)
        size -= item.size
    return taken


def _deletions(items: Sequence[KeptEvidence], reason: Gone) -> list[Deletion]:
    return [Deletion(item.id, item.medium, reason) for item in items]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the evidence's folder. ``medium``: None where a write was never finished. ``size`` in bytes."""

    id: EvidenceId
    medium: Medium | None
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the store knows of a piece of evidence. ``size``: None until it was looked at; ``gone``: None while kept."""

    id: EvidenceId
    medium: Medium
    size: int | None
    accepted_at: datetime
    gone: Gone | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a look at files and store side by side found.

    ``orphans``: files of no alert, to be deleted; ``strangers``: the same, and so many that they are another
    database's rather: they stay. ``leftovers``: files of what was deleted, after a kill in the middle of it.
    ``absent``: what is not there, and why; ``returned``: what is there again. ``sizes``: of what was not measured
    yet, or has another size now.
    """

    orphans: tuple[StoredFile, ...]
    strangers: tuple[StoredFile, ...]
    leftovers: tuple[StoredFile, ...]
    absent: tuple[Deletion, ...]
    returned: tuple[EvidenceId, ...]
    sizes: Mapping[EvidenceId, int]


def compare(files: Collection[StoredFile], rows: Sequence[IndexRow], now: datetime) -> Comparison:
    """Hold the files and the store's rows of the same ids against each other.

    A file is an orphan only after a day, by when it was written: its alert may wait for a store that is away.
    """
    by_key = {(row.id, row.medium): row for row in rows}
    there = {(file.id, file.medium): file for file in files if file.medium is not None}
    unknown = [file for file in files if file.medium is None or (file.id, file.medium) not in by_key]
    old = tuple(file for file in unknown if file.modified_at <= now - ORPHANS_KEPT)
    are_strangers = len(old) > max(MOST_ORPHANS, len(files) - len(unknown))
    found = [(row, there.get((row.id, row.medium))) for row in rows]
    absences = ((row, absence(row, now)) for row, file in found if file is None and row.gone is None)
    return Comparison(
        orphans=() if are_strangers else old,
        strangers=old if are_strangers else (),
        leftovers=tuple(file for row, file in found if file is not None and row.gone in DELETED),
        absent=tuple(Deletion(row.id, row.medium, reason) for row, reason in absences if reason is not None),
        returned=tuple(row.id for row, file in found if file is not None and row.gone in FOUND_GONE),
        sizes={row.id: file.size for row, file in found if file is not None and row.size != file.size},
    )


def absence(row: IndexRow, now: datetime) -> Gone | None:
    """Why a piece of evidence that is kept has no file; None where it may still come."""
    if row.gone is not None:
        return row.gone
    if row.medium is Medium.CLIP and row.size is None:
        return Gone.NEVER_KEPT if row.accepted_at <= now - CLIP_COMES_WITHIN else None
    return Gone.BY_HAND
