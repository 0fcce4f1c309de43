"""How urgent an event is (等级 红黄蓝绿): by its kind and ring, raised by what a readable list says; and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from patrol.domain.camera import Camera, RingName
from patrol.domain.events import KIND_ZH, Event, Kind, Level
from patrol.domain.schedules import TimeWindow

LEVEL_ZH: Mapping[Level, str] = {Level.RED: "红色", Level.YELLOW: "黄色", Level.BLUE: "蓝色", Level.GREEN: "绿色"}
RING_ZH: Mapping[RingName, str] = {RingName.CORE: "核心", RingName.PERIPHERY: "周边", RingName.FAR: "远端"}
# Of these a count says how many people there are; of the others how many boxes held the rule, which explains nothing.
_PEOPLE = frozenset({Kind.CROWD, Kind.GATHERING, Kind.RUNNING})
_MOST_URGENT_FIRST = tuple(Level)
_RANK = {level: rank for rank, level in enumerate(_MOST_URGENT_FIRST)}


def is_more_urgent(level: Level, than: Level) -> bool:
    """Whether a level comes before another."""
    return _RANK[level] < _RANK[than]


@dataclass(frozen=True, slots=True)
class Raise:
    """What makes an event more urgent (提级) than its kind and ring do: all that it names must hold.

    ``kinds``, ``rings``, ``sites``: any of these, whichever if none is named. ``count``: at least so many.
    ``rising``: their number grows, where the event knows that. ``hours``: in the station's own time; always if there
    are none. ``by``: so many steps, ``to``: that level at least; one of them.
    """

    name: str
    name_en: str
    by: int = 0
    to: Level | None = None
    kinds: frozenset[Kind] = frozenset()
    rings: frozenset[RingName] = frozenset()
    sites: frozenset[str] = frozenset()
    count: int = 0
    rising: bool = False
    hours: tuple[TimeWindow, ...] = ()

    def holds(self, event: Event, site: str, ring: RingName, local: datetime) -> bool:
        """Whether it concerns an event at a site in a ring. ``local``: when, in the station's own time."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.rings or ring in self.rings)
            and (not self.sites or site in self.sites)
            and event.evidence.count >= self.count
            and (not self.rising or event.evidence.rising is True)
            and (not self.hours or any(window.holds(local) for window in self.hours))
        )

    def raised(self, level: Level) -> Level:
        """The level that it makes of one: never a less urgent one."""
        wanted = self.to or _MOST_URGENT_FIRST[max(0, _RANK[level] - self.by)]
        return wanted if is_more_urgent(wanted, level) else level


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """How urgent a kind is in a ring; ``by_kind`` may leave rings or kinds out, then ``otherwise`` holds.

    ``raises``: what makes events more urgent than that, one after the other.
    """

    by_kind: Mapping[Kind, Mapping[RingName, Level]]
    otherwise: Level
    raises: tuple[Raise, ...] = ()

    def level_of(self, kind: Kind, ring: RingName) -> Level:
        """The level of an event of ``kind`` seen in ``ring``, before anything raises it."""
        return self.configured(kind, ring) or self.otherwise

    def configured(self, kind: Kind, ring: RingName) -> Level | None:
        """The level that was set for just this kind and ring, if one was."""
        return self.by_kind.get(kind, {}).get(ring)


@dataclass(frozen=True, slots=True)
class Rating:
    """A level, and why it is that one: what follows on "red, because"."""

    level: Level
    why_zh: str
    why_en: str


def rate(event: Event, camera: Camera, ring: RingName, policy: LevelPolicy, local: datetime) -> Rating:
    """How urgent an event of a camera is. ``local``: when it was seen, in the station's own time."""
    usual = level = policy.level_of(event.kind, ring)
    words_zh, words_en = [], []
    for each in policy.raises:
        if each.holds(event, camera.site, ring, local) and (raised := each.raised(level)) is not level:
            level = raised
            words_zh.append(f"；{each.name}，提为{LEVEL_ZH[level]}")
            words_en.append(f"; {each.name_en}: raised to {level}")
    what_zh, what_en = _what(event, ring)
    if level is usual:
        return Rating(level, what_zh, what_en)
    return Rating(
        level,
        f"{what_zh}（{LEVEL_ZH[usual]}）{''.join(words_zh)}",
        f"{what_en} ({usual}){''.join(words_en)}",
    )


def _what(event: Event, ring: RingName) -> tuple[str, str]:
    how_many_zh = how_many_en = ""
    if event.kind in _PEOPLE:
        how_many_zh, how_many_en = f"，{event.evidence.count} 人", f" of {event.evidence.count}"
    kind_en = event.kind.replace("_", " ")
    return (
        f"{RING_ZH[ring]}圈层的{KIND_ZH[event.kind]}{how_many_zh}",
        f"{kind_en}{how_many_en} in the {ring} ring",
    )
