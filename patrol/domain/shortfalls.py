"""Shortfalls (警力缺口): what an incident wants and nobody can give it, or not in time; why, and who would be soonest.

Choosing finds them; they are kept and told with their incident, so that whoever escalates, audits or looks reads the
same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class ShortfallReason(StrEnum):
    """Why an incident does not get what it wants: of all crews, what leaves none, asked in this order."""

    NO_CREWS = "no_crews"  # there is none at all, among the real ones or the simulated ones
    NONE_OF_RING = "none_of_ring"
    NONE_ABLE = "none_able"  # none has the capabilities that are needed, and officers enough
    ALL_REFUSED = "all_refused"  # they declined, or a person took them back
    NONE_ON_DUTY = "none_on_duty"
    ALL_BUSY = "all_busy"
    NONE_LOCATED = "none_located"  # of those that are free nobody knows where they are
    NO_WAY = "no_way"
    KEPT_FOR_RED = "kept_for_red"
    BEHIND_OTHERS = "behind_others"  # more urgent ones wait, too many to look any farther
    NOBODY_IN_TIME = "nobody_in_time"  # as many go as are wanted, and the first will be late


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What an incident does not get. ``missing``: so many crews; 0 where it gets them, but nobody in time.

    ``zh``, ``en``: all of it in words. ``since``: it is short without a break since then, aware UTC. ``unit_id``: who
    is there first of those that go, or would be of those that are kept; ``eta_s``: in so many seconds, when that was
    found; ``late_s``: so many after the target. Each is None where nobody knows, or where it is not late.
    """

    reason: ShortfallReason
    missing: int
    zh: str
    en: str
    since: datetime
    unit_id: str | None = None
    eta_s: float | None = None
    late_s: float | None = None

    @property
    def key(self) -> str:
        """What tells it from what else is late about the same incident."""
        return f"shortfall/{self.reason.value}"

    @property
    def because(self) -> tuple[str, str]:
        """Why, in Chinese and in English, and no number: what is kept would soon be another than what is so now."""
        return _WORDS[self.reason]


@dataclass(frozen=True, slots=True)
class Soonest:
    """The crew that is there first. ``left_s``: so many seconds are left for it."""

    unit_id: str
    name_zh: str
    name_en: str
    eta_s: float
    left_s: float

    @property
    def late_s(self) -> float | None:
        """By how much it is late, a second at least; None where it is in time."""
        return max(1.0, self.eta_s - self.left_s) if self.eta_s > self.left_s else None

    @property
    def zh(self) -> str:
        """In words, in Chinese."""
        late = "" if self.late_s is None else f"，超时 {clock_text(self.late_s)}"
        return f"最快 {self.name_zh} {clock_text(self.eta_s)} 到{late}"

    @property
    def en(self) -> str:
        """The same in English."""
        late = "" if self.late_s is None else f", {clock_text(self.late_s)} late"
        return f"{self.name_en} is soonest, in {clock_text(self.eta_s)}{late}"


_WORDS: dict[ShortfallReason, tuple[str, str]] = {
    ShortfallReason.NO_CREWS: ("没有可派的警力", "there is no crew to send"),
    ShortfallReason.NONE_OF_RING: ("没有警力负责该圈层", "no crew serves its ring"),
    ShortfallReason.NONE_ABLE: ("没有具备所需能力的警力", "no crew can do what is needed"),
    ShortfallReason.ALL_REFUSED: ("可派的警力均已拒绝或被撤回", "all who may go have refused, or were taken back"),
    ShortfallReason.NONE_ON_DUTY: ("可派的警力均未当班", "none who may go is on duty"),
    ShortfallReason.ALL_BUSY: ("可派的警力均在执行任务", "all who may go are busy"),
    ShortfallReason.NONE_LOCATED: ("空闲的警力定位中断", "nobody knows where those are that are free"),
    ShortfallReason.NO_WAY: ("空闲的警力无路可达", "those that are free have no way there"),
    ShortfallReason.KEPT_FOR_RED: ("余下警力为红色警情预留", "those that are left are kept for red"),
    ShortfallReason.BEHIND_OTHERS: ("更紧急的警情在先", "more urgent ones come first"),
    ShortfallReason.NOBODY_IN_TIME: ("无人能按时到场", "nobody is there in time"),
}


def shortfall(reason: ShortfallReason, missing: int, now: datetime, soonest: Soonest | None = None) -> Shortfall:
    """What is found now, in words."""
    zh, en = _WORDS[reason]
    if missing:
        zh, en = f"缺 {missing} 组警力：{zh}", f"{missing} crew{'s' * (missing > 1)} short: {en}"
    if soonest is None:
        return Shortfall(reason, missing, zh, en, now)
    return Shortfall(
        reason,
        missing,
        f"{zh}；{soonest.zh}",
        f"{en}; {soonest.en}",
        now,
        soonest.unit_id,
        round(max(0.0, soonest.eta_s), 1),
        None if soonest.late_s is None else round(soonest.late_s, 1),
    )


def is_news(found: Shortfall, known: Shortfall | None) -> bool:
    """Whether people are to be told what is found, ``known`` being what they were told. Times change by themselves."""
    if known is None:
        return True
    if found.reason is ShortfallReason.BEHIND_OTHERS:  # what it was when somebody looked stands
        return False
    return (found.reason, found.missing) != (known.reason, known.missing)


def carried_on(found: Shortfall | None, known: Shortfall | None) -> Shortfall | None:
    """What is found, short since what is known is, where both are of one sort.

    That nobody goes, that a further crew is missing, and that the first will be late are three, each since it is so.
    """
    if found is None or known is None or _sort_of(found) != _sort_of(known):
        return found
    return replace(found, since=known.since)


def _sort_of(short: Shortfall) -> tuple[bool, bool]:
    return short.missing > 0, short.late_s is not None


def clock_text(seconds: float) -> str:
    """Seconds as people read them from a clock: 4:10. Never less than 0:00."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
