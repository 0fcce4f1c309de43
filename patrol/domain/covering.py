"""Cover (覆盖): how much of each ring a free crew reaches in time, and one proposal whom to move where (补位).

A point that k free crews reach in time is covered by 1 - q^k, where q is the share of time that a crew is busy
(Daskin 1983, "A maximum expected covering location model", Transportation Science 17(1)); with q = 0 that is whether
anybody reaches it. Moving the one unit that raises this the most, one at a time, is the heuristic of Jagtenberg, Bhulai
and van der Mei 2015 ("An efficient heuristic for real-time ambulance redeployment", Operations Research for Health
Care 4). Nobody is moved by this: people are told, and decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from patrol.domain.dispatch import DETOUR_FACTOR, Duty
from patrol.domain.fixes import USUAL, FixSettings, staleness
from patrol.domain.units import Unit, UnitId, UnitKind, UnitState
from patrol.domain.vocabulary import EARTH_RADIUS_M, Place, RingName
from patrol.domain.wants import TravelTime, is_crew, is_free

LEAST_GAIN = 0.05
# Less than this changes no cover that anybody would act on: the core ring's minute is 110 m.
MOVED_FAR_M = 50.0
_COLUMN = {ring: column for column, ring in enumerate(RingName)}

FloatMatrix = npt.NDArray[np.float64]
FloatVector = npt.NDArray[np.float64]

# Seconds from being ordered to being there, mobilisation included: (n duties, m places); infinite where no way leads.
TravelTimes = Callable[[Sequence[Duty], Sequence[Place]], FloatMatrix]


@dataclass(frozen=True, slots=True)
class Point:
    """What is to be covered: a camera's place, mostly. ``weight``: how much it counts."""

    place: Place
    ring: RingName
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Cover:
    """Of one ring: the ``share`` of its weight that a free crew reaches in time, 0..1.

    ``expected``: the same, were each crew busy for its share of time: never more than ``share``.
    """

    share: float
    expected: float
    points: int


@dataclass(frozen=True, slots=True)
class Post:
    """Where a unit could stand."""

    name: str
    name_en: str
    place: Place


@dataclass(frozen=True, slots=True)
class MoveUp:
    """A proposal: this unit to that post. ``gain``: by how much the expected cover of all rings changes, in sum.

    ``before``, ``after``: the expected cover by ring. ``eta_s``: seconds until it would be there.
    """

    unit_id: UnitId
    post: Post
    gain: float
    eta_s: float
    before: Mapping[RingName, float]
    after: Mapping[RingName, float]
    words_zh: str
    words_en: str


def straight_line(duties: Sequence[Duty], places: Sequence[Place], detour: float = DETOUR_FACTOR) -> FloatMatrix:
    """``dispatch.travel_time_s`` for all of these at once. ``detour``: how much longer a way is than that line."""
    here, there = _radians([duty.where for duty in duties]), _radians(places)
    half = (here[:, None, :] - there[None, :, :]) / 2
    a = np.sin(half[..., 0]) ** 2 + np.cos(here[:, None, 0]) * np.cos(there[None, :, 0]) * np.sin(half[..., 1]) ** 2
    way_m = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(a))) * detour
    speed_m_s = np.array([duty.unit.speed_m_s for duty in duties])
    mobilise_s = np.array([duty.unit.mobilise_s for duty in duties])
    return np.asarray(mobilise_s[:, None] + way_m / speed_m_s[:, None], np.float64)


def one_by_one(travel_s: TravelTime) -> TravelTimes:
    """Travel times of a way of working them out that knows one pair at a time."""

    def of_all(duties: Sequence[Duty], places: Sequence[Place]) -> FloatMatrix:
        times = [[travel_s(duty, place) for place in places] for duty in duties]
        return np.array(times, np.float64).reshape(len(duties), len(places))

    return of_all


def cover(
    points: Sequence[Point],
    duties: Sequence[Duty],
    travel_s: TravelTimes,
    targets: Mapping[RingName, float],
    busy_share: float = 0.0,
) -> Mapping[RingName, Cover]:
    """The cover of each ring that has points. ``duties``: of one world; who is not free and who is no crew is left out.

    ``targets``: seconds, by ring; a ring without one is covered by nobody. ``busy_share``: 0..1.
    """
    weights = _weights(points)
    reaching = _reached(_free_crews(duties), points, travel_s, targets).sum(axis=0)
    share, expected = _by_ring(weights, reaching > 0), _by_ring(weights, 1.0 - busy_share**reaching)
    counts = {ring: sum(point.ring is ring for point in points) for ring in weights}
    return {ring: Cover(share[ring], expected[ring], counts[ring]) for ring in weights}


def as_counted(duties: Sequence[Duty], now: datetime, positions: FixSettings = USUAL) -> list[Duty]:
    """The duties as dispatch counts them when it sends somebody.

    Who may have moved since its last position takes that much longer; who is free, and nobody knows where, is left out.
    """
    return [found for duty in duties if (found := _as_counted(duty, now, positions)) is not None]


def _as_counted(duty: Duty, now: datetime, positions: FixSettings) -> Duty | None:
    if not is_free(duty):
        return duty
    whereabouts = staleness(duty, now, positions)
    if not whereabouts.is_known:
        return None
    mobilise_s = duty.unit.mobilise_s + whereabouts.extra_s
    return replace(duty, place=whereabouts.place, unit=replace(duty.unit, mobilise_s=mobilise_s))


def is_as_before(before: Sequence[Duty], after: Sequence[Duty]) -> bool:
    """Whether the cover of one is that of the other: nobody was sent, came free, or moved (or may have) far."""
    return len(before) == len(after) and all(map(_stands_as_before, before, after))


def _stands_as_before(before: Duty, after: Duty) -> bool:
    if _what_it_does(before) != _what_it_does(after):
        return False
    if not is_free(after):
        return True
    moved_m = before.where.distance_m(after.where)
    moved_m += abs(after.unit.mobilise_s - before.unit.mobilise_s) * after.unit.speed_m_s
    return moved_m < MOVED_FAR_M


def vacant_posts(duties: Sequence[Duty]) -> tuple[Post, ...]:
    """Where crews stand that are away now, in the order of their ids. Who is off duty leaves no post."""
    away = sorted((duty for duty in duties if is_crew(duty.unit) and _leaves_a_post(duty)), key=_unit_id)
    return tuple(Post(f"{one.unit.name}驻点", f"the post of {one.unit.name_en}", one.unit.home) for one in away)


def move_up(
    points: Sequence[Point],
    duties: Sequence[Duty],
    posts: Sequence[Post],
    travel_s: TravelTimes,
    targets: Mapping[RingName, float],
    busy_share: float = 0.0,
    least_gain: float = LEAST_GAIN,
    standing: MoveUp | None = None,
) -> MoveUp | None:
    """The free crew and the post that raise the expected cover of all rings the most, in sum; None below the least.

    Each ring counts the same, so what one loses is taken off what another gains. Who holds a post (``UnitKind.POST``)
    is not moved. Ties fall to the smaller unit id, then to the first post. ``standing``: what people have been told; it
    stays while it is worth it and nothing is better by the least gain, as nobody follows advice that changes each look.
    """
    crews = _free_crews(duties)
    movable = [position for position, duty in enumerate(crews) if duty.unit.kind is not UnitKind.POST]
    if not (points and posts and movable):
        return None
    reached = _reached(crews, points, travel_s, targets)
    without = reached.sum(axis=0) - reached[movable]
    gains = np.empty((len(movable), len(posts)))
    weight = sum(_weights(points).values(), np.zeros(len(points)))
    for rows in _alike([crews[position] for position in movable]):
        from_posts = _reached_from(crews[movable[rows[0]]], posts, points, travel_s, targets)
        # Leaving takes 1 - q of what the others leave open where it was, and gives as much where it goes.
        left_open = busy_share ** without[rows] * (1.0 - busy_share) * weight
        gains[rows] = left_open @ from_posts.T - (left_open * reached[movable][rows]).sum(axis=1)[:, None]
    gains = np.round(gains, 9)  # so that what is equal is not told apart by the order of sums
    best, place = divmod(int(np.argmax(gains)), len(posts))
    if gains[best, place] < least_gain:
        return None
    told = _found_again(standing, [crews[position] for position in movable], posts)
    if told is not None and gains[told] >= max(least_gain, gains[best, place] - least_gain):
        best, place = told
    mover, post = crews[movable[best]], posts[place]
    after = without[best] + _reached_from(mover, [post], points, travel_s, targets)[0]
    weights = _weights(points)
    return _proposal(
        mover.unit,
        post,
        float(gains[best, place]),
        float(travel_s([mover], [post.place])[0, 0]),
        _by_ring(weights, 1.0 - busy_share ** reached.sum(axis=0)),
        _by_ring(weights, 1.0 - busy_share**after),
    )


def _what_it_does(duty: Duty) -> tuple[UnitId, bool, bool]:
    """As far as it matters for the cover."""
    return duty.unit.id, is_free(duty), _leaves_a_post(duty)


def _leaves_a_post(duty: Duty) -> bool:
    return not is_free(duty) and duty.state is not UnitState.OFF_DUTY


def _unit_id(duty: Duty) -> UnitId:
    return duty.unit.id


def _free_crews(duties: Sequence[Duty]) -> list[Duty]:
    return sorted((duty for duty in duties if is_free(duty) and is_crew(duty.unit)), key=_unit_id)


def _radians(places: Sequence[Place]) -> FloatMatrix:
    degrees = [(place.latitude, place.longitude) for place in places]
    return np.radians(np.array(degrees, np.float64).reshape(len(places), 2))


def _weights(points: Sequence[Point]) -> dict[RingName, FloatVector]:
    """By ring, from the inside out: what each point counts for it, together 1."""
    weights: dict[RingName, FloatVector] = {}
    for ring in RingName:
        if any(point.ring is ring for point in points):
            counts = np.array([point.weight * (point.ring is ring) for point in points], np.float64)
            weights[ring] = counts / (counts.sum() or 1.0)
    return weights


def _by_ring(weights: Mapping[RingName, FloatVector], covered: npt.NDArray[Any]) -> dict[RingName, float]:
    """The covered share of each ring."""
    return {ring: min(1.0, float(covered.astype(np.float64) @ weight)) for ring, weight in weights.items()}


def _reached(
    duties: Sequence[Duty], points: Sequence[Point], travel_s: TravelTimes, targets: Mapping[RingName, float]
) -> FloatMatrix:
    """1 where a unit may serve the point's ring and is there in time, else 0: (duties, points)."""
    times = travel_s(duties, [point.place for point in points])
    target_s = np.array([targets.get(point.ring, -np.inf) for point in points])
    serves = np.array([[ring in duty.unit.rings for ring in RingName] for duty in duties], np.bool_)
    may = serves.reshape(len(duties), len(RingName))[:, [_COLUMN[point.ring] for point in points]]
    return np.asarray(may & (times <= target_s), np.float64)


def _reached_from(
    duty: Duty, posts: Sequence[Post], points: Sequence[Point], travel_s: TravelTimes, targets: Mapping[RingName, float]
) -> FloatMatrix:
    """What the unit would reach from each post: (posts, points)."""
    return _reached([replace(duty, place=post.place) for post in posts], points, travel_s, targets)


def _alike(duties: Sequence[Duty]) -> list[list[int]]:
    """Units that reach the same from the same place, by position."""
    groups: dict[Unit, list[int]] = {}
    for position, duty in enumerate(duties):
        nobody = replace(duty.unit, id=UnitId(""), name="", name_en="", home=Place(0.0, 0.0))
        groups.setdefault(nobody, []).append(position)
    return list(groups.values())


_RING_WORDS: Mapping[RingName, tuple[str, str]] = {
    RingName.CORE: ("核心圈", "core"),
    RingName.PERIPHERY: ("周边圈", "periphery"),
    RingName.FAR: ("远端圈", "far ring"),
}


def _found_again(standing: MoveUp | None, crews: Sequence[Duty], posts: Sequence[Post]) -> tuple[int, int] | None:
    """Which of these crews and posts it was about."""
    if standing is None or standing.post not in posts:
        return None
    crew = next((position for position, duty in enumerate(crews) if duty.unit.id == standing.unit_id), None)
    return None if crew is None else (crew, posts.index(standing.post))


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 1e-6)}%"  # never 100% while somebody is not reached


def _proposal(
    unit: Unit, post: Post, gain: float, eta_s: float, before: Mapping[RingName, float], after: Mapping[RingName, float]
) -> MoveUp:
    # The ring that gains most first; those that change by less than a point are not told.
    told = sorted(before, key=lambda ring: before[ring] - after[ring])
    told = [ring for ring in told if ring is told[0] or abs(after[ring] - before[ring]) >= 0.01]
    changes = {ring: f"{_percent(before[ring])} → {_percent(after[ring])}" for ring in told}
    zh = "，".join(f"{_RING_WORDS[ring][0]}覆盖 {change}" for ring, change in changes.items())
    en = ", ".join(f"{_RING_WORDS[ring][1]} covered {change}" for ring, change in changes.items())
    return MoveUp(
        unit_id=unit.id,
        post=post,
        gain=gain,
        eta_s=eta_s,
        before=before,
        after=after,
        words_zh=f"建议 {unit.name} 移至{post.name}：{zh}",
        words_en=f"move {unit.name_en} to {post.name_en}: {en}",
    )
