"""Fire and smoke in one picture: the port for whatever can tell them, and the baseline that tells them by colour.

Where the detector's network tells them too, in a map (burning_map), its places are taken from there. The baseline
looks for fire among the places that have a flame's colour, and for smoke on a grid over the whole picture: what is
measured there goes through a small logistic regression, fitted on other pictures (fire_fitted).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain import fire_fitted
from patrol.domain.burning_map import BurningMap, Cells, Spot, spots
from patrol.domain.fire_features import CELLS, Measured, measured, smoke_cells, warm_places
from patrol.domain.scene import Pixels

Box = tuple[float, float, float, float]
Floats = npt.NDArray[np.float64]


class Part(StrEnum):
    """What burns, or what comes of it."""

    FIRE = "fire"
    SMOKE = "smoke"


@dataclass(frozen=True, slots=True)
class Burning:
    """A place in a picture that looks like it.

    ``box``: (x1, y1, x2, y2) as shares of the picture. ``score``: 0..1, how sure; 0.5 and more is worth being told, if
    other pictures agree.
    """

    part: Part
    box: Box
    score: float


class FireFinder(Protocol):
    """Tells where a picture shows fire or smoke. A trained network would be another one of these."""

    def find(self, pixels: Pixels) -> tuple[Burning, ...]:
        """The places, surest first, a few of each part. ``pixels``: (height, width, 3) uint8 BGR of any size."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A logistic regression. ``weights``: one for each value, made comparable by ``mean`` and ``spread``. ``bias``:
    such that the operating point is at 0, so at a score of 0.5."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def log_odds(self, values: Floats) -> Floats:
        """(n, k) float64, as measured -> (n,) float64."""
        comparable = np.clip((values - np.array(self.mean)) / np.array(self.spread), -OUTLYING, OUTLYING)
        return np.asarray(comparable @ np.array(self.weights) + self.bias, np.float64)


# What is measured farther out than so many standard deviations says no more than what lies there.
OUTLYING = 4.0


def score_of(log_odds: float) -> float:
    """0..1."""
    return float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


# A spot is the mean of so many cells of a map each way; of 5 it is as sure, of 1 a fire less.
FIRE_OVER, SMOKE_OVER = 3, 3
# Where a map is less sure than that (a score of 0.25), nothing is said to be there.
LEAST_LOG_ODDS = -1.1


def places_in(of: BurningMap) -> tuple[Burning, ...]:
    """What a network's map shows: the places, surest first, a few of each part."""
    found = [*_places(Part.FIRE, of.fire, FIRE_OVER), *_places(Part.SMOKE, of.smoke, SMOKE_OVER)]
    return tuple(sorted(found, key=lambda one: -one.score))


def _places(part: Part, cells: Cells, over: int) -> Sequence[Burning]:
    few: Sequence[Spot] = spots(cells, over, LEAST_LOG_ODDS)[:MOST_FIRES]
    return [Burning(part, one.box, score_of(one.log_odds)) for one in few]


MOST_FIRES = 4
# Smoke is as sure as so many of the surest cells are, of 384.
SUREST_CELLS = 12


@dataclass(frozen=True, slots=True)
class ByColour:
    """The baseline; see FireFinder. About as long as a picture takes to be decoded."""

    fire: Fitted
    smoke: Fitted

    def find(self, pixels: Pixels) -> tuple[Burning, ...]:
        """See FireFinder."""
        of = measured(pixels)
        found = [*self._fires(of), *self._smoke(of)]
        return tuple(sorted(found, key=lambda one: -one.score))

    def _fires(self, of: Measured) -> Sequence[Burning]:
        places = warm_places(of)
        if not places:
            return ()
        odds = self.fire.log_odds(np.stack([place.values for place in places]))
        found = [Burning(Part.FIRE, place.box, score_of(one)) for place, one in zip(places, odds, strict=True)]
        return sorted(found, key=lambda one: -one.score)[:MOST_FIRES]

    def _smoke(self, of: Measured) -> Sequence[Burning]:
        odds = smoothed(self.smoke.log_odds(smoke_cells(of)))
        return (Burning(Part.SMOKE, _smokiest(odds), score_of(surest(odds))),)


def surest(odds: Floats) -> float:
    """Of a picture: the mean log odds of its surest cells. ``odds``: (rows, columns), smoothed."""
    return float(np.sort(odds.ravel())[-SUREST_CELLS:].mean())


def smoothed(odds: Floats) -> Floats:
    """(rows * columns,) -> (rows, columns): the mean with a cell's neighbours, as smoke fills more than one."""
    rows, columns = CELLS[1], CELLS[0]
    return np.asarray(cv2.blur(odds.reshape(rows, columns), (3, 3), borderType=cv2.BORDER_REPLICATE), np.float64)


def _smokiest(odds: Floats) -> Box:
    """The box around the surest cell and all that look like smoke and hang together with it."""
    best = np.unravel_index(int(odds.argmax()), odds.shape)
    alike = (odds >= min(0.0, float(odds[best]))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(alike, connectivity=4)
    left, top, width, height = (int(value) for value in stats[labels[best]][:4])
    columns, rows = CELLS
    return left / columns, top / rows, (left + width) / columns, (top + height) / rows


def _fitted(said: fire_fitted.Numbers) -> Fitted:
    return Fitted(said["mean"], said["spread"], said["weights"], said["bias"])


BY_COLOUR = ByColour(fire=_fitted(fire_fitted.FIRE), smoke=_fitted(fire_fitted.SMOKE))
