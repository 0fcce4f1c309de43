"""Calibrating a camera: its ground plane from picked points, or from people's heights.

Four points or more, with their places in metres, give the plane as it is. Heights give less, and need a camera that
hangs level, sees straight (a pinhole with its centre in the middle) and whose angle of view is known; then its tilt and
its height above the ground are all that is left to find.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from patrol.domain.detections import Detections
from patrol.domain.errors import InputError
from patrol.domain.ground import GroundPlane, Homography, depths, homography_of, mapped, scaled
from patrol.domain.zones import Polygon

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PICK_ERROR = 0.004  # shares of the picture, 2.5 pixels of 640: how well a person picks a point
TAPE_ERROR_M = 0.05  # how well a person measures a place on the ground
VIEW_ERROR = 0.10  # share of itself: how well a camera's angle of view is usually known
ADULT_M = 1.7  # mean height of standing adults, shoes included
ADULT_ERROR = 0.04  # share: a mean may be of taller or smaller people, and boxes are a little loose
FEWEST_PEOPLE = 20
LARGEST_ERROR = 0.3  # share of a length: more, and nothing of use was learnt
_REPEATS = 4.0  # one person is seen several times: so many sightings tell as much as one
_LOWEST_TILT, _HIGHEST_TILT = math.radians(-10), math.radians(88)
_LOWEST_M, _HIGHEST_M = 1.2, 120.0


@dataclass(frozen=True, slots=True)
class PickedPoint:
    """A point of the ground: ``at`` as shares of the picture, and ``metres`` east and north of anywhere."""

    at: tuple[float, float]
    metres: tuple[float, float]


@dataclass(frozen=True, slots=True)
class View:
    """How a level camera sees: ``aspect``, its picture's width over its height; ``view_deg``, across its width."""

    aspect: float
    view_deg: float

    @property
    def focal(self) -> float:
        """The focal length in heights of the picture."""
        return self.aspect / 2 / math.tan(math.radians(self.view_deg) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A ground plane and how well it fits.

    ``residuals``: (n,) float64, of each observation: metres for points, shares of themselves for heights.
    ``used``: (n,) bool, which of them the plane rests on. ``error``: one standard deviation of lengths on the ground
    where it was calibrated, as a share of themselves. ``where``: that part of the picture.
    """

    plane: GroundPlane
    residuals: Floats
    used: Bools
    error: float
    where: Polygon


def from_points(points: Sequence[PickedPoint]) -> Calibration:
    """The plane through four points or more. Raises InputError, which says what is wrong with them."""
    at = np.array([point.at for point in points], np.float64).reshape(-1, 2)
    metres = np.array([point.metres for point in points], np.float64).reshape(-1, 2)
    _check_points(at, metres)
    homography = _fitted(at, metres)
    below = depths(homography, at)
    if below.min() <= 0:
        raise InputError(
            "no camera can see these points at these places: are two of them exchanged, or is one beyond the horizon?"
        )
    residuals = np.linalg.norm(mapped(homography, at) - metres, axis=1)
    scatter = max(1.0, _scatter(at, metres, homography))
    variants = [
        *(_fitted(each, metres) for each in _each_moved(at, PICK_ERROR * scatter)),
        *(_fitted(at, each) for each in _each_moved(metres, TAPE_ERROR_M * scatter)),
    ]
    plane = GroundPlane(homography, tuple(variants))
    return _calibration(plane, residuals, np.ones(len(at), np.bool_), at)


def _check_points(at: Floats, metres: Floats) -> None:
    if len(at) < 4:
        raise InputError(f"expected at least 4 points, got {len(at)}")
    if not (np.isfinite(at).all() and np.isfinite(metres).all()):
        raise InputError("expected finite numbers")
    for points, where, near in ((at, "in the picture", 0.01), (metres, "on the ground", 0.1)):
        if _is_degenerate(points, near):
            raise InputError(
                f"the points are too much on one line {where}; expected four of which no three are on one line"
            )


def _is_degenerate(points: Floats, near: float) -> bool:
    """Whether no four of the points make a real quadrangle: three of any four within ``near`` of one line.

    Judged by their hull: a quadrangle whose every corner stands ``near`` away from the line through its neighbours.
    """
    hull = shapely.convex_hull(shapely.multipoints(points))
    if hull.geom_type != "Polygon":
        return True
    corners = np.asarray(hull.exterior.coords, np.float64)[:-1]
    if len(corners) == 3:  # four points, one of them within the triangle of the others, are a plane, too
        inner = points[~(points[:, None] == corners[None]).all(axis=2).any(axis=1)]
        edges = shapely.linearrings(np.vstack([corners, corners[:1]]))
        return not len(inner) or bool(shapely.distance(shapely.points(inner), edges).max() < near)
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    lines = shapely.linestrings(np.stack([before, after], axis=1))
    away = shapely.distance(shapely.points(corners), lines)
    return bool(np.sort(away)[-4:].min() < near)


def _fitted(at: Floats, metres: Floats) -> Homography:
    """The direct linear transform, with both sides centred and scaled (Hartley): least squares beyond four points."""
    to_unit, from_unit = _normalizing(at), _normalizing(metres)
    source, target = _applied(to_unit, at), _applied(from_unit, metres)
    x, y = source.T
    u, v = target.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=1),
        ]
    )
    unit = np.linalg.svd(rows)[2][-1].reshape(3, 3)
    matrix = np.linalg.inv(from_unit) @ unit @ to_unit
    below = np.column_stack([at, np.ones(len(at))]) @ matrix[2]
    return homography_of(matrix if below.sum() >= 0 else -matrix)


def _normalizing(points: Floats) -> Floats:
    centre = points.mean(axis=0)
    scale = math.sqrt(2) / max(1e-12, float(np.linalg.norm(points - centre, axis=1).mean()))
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def _applied(matrix: Floats, points: Floats) -> Floats:
    return np.asarray((np.column_stack([points, np.ones(len(points))]) @ matrix.T)[:, :2], np.float64)


def _scatter(at: Floats, metres: Floats, homography: Homography) -> float:
    """By how much more than a person's usual error the points miss; 0 for four points, which always fit."""
    spare = 2 * len(at) - 8
    if spare <= 0:
        return 0.0
    found = mapped(homography, at)
    moved_x, moved_y = (mapped(homography, at + np.array(step)) - found for step in ((1e-6, 0), (0, 1e-6)))
    by_pick = (moved_x**2 + moved_y**2) * (PICK_ERROR / 1e-6) ** 2
    return math.sqrt(float(((found - metres) ** 2 / (by_pick + TAPE_ERROR_M**2)).sum()) / spare)


def _each_moved(values: Floats, by: float) -> list[Floats]:
    """Copies, in each of which one number is larger."""
    copies = np.repeat(values.reshape(1, -1), values.size, axis=0)
    copies[np.diag_indices(values.size)] += by
    return list(copies.reshape(values.size, *values.shape))


def _plane_of(tilt: float, height: float, view: View) -> Homography:
    """Of a level camera, so many metres above the ground, that looks down by ``tilt`` radians.

    With u, v from the picture's middle in heights of the picture, and its focal length f, a ray goes down by
    v cos + f sin and ahead by f cos - v sin; it meets the ground where it has gone down by the camera's height.
    """
    cos, sin, focal = math.cos(tilt), math.sin(tilt), view.focal
    centred = np.array([[view.aspect, 0, -view.aspect / 2], [0, 1, -0.5], [0, 0, 1]])
    rays = np.array([[height, 0, 0], [0, -height * sin, height * focal * cos], [0, cos, focal * sin]])
    return homography_of(rays @ centred)


def _wider(view: View) -> View:
    return replace(view, view_deg=min(170.0, view.view_deg * (1 + VIEW_ERROR)))


def standing_people(detections: Detections, min_confidence: float = 0.5) -> Floats:
    """Of the people in a frame that seem to stand in full view: (n, 3) float64, foot x, foot y, head y as shares.

    Those that the picture's edge cuts off, that others hide, or whose box is no standing person's are left out.
    """
    people = detections.of("person", min_confidence)
    if not len(people):
        return np.zeros((0, 3))
    x1, y1, x2, y2 = people.xyxy.astype(np.float64).T
    width, height = x2 - x1, y2 - y1
    edge = 0.005
    whole = (x1 > edge * people.width) & (x2 < (1 - edge) * people.width)
    whole &= (y1 > edge * people.height) & (y2 < (1 - edge) * people.height)
    upright = (height > 2.0 * width) & (height < 4.5 * width) & (height > 12)
    apart = ~_overlap_others(people.xyxy.astype(np.float64))
    chosen = whole & upright & apart
    return np.stack(
        [(x1 + x2)[chosen] / 2 / people.width, y2[chosen] / people.height, y1[chosen] / people.height], axis=1
    )


def _overlap_others(boxes: Floats) -> Bools:
    """(n,) whether a box shares a tenth of itself with any other."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    np.fill_diagonal(common, 0)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray((common > 0.1 * own[:, None]).any(axis=1), np.bool_)


def from_heights(people: Floats, view: View, mean_height_m: float = ADULT_M) -> Calibration:
    """The plane of a level camera on which people are ``mean_height_m`` tall. Raises InputError.

    ``people``: (n, 3) float64, see standing_people. That those far away look smaller says where the horizon is (the
    vanishing line of the ground), how large they look how high the camera hangs. Robust: sitting people, children and
    wrong boxes are told by how much they miss.
    """
    if len(people) < FEWEST_PEOPLE:
        raise InputError(f"expected at least {FEWEST_PEOPLE} people who stand in full view, got {len(people)}")
    tilt, height, misses, weights, shape = _fit_heights(people, view, mean_height_m)
    used = weights > 0.05
    if used.sum() < FEWEST_PEOPLE or used.mean() < 0.5:
        raise InputError(
            "people's heights do not agree on a ground plane: is the ground in steps, or does the camera hang askew?"
        )
    wider = _wider(view)
    other_tilt, other_height, *_ = _fit_heights(people, wider, mean_height_m)
    variants = [
        *(_plane_of(tilt + d_tilt, height * math.exp(d_log), view) for d_tilt, d_log in shape),
        scaled(_plane_of(tilt, height, view), 1 + ADULT_ERROR),
        _plane_of(other_tilt, other_height, wider),
    ]
    found = _calibration(GroundPlane(_plane_of(tilt, height, view), tuple(variants)), misses, used, people[used, :2])
    if not found.error <= LARGEST_ERROR:
        raise InputError(
            "people were seen at one distance only, which does not say where the horizon is; "
            "expected people near and far, or four picked points"
        )
    return found


def _fit_heights(
    people: Floats, view: View, mean_height_m: float
) -> tuple[float, float, Floats, Floats, list[tuple[float, float]]]:
    """Tilt, height above the ground, how much each person misses, each one's weight, and the two independent changes
    (of tilt, and of the height's logarithm) that are one standard deviation."""

    def misses(tilt: float, log_height: float) -> Floats:
        return _height_misses(people, tilt, math.exp(log_height), view, mean_height_m)

    grid = [
        (float(tilt), float(log_height))
        for tilt in np.linspace(_LOWEST_TILT, _HIGHEST_TILT, 30)
        for log_height in np.linspace(math.log(_LOWEST_M), math.log(_HIGHEST_M), 24)
    ]
    best = np.array(min(grid, key=lambda at: float(np.median(np.abs(misses(*at))))))
    spread = 0.1
    for _ in range(40):
        missed = misses(*best)
        spread = max(0.01, 1.4826 * float(np.median(np.abs(missed))))
        weights = _biweight(missed / spread)
        step = 1e-4
        slopes = np.stack([(misses(*(best + np.array(by))) - missed) / step for by in ((step, 0), (0, step))], axis=1)
        normal = slopes.T @ (weights[:, None] * slopes) + 1e-9 * np.eye(2)
        change = -np.linalg.solve(normal, slopes.T @ (weights * missed))
        best = best + change * min(1.0, 0.1 / max(1e-12, float(np.abs(change).max())))
        best[0] = min(max(best[0], _LOWEST_TILT), _HIGHEST_TILT)
        if float(np.abs(change).max()) < 1e-7:
            break
    missed = misses(*best)
    weights = _biweight(missed / spread)
    spreads, axes = np.linalg.eigh(np.linalg.inv(normal) * spread**2 * _REPEATS)
    shape = [(float(a), float(b)) for a, b in (axes * np.sqrt(np.maximum(0.0, spreads))).T]
    return float(best[0]), math.exp(float(best[1])), missed, weights, shape


def _height_misses(people: Floats, tilt: float, height: float, view: View, mean_height_m: float) -> Floats:
    """(n,) by what share of itself each box is taller than a person of that height would look there."""
    cos, sin, focal = math.cos(tilt), math.sin(tilt), view.focal
    foot, head = people[:, 1] - 0.5, people[:, 2] - 0.5
    down = foot * cos + focal * sin
    seen = down > 1e-3
    ahead = height * (focal * cos - foot * sin) / np.where(seen, down, 1.0)
    left = height - mean_height_m  # how far the head is below the camera
    depth = left * sin + ahead * cos
    expected = focal * (left * cos - ahead * sin) / np.where(depth > 1e-3, depth, 1.0)
    tall = foot - expected
    usable = seen & (depth > 1e-3) & (tall > 1e-3)
    return np.asarray(np.where(usable, (foot - head) / np.where(usable, tall, 1.0) - 1.0, 10.0), np.float64)


def _biweight(standard: Floats) -> Floats:
    """Tukey's weights: none beyond 4.685 spreads."""
    return np.asarray(np.square(np.clip(1 - np.square(standard / 4.685), 0, None)), np.float64)


def _calibration(plane: GroundPlane, residuals: Floats, used: Bools, at: Floats) -> Calibration:
    hull = shapely.convex_hull(shapely.multipoints(at))
    corners = np.asarray(hull.exterior.coords, np.float64)[:-1] if hull.geom_type == "Polygon" else at
    where = tuple((float(x), float(y)) for x, y in corners)
    area = plane.area(where)
    error = area.relative_error / 2 if area is not None else math.inf
    return Calibration(plane, residuals, used, error, where)
