"""Fits what tells fire and smoke in one picture: ``python -m benchmarks.fit_fire [--write]``.

From the pictures of ``train/`` alone; everyday CCTV pictures without fire come from the other clips of it. What is
printed is measured by cross-validation in which no recording stands on both sides. Scene numbers do not do for that:
one recording has many of them. So pictures are put together that share a number, that follow each other in the
original's numbering and look alike, or that look all but the same. ``--write`` puts the numbers into
``patrol/domain/fire_fitted.py``.

It also says how many of the pictures that Patrol is validated on come from such recordings: of these the figures
flatter.

Fire: every place with a flame's colours is one example, fire if most of it lies in a box of fire. Smoke: every cell of
the grid is one, smoke if most of it lies in a box of smoke. A picture counts once, a recording as the square root of
its pictures. The regularisation was not searched.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from benchmarks.clips import shared_data
from patrol.adapters.stream import frames_of
from patrol.config.settings import DetectorSettings
from patrol.domain.burning import OUTLYING, Fitted, smoothed, surest
from patrol.domain.fire_features import CELL_VALUES, CELLS, FLAME_VALUES, Box, measured, smoke_cells, warm_places

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ROOT = Path(__file__).parents[1]
FITTED = ROOT / "patrol" / "domain" / "fire_fitted.py"
FOLDS = 6
SHRUNK_BY = 30.0  # the penalty on squared weights, against a sum of all examples' weights of 1,000
EXAMPLES_WEIGH = 1000.0
CLIP_FPS = 0.7
# Of everyday pictures without fire or smoke so many of a hundred may look like each of both, and cost a focus.
FALSE_SHARE = 0.05
# Pictures are of one recording that follow each other by so many numbers and look alike, or that are all but the same.
FOLLOWS_BY, ALIKE, SAME = 5, 0.55, 0.93


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One picture. ``recording``: pictures of one stay together. ``flames``, ``cells``: rows of what is measured;
    ``is_flame``, ``is_smoke``: of each of them. Cells that are neither surely smoke nor surely none are not
    ``is_clear``."""

    name: str
    recording: str
    fire: bool
    smoke: bool
    is_everyday: bool
    flames: Floats
    is_flame: Mask
    cells: Floats
    is_smoke: Mask
    is_clear: Mask


def examples(data: Path, recordings: dict[Path, str]) -> Iterator[Example]:
    """All pictures, and frames of the clips without fire."""
    boxes: dict[Path, Any] = {}
    for row in rows_of(data / "train" / "truth.jsonl"):
        path = data / "train" / row["path"]
        if row["media"] == "video":
            for _, index, pixels in frames_of(path, CLIP_FPS, DetectorSettings().input_px):
                yield _measured(f"{path.name} {index}", path.name, False, False, [], pixels, True)
        elif row["kind"] == "fire_smoke":
            file = data / "train" / row["boxes"]
            named = boxes.setdefault(file, json.loads(file.read_text("utf-8")))[path.name]
            yield _measured(
                path.name, recordings[path], bool(row["fire"]), bool(row["smoke"]), named, pixels_of(path), False
            )


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip())


def pixels_of(path: Path) -> Pixels:
    return next(frames_of(path, None, DetectorSettings().input_px))[2]


def _measured(
    name: str, recording: str, fire: bool, smoke: bool, named: list[Any], pixels: Pixels, is_everyday: bool
) -> Example:
    of = measured(pixels)
    flames = warm_places(of)
    fires, smokes = boxes_of(named, "fire"), boxes_of(named, "smoke")
    share = covered(smokes, CELLS)
    return Example(
        name=name,
        recording=recording,
        fire=fire,
        smoke=smoke,
        is_everyday=is_everyday,
        flames=np.array([one.values for one in flames]).reshape(-1, len(FLAME_VALUES)),
        is_flame=np.array([_within(one.box, fires) >= 0.5 for one in flames], np.bool_),
        cells=smoke_cells(of),
        is_smoke=share >= 0.6,
        is_clear=(share >= 0.6) | (share <= 0.05),
    )


def boxes_of(named: list[Any], label: str) -> list[Box]:
    return [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for what, x, y, w, h in named if what == label]


def _within(box: Box, others: Sequence[Box]) -> float:
    """The largest share of a box that lies in one of the others."""
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
    shares = [
        max(0.0, min(box[2], one[2]) - max(box[0], one[0])) * max(0.0, min(box[3], one[3]) - max(box[1], one[1])) / area
        for one in others
    ]
    return max(shares, default=0.0)


def covered(boxes: Sequence[Box], grid: tuple[int, int]) -> Floats:
    """(rows * columns,): the share of each cell that lies in a box. ``grid``: (columns, rows)."""
    columns, rows = grid
    cells = [
        (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        for row in range(rows)
        for column in range(columns)
    ]
    return np.array([_within(cell, boxes) for cell in cells])


# Which pictures belong together


def recordings_of(data: Path) -> dict[Path, str]:
    """Every picture with a scene number, of both sets, and the recording that it was cut from, by a name."""
    found = [
        (base / row["path"], row["scene"])
        for base in (data / "train", data)
        for row in rows_of(base / "truth.jsonl")
        if "scene" in row
    ]
    colours, thumbnails = zip(*(_looks(pixels_of(path)) for path, _ in found), strict=True)
    alike_colours = np.array([np.minimum(np.stack(colours), one).sum(axis=1) for one in colours])
    alike = np.stack(thumbnails) @ np.stack(thumbnails).T
    numbers = [_numbered(path.name) for path, _ in found]
    joined = np.zeros(alike.shape, np.bool_)
    for i, (stem, number) in enumerate(numbers):
        for j in range(i):
            follows = stem == numbers[j][0] and abs(number - numbers[j][1]) <= FOLLOWS_BY
            is_alike = max(float(alike_colours[i, j]), float(alike[i, j]) - 0.15) > ALIKE
            is_same = float(alike[i, j]) > SAME and float(alike_colours[i, j]) > 0.5
            joined[i, j] = found[i][1] == found[j][1] or (follows and is_alike) or is_same
    _, labels = connected_components(joined, directed=False)
    return {path: f"recording {label}" for (path, _), label in zip(found, labels, strict=True)}


def _looks(pixels: Pixels) -> tuple[Floats, Floats]:
    """How often each of 512 colours is there, and a thumbnail of mean 0 and length 1."""
    colours = cv2.calcHist([pixels], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
    grey = cv2.cvtColor(cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    thumbnail = grey.astype(np.float64).ravel() - grey.mean()
    return colours / colours.sum(), thumbnail / (np.linalg.norm(thumbnail) + 1e-6)


def _numbered(name: str) -> tuple[str, int]:
    """The original's name without its number, and the number: of ``c016_newsmoke2_mp4-60_jpg.jpg`` the 60th."""
    found = re.match(r"[^_]*_(.*?)[-_]?(\d+)_jpg", name)
    return (found[1], int(found[2])) if found else (name, 0)


# Fitting


def fit(values: Floats, is_it: Mask, weights: Floats) -> Fitted:
    """Logistic regression with squared weights held small. Both classes weigh the same in all."""
    weights = _balanced(is_it, weights)
    mean = np.average(values, axis=0, weights=weights)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights)) + 1e-6
    columns = np.clip((values - mean) / spread, -OUTLYING, OUTLYING)
    found, bias = weighed(columns, is_it, weights, SHRUNK_BY)
    return Fitted(tuple(mean), tuple(spread), tuple(found), bias)


def weighed(columns: Floats, is_it: Mask, weights: Floats, shrunk_by: float) -> tuple[Floats, float]:
    """The weights (k,) and the bias of a logistic regression on ``columns`` (n, k), which are comparable already."""
    weights = _balanced(is_it, weights)
    target = is_it.astype(np.float64)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        odds = columns @ parameters[1:] + parameters[0]
        each = np.logaddexp(0.0, odds) - target * odds
        wrong = weights * (expit(odds) - target)
        gradient = np.concatenate([[wrong.sum()], columns.T @ wrong + shrunk_by * parameters[1:]])
        return float(weights @ each + shrunk_by / 2 * parameters[1:] @ parameters[1:]), gradient

    found = minimize(loss, np.zeros(columns.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return np.asarray(found[1:], np.float64), float(found[0])


def _balanced(is_it: Mask, weights: Floats) -> Floats:
    """Both classes weigh the same in all."""
    weights = weights.copy()
    for which in (is_it, ~is_it):
        weights[which] *= EXAMPLES_WEIGH / 2 / max(weights[which].sum(), 1e-9)
    return weights


def fit_fire(some: Sequence[Example]) -> Fitted:
    """From every warm place."""
    values = np.concatenate([one.flames for one in some])
    return fit(values, np.concatenate([one.is_flame for one in some]), _weights(some, lambda one: len(one.flames)))


def fit_smoke(some: Sequence[Example]) -> Fitted:
    """From every cell that is surely smoke or surely none."""
    values = np.concatenate([one.cells[one.is_clear] for one in some])
    is_it = np.concatenate([one.is_smoke[one.is_clear] for one in some])
    return fit(values, is_it, _weights(some, lambda one: int(one.is_clear.sum())))


def _weights(some: Sequence[Example], rows: Callable[[Example], int]) -> Floats:
    """Of every row: a picture weighs one over all its rows, a recording the square root of its pictures."""
    pictures = Counter(one.recording for one in some)
    return np.concatenate(
        [np.full(rows(one), 1 / max(1, rows(one)) / np.sqrt(pictures[one.recording])) for one in some]
    )


def folds_of(some: Sequence[Example]) -> list[int]:
    """Which fold each picture is in."""
    return dealt([(one.is_everyday, one.recording) for one in some])


def dealt(recordings: Sequence[tuple[bool, str]]) -> list[int]:
    """Which fold each picture is in, by whether it is an everyday one, and its recording: recordings are dealt out, the
    largest first."""
    sizes = Counter(recordings)
    folds = {
        key: index % FOLDS for index, key in enumerate(sorted(sizes, key=lambda key: (key[0], -sizes[key], key[1])))
    }
    return [folds[key] for key in recordings]


def fire_odds(fitted: Fitted, one: Example) -> float:
    """Of a picture: its surest place."""
    return float(fitted.log_odds(one.flames).max()) if len(one.flames) else -20.0


def smoke_odds(fitted: Fitted, one: Example) -> float:
    """Of a picture: its surest cells."""
    return surest(smoothed(fitted.log_odds(one.cells)))


# Reporting


def curve(odds: Floats, is_it: Mask, everyday: Mask) -> list[dict[str, float]]:
    """Surest first: recall, precision and F1 of the pictures, and the share of everyday ones that would be told."""
    rows = []
    for least in sorted({float(one) for one in odds}, reverse=True):
        told = odds >= least
        right = float((told & is_it).sum())
        rows.append(
            {
                "log_odds": least,
                "recall": right / is_it.sum(),
                "precision": right / told.sum(),
                "f1": 2 * right / (told.sum() + is_it.sum()),
                "everyday": float(told[everyday].mean()) if everyday.any() else 0.0,
            }
        )
    return rows


def ranked_right(odds: Floats, is_it: Mask) -> float:
    """How often a picture of it is surer than one without: the area under the ROC curve."""
    positive, negative = odds[is_it], odds[~is_it]
    return float((positive[:, np.newaxis] > negative).mean() + (positive[:, np.newaxis] == negative).mean() / 2)


def operating_point(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The best F1 with few everyday pictures told."""
    return max((row for row in rows if row["everyday"] <= FALSE_SHARE), key=lambda row: row["f1"])


def cross_validated(some: Sequence[Example]) -> tuple[Floats, Floats]:
    """The odds of fire and smoke of every picture, by what was fitted on other recordings."""
    fires, smokes, folds = np.zeros(len(some)), np.zeros(len(some)), folds_of(some)
    for fold in range(FOLDS):
        others = [one for one, its in zip(some, folds, strict=True) if its != fold]
        fire, smoke = fit_fire(others), fit_smoke(others)
        for index, one in enumerate(some):
            if folds[index] == fold:
                fires[index], smokes[index] = fire_odds(fire, one), smoke_odds(smoke, one)
    return fires, smokes


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="the folder with train/ and truth.jsonl in it")
    parser.add_argument("--write", action="store_true", help=f"write {FITTED.relative_to(ROOT)}")
    chosen = parser.parse_args(argv)
    data = chosen.data or shared_data()
    if data is None:
        print("no recorded pictures here: set PATROL_SHARED_DATA", file=sys.stderr)
        return 1
    recordings = recordings_of(data)
    some = list(examples(data, recordings))
    known = {one.recording for one in some}
    validated = [recording for path, recording in recordings.items() if not path.is_relative_to(data / "train")]
    print(
        f"{len(some)} pictures of {len(known)} recordings, {sum(one.is_everyday for one in some)} of them everyday ones"
    )
    print(
        f"validated on: {sum(one in known for one in validated)} of {len(validated)} pictures with a scene number are"
    )
    print("cut from recordings of which other frames are fitted on here")
    fires, smokes = cross_validated(some)
    everyday = np.array([one.is_everyday for one in some])
    parts: dict[str, tuple[Fitted, tuple[str, ...]]] = {}
    for name, odds, values, fitted in (
        ("fire", fires, FLAME_VALUES, fit_fire(some)),
        ("smoke", smokes, CELL_VALUES, fit_smoke(some)),
    ):
        is_it = np.array([getattr(one, name) for one in some])
        point = _tell(name, curve(odds, is_it, everyday), ranked_right(odds, is_it), is_it)
        parts[name.upper()] = (_shifted(fitted, point), values)
    if chosen.write:
        FITTED.write_text("\n".join(_module(parts, len(some), len(known))), "utf-8")
    return 0


def _tell(name: str, rows: Sequence[dict[str, float]], area: float, is_it: Mask) -> float:
    point = operating_point(rows)
    print(f"{name}: {int(is_it.sum())} of {len(is_it)} hold it; area under the ROC curve {area:.3f}")
    step = max(1, len(rows) // 12)
    for row in [*rows[::step], point]:
        is_chosen = "  <- chosen" if row is point else ""
        print(
            f"  odds {row['log_odds']:6.2f}: recall {row['recall']:.2f} precision {row['precision']:.2f}"
            f" F1 {row['f1']:.2f} everyday pictures told {row['everyday']:.3f}{is_chosen}"
        )
    return point["log_odds"]


def _shifted(fitted: Fitted, operating: float) -> Fitted:
    return Fitted(fitted.mean, fitted.spread, fitted.weights, fitted.bias - operating)


def _module(parts: dict[str, tuple[Fitted, tuple[str, ...]]], pictures: int, recordings: int) -> Iterable[str]:
    yield '"""What fire and smoke look like in numbers; written by ``make fit-fire`` (benchmarks/fit_fire.py).'
    yield ""
    yield f"Fitted on {pictures} pictures of {recordings} recordings of train/. ``mean`` and ``spread``: of what is"
    yield "measured, in the order of the names before them; ``weights``: of these values, made comparable."
    yield '"""'
    yield ""
    yield "# fmt: off"
    yield "from __future__ import annotations"
    yield ""
    yield "from typing import TypedDict"
    yield ""
    yield ""
    yield "class Numbers(TypedDict):"
    yield '    """See burning.Fitted."""'
    yield ""
    yield "    mean: tuple[float, ...]"
    yield "    spread: tuple[float, ...]"
    yield "    weights: tuple[float, ...]"
    yield "    bias: float"
    for name, (fitted, values) in parts.items():
        yield ""
        yield ""
        yield from _wrapped("# ", [f"{value}," for value in values])
        yield f"{name}: Numbers = {{"
        for key, numbers in (("mean", fitted.mean), ("spread", fitted.spread), ("weights", fitted.weights)):
            yield f'    "{key}": ('
            yield from _wrapped("        ", [f"{float(f'{number:.4g}')!r}," for number in numbers])
            yield "    ),"
        yield f'    "bias": {float(f"{fitted.bias:.4g}")!r},'
        yield "}"
    yield ""


def _wrapped(indent: str, words: Sequence[str]) -> Iterator[str]:
    line = indent
    for word in words:
        if len(line) + len(word) > 118:
            yield line.rstrip()
            line = indent
        line += word + " "
    yield line.rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
