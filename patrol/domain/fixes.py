"""Fixes (定位): what is believed of the positions that units send, and how far an old one still says where a unit is.

The peers, read at the source: Traccar (FilterHandler, TimeHandler, Keys) filters what comes in, one filter a fault,
most of them off by default; Resgrid (DispatchRecommendationConfig) excludes old positions when somebody is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.coordinates import to_wgs84
from patrol.domain.dispatch import UNIT_CLOCK_AHEAD, Duty
from patrol.domain.errors import MessageError
from patrol.domain.message_data import PositionData
from patrol.domain.units import UnitId
from patrol.domain.vocabulary import CoordinateSystem, Place

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FixSettings:
    """When a position is not believed, and when it is too old.

    ``stale_after_s``: from then on a unit may be anywhere it could have reached since. ``missing_after_s``: from then
    on nobody knows. Resgrid excludes after 1800 s by default (``MaxLocationAgeSeconds``), for calls to which an engine
    drives a quarter of an hour; here the farthest ring has 300 s, and in 600 s somebody on foot is 1.5 km away.

    ``jump_m_s``, ``jump_factor``: faster than both of these, and it has jumped. Traccar's ``filter.maxSpeed`` has no
    default. Ours is 40 m/s, 144 km/h, which no unit drives in a town, or three times the unit's own speed along the
    way, where that is more. ``noise_m``: how far off a fix may be that does not say how accurate it is;
    ``most_noise_m``: no fix is forgiven more than that, whatever it says.

    ``radius_cap_m``: what an old position is widened to at most: twice the radius of the inner rings, in which
    everywhere is as likely.

    ``arrived_m``: so near, and a unit is on scene; farther by what its position may be off, and twice that at most.
    Dispatch systems draw 100 m and more around a scene; of the core ring's 112 m that would be nearly all. ``moved_m``:
    so far from where it accepted, and a unit moves. ``elsewhere_m``: farther away, and a unit is not on scene,
    whatever its crew says: a scene is no point, and in a street a fix may be this far off (arriving.py).
    """

    stale_after_s: float = 30.0
    missing_after_s: float = 600.0
    jump_m_s: float = 40.0
    jump_factor: float = 3.0
    noise_m: float = 50.0
    most_noise_m: float = 200.0
    radius_cap_m: float = 1000.0
    arrived_m: float = 30.0
    moved_m: float = 30.0
    elsewhere_m: float = 200.0


USUAL = FixSettings()


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a unit says it was. ``place``: WGS-84. ``at``: aware, by the sender's clock; ``received_at``: by ours.

    ``accuracy_m``: radius, metres. ``heading_deg``: clockwise from north. ``source``: who sent it; ``id``: of the
    message, unique within its source.
    """

    unit_id: UnitId
    place: Place
    at: datetime
    received_at: datetime
    accuracy_m: float | None = None
    speed_m_s: float | None = None
    heading_deg: float | None = None
    source: str = ""
    id: str | None = None


class FixVerdict(StrEnum):
    """What became of a fix. Closed set: also the metric's label."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"  # told before
    OLDER = "older"  # than what is known
    FUTURE = "future"  # its place is taken, with the time at which it came
    JUMPING = "jumping"  # too far away to be believed yet
    IMPOSSIBLE = "impossible"  # no place, or no time, at which a unit can be


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a fix, and the unit's duty after it: only where it is has changed, if anything."""

    verdict: FixVerdict
    duty: Duty


def fix_of(data: PositionData, received_at: datetime, source: str = "", key: str | None = None) -> Fix:
    """A position as it came, in WGS-84. Raises MessageError for coordinates that cannot be converted."""
    return Fix(
        unit_id=UnitId(data.unit_id),
        place=in_wgs84(Place(data.place.latitude, data.place.longitude), data.coordinate_system),
        at=data.at,
        received_at=received_at,
        accuracy_m=data.accuracy_m,
        speed_m_s=data.speed_m_s,
        heading_deg=data.heading_deg,
        source=source,
        id=key,
    )


def in_wgs84(place: Place, system: CoordinateSystem | str) -> Place:
    """A place of another coordinate system in ours: the one door at which they come in. Raises MessageError."""
    try:
        return to_wgs84(place.latitude, place.longitude, CoordinateSystem(system))
    except ValueError:
        expected = " or ".join(CoordinateSystem)
        raise MessageError(f"coordinate_system: expected {expected}, got {str(system)[:40]!r}") from None


def judge(fix: Fix, duty: Duty, now: datetime, settings: FixSettings = USUAL) -> Judgement:
    """What becomes of a fix of this duty's unit, in this order:

    - impossible: latitude or longitude out of range or no number, or 0/0, which is what a receiver without a fix sends
      (Traccar: ``filter.invalid``, ``filter.zero``); or of a time more than a day ahead, which Traccar leaves out, too
      (``filter.future``, 86400 s by default).
    - duplicate: the same id, or the same time, as the one before (Traccar: ``filter.duplicate``, by time).
    - future: up to a day ahead, by more than the 2 s that a receipt's clock is allowed. The place is right, only the
      clock is wrong: it is taken with the time at which it came, as Traccar can be told to do (``time.override:
      serverTime``). With its own time it would make everything that comes after it seem old.
    - older than the last one taken: a terminal sends what it kept while it was out of reach. It says nothing of now
      (Traccar keeps such for its history, and not as the last position; we have no history of crews).
    - jumping: it implies more than ``jump_m_s`` and ``jump_factor`` times the unit's speed since the last one, after
      what both may be off (Traccar: ``filter.maxSpeed``). It is remembered, and believed if the next agrees with it: a
      terminal that was wrong before, or that was driven through a tunnel, would else be left behind for ever.
    - taken.
    """
    at = fix.received_at if fix.at > now + UNIT_CLOCK_AHEAD else fix.at
    # A clock that was set back may have left a time of tomorrow there: nothing is older, and nothing jumps from it.
    known_at = duty.fix_at if duty.fix_at is not None and duty.fix_at <= now + UNIT_CLOCK_AHEAD else None
    if not _is_possible(fix, now):
        return Judgement(FixVerdict.IMPOSSIBLE, duty)
    if (fix.id is not None and fix.id == duty.fix_id) or at in (duty.fix_at, duty.jumped_at):
        return Judgement(FixVerdict.DUPLICATE, duty)
    if known_at is not None and at < known_at:
        return Judgement(FixVerdict.OLDER, duty)
    if _jumps(fix, at, duty, duty.place, known_at, settings) and not _is_confirmed(fix, at, duty, settings):
        newest = duty.jumped_at is None or at > duty.jumped_at
        jumped = replace(duty, jumped_to=fix.place, jumped_at=at, fix_id=fix.id) if newest else duty
        return Judgement(FixVerdict.JUMPING, jumped)
    verdict = FixVerdict.TAKEN if at == fix.at else FixVerdict.FUTURE
    return Judgement(verdict, _placed(fix, at, duty))


def placed_by_receipt(duty: Duty, place: Place, at: datetime, now: datetime, settings: FixSettings = USUAL) -> Duty:
    """A duty whose unit has told with a receipt where it was at ``at``; the duty itself where that is not believed.

    It is judged as any other. Only, who tells so much sends no positions by itself because of that.
    """
    judged = judge(Fix(duty.unit.id, place, at, now), duty, now, settings).duty
    return duty if judged is duty else replace(judged, had_fix=duty.had_fix, fix_id=duty.fix_id)


def _placed(fix: Fix, at: datetime, duty: Duty) -> Duty:
    return replace(
        duty,
        place=fix.place,
        fix_at=at,
        accuracy_m=_radius_m(fix.accuracy_m),
        had_fix=True,
        fix_id=fix.id,
        jumped_to=None,
        jumped_at=None,
    )


def _is_possible(fix: Fix, now: datetime) -> bool:
    latitude, longitude = fix.place.latitude, fix.place.longitude
    on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # neither holds of what is no number
    return on_earth and not (latitude == 0 and longitude == 0) and fix.at <= now + A_DAY


def _is_confirmed(fix: Fix, at: datetime, duty: Duty, settings: FixSettings) -> bool:
    """Whether it agrees with the one before it, which had jumped."""
    if duty.jumped_to is None or duty.jumped_at is None or at <= duty.jumped_at:
        return False
    return not _jumps(fix, at, duty, duty.jumped_to, duty.jumped_at, settings)


def _jumps(
    fix: Fix, at: datetime, duty: Duty, before: Place | None, before_at: datetime | None, settings: FixSettings
) -> bool:
    if before is None or before_at is None:
        return False
    fastest_m_s = max(settings.jump_m_s, settings.jump_factor * duty.unit.speed_m_s)
    noise_m = _noise_m(fix.accuracy_m, settings) + _noise_m(duty.accuracy_m, settings)
    return before.distance_m(fix.place) - noise_m > fastest_m_s * (at - before_at).total_seconds()


def _noise_m(accuracy_m: float | None, settings: FixSettings) -> float:
    radius_m = _radius_m(accuracy_m)
    return settings.noise_m if radius_m is None else min(radius_m, settings.most_noise_m)


def _radius_m(accuracy_m: float | None) -> float | None:
    """An accuracy as it was told, if it can be one."""
    return accuracy_m if accuracy_m is not None and math.isfinite(accuracy_m) and accuracy_m >= 0 else None


class Freshness(StrEnum):
    """How far the last position of a unit still says where it is. Closed set: also the metric's label."""

    FRESH = "fresh"
    STALE = "stale"  # it may have moved since: its time to a place is widened
    MISSING = "missing"  # nobody knows where it is: it is not sent
    ASSUMED = "assumed"  # it sends none, or none any more from its post: it counts as at its home


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a unit counts as being. ``radius_m``: how far from there it may be; ``extra_s``: what that adds to its way.

    ``age_s``: of its last position; None where there is none.
    """

    place: Place
    radius_m: float
    extra_s: float
    freshness: Freshness
    age_s: float | None

    @property
    def is_known(self) -> bool:
        """It can be weighed. Else it is left out, and said to be."""
        return self.freshness is not Freshness.MISSING

    @property
    def words_zh(self) -> str:
        """What people are told; empty where there is nothing to say."""
        if self.freshness is Freshness.STALE:
            return f"定位是 {self.age_s:.0f} 秒前的，可能偏离 {self.radius_m:.0f} 米，多计 {self.extra_s:.0f} 秒"
        if self.freshness is Freshness.MISSING:
            return f"定位已中断 {self.age_s:.0f} 秒，不在驻点"
        return "没有定位，按驻点计" if self.freshness is Freshness.ASSUMED else ""

    @property
    def words_en(self) -> str:
        """The same in English."""
        if self.freshness is Freshness.STALE:
            return (
                f"its position is {self.age_s:.0f} s old, it may be {self.radius_m:.0f} m from there:"
                f" {self.extra_s:.0f} s added"
            )
        if self.freshness is Freshness.MISSING:
            return f"no position for {self.age_s:.0f} s, and not at its post"
        return "sends no position: taken to be at its post" if self.freshness is Freshness.ASSUMED else ""


def staleness(duty: Duty, now: datetime, settings: FixSettings = USUAL) -> Whereabouts:
    """Where a unit counts as being, by how old its last position is.

    A stale one stays a candidate, with the time it could have moved away added. A missing one is left out unless it was
    at its post: a post stays there, and its terminal may sleep. Resgrid says the same: one that is measured from its
    station, in quarters or without any fix, never ages out.
    """
    if duty.place is None or duty.fix_at is None:
        return Whereabouts(duty.where, 0.0, 0.0, Freshness.ASSUMED, None)
    age_s = max(0.0, (now - duty.fix_at).total_seconds())
    radius_m = duty.accuracy_m or 0.0
    if age_s <= settings.stale_after_s:
        return Whereabouts(duty.place, radius_m, 0.0, Freshness.FRESH, age_s)
    if age_s > settings.missing_after_s:
        if duty.is_home or not duty.had_fix:
            return Whereabouts(duty.unit.home, 0.0, 0.0, Freshness.ASSUMED, age_s)
        return Whereabouts(duty.place, settings.radius_cap_m, 0.0, Freshness.MISSING, age_s)
    speed_m_s = duty.unit.speed_m_s
    moved_m = min(settings.radius_cap_m, radius_m + speed_m_s * age_s)
    return Whereabouts(duty.place, moved_m, moved_m / speed_m_s, Freshness.STALE, age_s)
