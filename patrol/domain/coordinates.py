"""Coordinates from outside: GCJ-02, in which Chinese maps and terminals speak, and WGS-84, in which Patrol does.

GCJ-02 moves every point in China by some hundred metres, never by quite the same. Its formula is not officially
public; this is the one that is publicly known, as Wikipedia's "Restrictions on geographic data in China" tells of it
and github.com/googollee/eviltransform implements it, whose reference points the tests hold it against.
"""

from __future__ import annotations

import math

from patrol.domain.vocabulary import CoordinateSystem, Place

# The ellipsoid that the formula reckons with: Krasovsky 1940.
SEMI_MAJOR_M = 6_378_245.0
ECCENTRICITY_2 = 0.00669342162296594323

# The formula's polynomials are about this point, degrees.
CENTRE_LATITUDE, CENTRE_LONGITUDE = 35.0, 105.0

# It holds inside this box only, which is larger than China.
SOUTH, NORTH = 0.8293, 55.8271
WEST, EAST = 72.004, 137.8347

# One step of the way back is at least a hundred times nearer than the last, so that this ends after three or four.
CLOSE_ENOUGH_DEG = 1e-9  # 0.1 mm
MOST_STEPS = 10


def to_wgs84(latitude: float, longitude: float, system: CoordinateSystem) -> Place:
    """The place that these coordinates (degrees) mean, right to a centimetre of what the formula says."""
    if system is CoordinateSystem.GCJ02:
        latitude, longitude = _gcj02_undone(latitude, longitude)
    return Place(latitude, longitude)


def from_wgs84(place: Place, system: CoordinateSystem) -> tuple[float, float]:
    """(latitude, longitude) in degrees of a place, for a map that speaks ``system``."""
    if system is not CoordinateSystem.GCJ02 or not _in_the_box(place.latitude, place.longitude):
        return place.latitude, place.longitude
    north_deg, east_deg = _shift_deg(place.latitude, place.longitude)
    return place.latitude + north_deg, place.longitude + east_deg


def _gcj02_undone(latitude: float, longitude: float) -> tuple[float, float]:
    """The point that is moved to this one. The shift has no inverse in closed form: it is found by coming nearer."""
    if not _in_the_box(latitude, longitude):
        return latitude, longitude
    from_latitude, from_longitude = latitude, longitude
    for _ in range(MOST_STEPS):
        north_deg, east_deg = _shift_deg(from_latitude, from_longitude)
        missed = max(abs(from_latitude + north_deg - latitude), abs(from_longitude + east_deg - longitude))
        if missed < CLOSE_ENOUGH_DEG:
            break
        from_latitude, from_longitude = latitude - north_deg, longitude - east_deg
    return from_latitude, from_longitude


def _in_the_box(latitude: float, longitude: float) -> bool:
    return SOUTH <= latitude <= NORTH and WEST <= longitude <= EAST


def _shift_deg(latitude: float, longitude: float) -> tuple[float, float]:
    """By how much a point is moved to the north and to the east, degrees."""
    north_m, east_m = _shift_m(longitude - CENTRE_LONGITUDE, latitude - CENTRE_LATITUDE)
    angle = math.radians(latitude)
    flattened = 1 - ECCENTRICITY_2 * math.sin(angle) ** 2
    meridian_m = SEMI_MAJOR_M * (1 - ECCENTRICITY_2) / flattened**1.5  # radius of curvature, north and south
    parallel_m = SEMI_MAJOR_M / math.sqrt(flattened) * math.cos(angle)  # radius of the circle of latitude
    return math.degrees(north_m / meridian_m), math.degrees(east_m / parallel_m)


def _shift_m(x: float, y: float) -> tuple[float, float]:
    """The same in metres; ``x``, ``y``: degrees east and north of the formula's centre."""
    common = _wave(x, (20, 6), (20, 2))
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north_m += common + _wave(y, (20, 1), (40, 1 / 3)) + _wave(y, (160, 1 / 12), (320, 1 / 30))
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east_m += common + _wave(x, (20, 1), (40, 1 / 3)) + _wave(x, (150, 1 / 12), (300, 1 / 30))
    return north_m, east_m


def _wave(degrees: float, *terms: tuple[float, float]) -> float:
    """Two thirds of the sum of a·sin(f·π·degrees) over the terms (a, f)."""
    return 2 / 3 * sum(size * math.sin(often * math.pi * degrees) for size, often in terms)
