"""What happens in a simulated room: who is there, what is called in, when, where, and how long it takes.

Everything is drawn once from a seed, before any rule decides anything, so that all rules meet the same: how long an
incident takes on scene belongs to the incident; whether a unit accepts, declines or stays silent, and how soon, belongs
to the pair of incident and unit.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from patrol.config import Configuration, load
from patrol.domain.camera import Camera, Ring
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import IncidentId
from patrol.domain.units import Unit, UnitId
from patrol.domain.vocabulary import Place, RingName
from patrol.domain.wants import is_crew

SAMPLE = Path(__file__).parents[1] / "configs" / "cameras.yaml"
METRES_PER_DEGREE = 111_195.0

CALM_PER_MINUTE = 4.0  # 200 crews are busy about a quarter of their time by it
STORM_SHARE = 0.4
STORM_SIZE = 250  # on average; between two fifths and eight fifths of it
STORM_LASTS_S = (600.0, 1200.0)
STORM_SPREAD_M = 300.0  # one standard deviation, each way
AFTERMATH_S = 1800.0  # what comes then still meets a room that has not recovered

KINDS = {Kind.CROWD: 0.5, Kind.INTRUSION: 0.2, Kind.FALL: 0.3}  # shares; the sample's levels follow from kind and ring
ON_SCENE_MEDIAN_S, ON_SCENE_SIGMA = 600.0, 0.5  # log-normal
ACCEPTS_WITHIN_S = (2.0, 8.0)
DECLINES, STAYS_SILENT = 0.04, 0.04
# How far from the sample's post of its kind a unit may stand.
STANDS_WITHIN_M = {RingName.CORE: 150.0, RingName.PERIPHERY: 250.0, RingName.FAR: 700.0}


@dataclass(frozen=True, slots=True)
class Happening:
    """One incident as it was called in. ``at_s``: seconds from the beginning; ``storm``: which one it belongs to, by
    number, or came so soon after; None in calm."""

    id: IncidentId
    at_s: float
    place: Place
    ring: RingName
    level: Level
    on_scene_s: float
    storm: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a unit does with an order. ``after_s``: until it answers; infinite where it never does."""

    accepts: bool
    after_s: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of it. ``happenings``: by time."""

    units: tuple[Unit, ...]
    happenings: tuple[Happening, ...]
    rings: Mapping[RingName, Ring]
    seed: int

    def answer(self, incident: int, unit: int) -> Answer:
        """What this unit would do with this incident's order, whoever sends it and whenever."""
        luck, haste = _uniform(self.seed, incident, unit, 0), _uniform(self.seed, incident, unit, 1)
        if luck < STAYS_SILENT:
            return Answer(False, math.inf)
        soonest_s, latest_s = ACCEPTS_WITHIN_S
        return Answer(luck >= STAYS_SILENT + DECLINES, soonest_s + haste * (latest_s - soonest_s))

    def target_s(self, incident: int) -> float:
        """How soon somebody must be there."""
        return self.rings[self.happenings[incident].ring].response_target_s


def scenario_of(incidents: int, units: int, seed: int) -> Scenario:
    """So many incidents and crews, in the sample's rings and places."""
    sample = load(SAMPLE, os.environ, variables_required=False)
    chance = random.Random(seed)
    stormy, storms = _storms(incidents, sample, chance)
    calm = _calm(incidents - len(stormy), sample, chance)
    until_s = max((one.at_s for one in calm), default=0.0)
    spans = _spread_over(storms, until_s)
    moved = [replace(one, at_s=one.at_s + spans[one.storm or 0][0]) for one in stormy]
    labelled = [replace(one, storm=_storm_at(one.at_s, spans)) for one in (*calm, *moved)]
    labelled.sort(key=lambda one: one.at_s)
    named = [replace(one, id=IncidentId(f"I-{number:05}")) for number, one in enumerate(labelled)]
    return Scenario(_crews(units, sample, chance), tuple(named), sample.rings, seed)


def _crews(count: int, sample: Configuration, chance: random.Random) -> tuple[Unit, ...]:
    """The sample's crews over and over, each a little way off; no drones, as they handle nothing."""
    kinds = [unit for unit in sample.units if is_crew(unit)]
    return tuple(_stand_in(number, kinds[number % len(kinds)], chance) for number in range(count))


def _stand_in(number: int, like: Unit, chance: random.Random) -> Unit:
    innermost = next(ring for ring in RingName if ring in like.rings)
    away_m, bearing = STANDS_WITHIN_M[innermost] * math.sqrt(chance.random()), chance.uniform(0, 2 * math.pi)
    home = _moved(like.home, away_m * math.cos(bearing), away_m * math.sin(bearing))
    return replace(like, id=UnitId(f"U-{number:03}"), home=home, simulated=False)


def _calm(count: int, sample: Configuration, chance: random.Random) -> list[Happening]:
    at_s = 0.0
    found: list[Happening] = []
    for _ in range(count):
        at_s += chance.expovariate(CALM_PER_MINUTE / 60)
        found.append(_happening(at_s, chance.choice(sample.cameras), None, sample, chance))
    return found


def _storms(incidents: int, sample: Configuration, chance: random.Random) -> tuple[list[Happening], list[float]]:
    """The storms' incidents, each storm's from zero on, and how long each storm lasts."""
    left = round(incidents * STORM_SHARE)
    found: list[Happening] = []
    lasts: list[float] = []
    while left > 0:
        size = min(left, round(STORM_SIZE * chance.uniform(0.4, 1.6)) or 1)
        lasts_s, centre = chance.uniform(*STORM_LASTS_S), chance.choice(sample.cameras).place
        for _ in range(size):
            where = _moved(centre, chance.gauss(0, STORM_SPREAD_M), chance.gauss(0, STORM_SPREAD_M))
            seen_by = _nearest(sample.cameras, where)
            found.append(_happening(chance.uniform(0, lasts_s), seen_by, len(lasts), sample, chance))
        lasts.append(lasts_s)
        left -= size
    return found, lasts


def _nearest(cameras: Sequence[Camera], where: Place) -> Camera:
    return min(cameras, key=lambda camera: camera.place.distance_m(where))


def _spread_over(lasts: Sequence[float], until_s: float) -> list[tuple[float, float]]:
    """When each storm begins and when its aftermath ends: evenly over the calm, the first after half a gap."""
    gap_s = until_s / max(1, len(lasts))
    begins = [(number + 0.5) * gap_s for number in range(len(lasts))]
    return [(begin_s, begin_s + lasts_s + AFTERMATH_S) for begin_s, lasts_s in zip(begins, lasts, strict=True)]


def _storm_at(at_s: float, spans: Sequence[tuple[float, float]]) -> int | None:
    return next((number for number, (begin_s, end_s) in enumerate(spans) if begin_s <= at_s <= end_s), None)


def _happening(
    at_s: float, camera: Camera, storm: int | None, sample: Configuration, chance: random.Random
) -> Happening:
    (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
    return Happening(
        id=IncidentId(""),
        at_s=at_s,
        place=camera.place,
        ring=camera.ring,
        level=sample.levels.level_of(kind, camera.ring),
        on_scene_s=chance.lognormvariate(math.log(ON_SCENE_MEDIAN_S), ON_SCENE_SIGMA),
        storm=storm,
    )


def _moved(place: Place, north_m: float, east_m: float) -> Place:
    per_degree_east = METRES_PER_DEGREE * math.cos(math.radians(place.latitude))
    return Place(place.latitude + north_m / METRES_PER_DEGREE, place.longitude + east_m / per_degree_east)


def _uniform(*numbers: int) -> float:
    """0..1, of these numbers alone: the mixing of splitmix64 (Steele, Lea and Flood 2014)."""
    mask, mixed = 2**64 - 1, 0
    for number in numbers:
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & mask
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        mixed ^= mixed >> 31
    return mixed / 2**64
