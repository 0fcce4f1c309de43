"""When what several cameras see is one thing: alike in kind, close in place and close in time (多点位合并).

Decided before an alert is accepted, so that one thing gets one incident and one order. A red alert never waits for it:
where its order would come later than alone, it stays alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Incident, IncidentState
from patrol.domain.vocabulary import Place
from patrol.domain.witnesses import seen_last_at, witnesses_of


class KindFamily(StrEnum):
    """What one and the same thing may be told as (类型组)."""

    CROWD = "crowd"
    VIOLENCE = "violence"
    FALL = "fall"
    FIRE = "fire"
    TRESPASS = "trespass"
    LEFT_OBJECT = "left_object"
    REMOVED_OBJECT = "removed_object"
    VEHICLE = "vehicle"


FAMILY_OF: Mapping[Kind, KindFamily] = {
    Kind.CROWD: KindFamily.CROWD,
    Kind.GATHERING: KindFamily.CROWD,
    Kind.FIGHT: KindFamily.VIOLENCE,
    Kind.RUNNING: KindFamily.VIOLENCE,
    Kind.FALL: KindFamily.FALL,
    Kind.FIRE_SMOKE: KindFamily.FIRE,
    Kind.INTRUSION: KindFamily.TRESPASS,
    Kind.LINE_CROSSING: KindFamily.TRESPASS,
    Kind.LOITERING: KindFamily.TRESPASS,
    Kind.ABANDONED_OBJECT: KindFamily.LEFT_OBJECT,
    Kind.REMOVED_OBJECT: KindFamily.REMOVED_OBJECT,
    Kind.STOPPED_VEHICLE: KindFamily.VEHICLE,
    Kind.WRONG_WAY: KindFamily.VEHICLE,
}
"""Maintenance has none: it is grouped by what its cameras have in common (maintenance_groups.py)."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near is close: metres between cameras, more of them inside one site, and seconds between two times seen."""

    within_m: float
    same_site_m: float
    within_s: float


# A camera of the far ring is seen every 30 s, and has to confirm what it sees. Smoke is seen from far away.
USUAL: Mapping[KindFamily, Closeness] = {
    KindFamily.CROWD: Closeness(80.0, 150.0, 120.0),
    KindFamily.VIOLENCE: Closeness(60.0, 120.0, 60.0),
    KindFamily.FALL: Closeness(30.0, 60.0, 60.0),
    KindFamily.FIRE: Closeness(150.0, 300.0, 300.0),
    KindFamily.TRESPASS: Closeness(50.0, 100.0, 60.0),
    KindFamily.LEFT_OBJECT: Closeness(30.0, 60.0, 300.0),
    KindFamily.REMOVED_OBJECT: Closeness(30.0, 60.0, 300.0),
    KindFamily.VEHICLE: Closeness(60.0, 120.0, 60.0),
}


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """What is close, by family. Families that are left out never join by themselves."""

    close: Mapping[KindFamily, Closeness] = field(default_factory=lambda: USUAL)

    def of(self, kind: Kind) -> Closeness | None:
        """What is close for a kind; None where nothing is."""
        family = FAMILY_OF.get(kind)
        return self.close.get(family) if family is not None else None


NEVER = MergePolicy({})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a camera has just seen. Times are frames', aware UTC."""

    kind: Kind
    level: Level
    place: Place
    site: str
    began_at: datetime
    confirmed_at: datetime
    simulated: bool
    drill: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Which open incidents may be close at all: of this likeness, so near, and seen no earlier than then."""

    likeness: str
    place: Place
    within_m: float
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Nearness:
    """An incident that something belongs to. ``later_s``: how much later it began, negative for earlier."""

    incident: Incident
    distance_m: float
    later_s: float
    same_site: bool


def likeness(kind: Kind, *, simulated: bool, drill: bool) -> str | None:
    """What must be the same of all that joins by itself; None for what never does: maintenance, and drills."""
    family = FAMILY_OF.get(kind)
    if family is None or drill:
        return None
    return f"{family} simulated" if simulated else family.value


def reach_of(seen: Seen, policy: MergePolicy) -> Reach | None:
    """Where to look; None where nothing can be close."""
    close, alike = policy.of(seen.kind), likeness(seen.kind, simulated=seen.simulated, drill=seen.drill)
    if close is None or alike is None:
        return None
    within_m = max(close.within_m, close.same_site_m)
    return Reach(alike, seen.place, within_m, seen.began_at - timedelta(seconds=close.within_s))


def nearest(seen: Seen, incidents: Iterable[Incident], policy: MergePolicy) -> Nearness | None:
    """The incident that this belongs to: of those that are close and take it the nearest, then the earliest."""
    found = [near for incident in incidents if (near := _nearness(seen, incident, policy)) is not None]
    return min(found, key=lambda near: (near.distance_m, near.incident.accepted_at, near.incident.id), default=None)


def _nearness(seen: Seen, incident: Incident, policy: MergePolicy) -> Nearness | None:
    close, alike = policy.of(seen.kind), likeness(seen.kind, simulated=seen.simulated, drill=seen.drill)
    if close is None or alike is None or not _takes(incident, seen.level):
        return None
    if alike != likeness(incident.kind, simulated=incident.simulated, drill=incident.drill):
        return None
    # From the first camera, not from the last that joined: else one thing would spread over the whole town.
    same_site = seen.site != "" and witnesses_of(incident)[0].site == seen.site
    distance_m = seen.place.distance_m(incident.place)
    if distance_m > close.within_m and not (same_site and distance_m <= close.same_site_m):
        return None
    began_at = incident.clocks[ClockName.BEGAN].at
    apart = max(seen.began_at - seen_last_at(incident), began_at - seen.confirmed_at)
    if apart > timedelta(seconds=close.within_s):
        return None
    return Nearness(incident, distance_m, (seen.began_at - began_at).total_seconds(), same_site)


def _takes(incident: Incident, level: Level) -> bool:
    """Whether something of this level may join it, so that a red alert gets its order as soon as alone.

    An order of a lower level that its unit has not answered may come to nothing: no red alert waits for that. Where
    nobody is ordered, dispatch sends on the red alert itself; and a red incident's order is out already.
    """
    if not incident.is_open or incident.state is IncidentState.HANDLED:
        return False
    return level is not Level.RED or incident.level is Level.RED or incident.state is not IncidentState.ORDERED


def why(near: Nearness, camera_name: str, camera_name_en: str) -> tuple[str, str]:
    """Why a camera's share was taken, in Chinese and English."""
    seconds = round(abs(near.later_s))
    when_zh = "同时" if seconds == 0 else f"{'晚' if near.later_s > 0 else '早'} {seconds} 秒"
    when_en = "at the same time" if seconds == 0 else f"{seconds} s {'later' if near.later_s > 0 else 'earlier'}"
    site_zh, site_en = ("，同一站点", ", same site") if near.same_site else ("", "")
    return (
        f"合并：{camera_name}，相距 {near.distance_m:.0f} 米{site_zh}，{when_zh}",
        f"merged: camera {camera_name_en}, {near.distance_m:.0f} m away{site_en}, {when_en}",
    )
