"""Fits what tells fire and smoke on the detector's own layers: ``python -m benchmarks.fit_fire_head [--write]``.

From the pictures of ``train/``, as benchmarks.fit_fire, which says how recordings are kept apart and what is measured;
everyday pictures are frames of its clips without fire, and, since these are all of cameras, photographs without fire or
smoke from the folder that ``--photographs`` names (docs/adr/015 says which). Every cell of the network's coarsest grid
is one example: what two of its layers say there, and whether half of it or more lies in a box of fire, or of smoke. A
picture counts once, a recording as the square root of its pictures. ``--write`` puts the numbers into
``patrol/adapters/heads/``, with the hash of the weights that they belong to.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.clips import shared_data
from benchmarks.fit_fire import (
    FOLDS,
    Floats,
    Mask,
    Pixels,
    boxes_of,
    covered,
    dealt,
    pixels_of,
    ranked_right,
    recordings_of,
    rows_of,
    weighed,
)
from patrol.adapters.fire_head import OUTLYING, Pool, Source, cropped, pooled
from patrol.adapters.model_store import InstalledModel, ensure_model
from patrol.adapters.openvino_runtime import import_openvino
from patrol.adapters.stream import frames_of
from patrol.adapters.yolo import letterbox
from patrol.config.settings import DetectorSettings
from patrol.domain.burning import FIRE_OVER, SMOKE_OVER, Part
from patrol.domain.burning_map import Box, surest
from patrol.domain.errors import InputError

HEADS = Path(__file__).parents[1] / "patrol" / "adapters" / "heads"
# What the backbone says of each place and, coarser, of what it is part of. The finer one alone tells fire better and
# knows everyday pictures worse; layers behind these, made to tell people and vehicles, told fire and smoke worse.
SOURCES = (Source("model.6.cv2", 2, Pool.MEAN), Source("model.9.cv2"))
CHANNELS = (128, 256)
# Not searched finely: 100 and 1,000 differ by a hundredth of the area under the curve.
SHRUNK_BY = 300.0
WORTH_A_LOOK = -0.62  # log odds of a score of 0.35, see fire_smoke.WORTH_A_FOCUS
EVERYDAY_FPS = 1.0
MOST_CELLS = 20  # of a picture, of each class
IN_A_BOX, OUTSIDE = 0.5, 0.05
OVER = {Part.FIRE: FIRE_OVER, Part.SMOKE: SMOKE_OVER}
# The operating point, of each part: so many of everyday pictures, and of all without fire and smoke, may be told.
EVERYDAY_SHARE, FALSE_SHARE = 0.03, 0.10
# What is held small says small log odds. With so many times as much, 0.7 of the score of the operating point, which is
# worth a focus, is reached by three everyday frames of cameras in a hundred.
TIMES = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One picture. ``values``: (rows, columns, c) float32 of its cells. ``covered``: of each part, (rows, columns), the
    share of each cell that lies in a box."""

    name: str
    recording: str
    parts: frozenset[Part]
    is_everyday: bool
    values: np.ndarray
    covered: dict[Part, Floats]


class Layers:
    """What the detector's network says of a picture before it says boxes."""

    def __init__(self, model: InstalledModel) -> None:
        assert model.openvino_f32 is not None
        openvino = import_openvino()
        self._size = DetectorSettings().input_px
        graph = openvino.Core().read_model(model.openvino_f32)
        outputs = [pooled(openvino.opset13, graph, source) for source in SOURCES]
        cut = openvino.Model(outputs, graph.get_parameters())
        cut.reshape([1, 3, self._size[1], self._size[0]])
        compiled = openvino.Core().compile_model(cut, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._request = compiled.create_infer_request()

    def of(self, pixels: Pixels) -> np.ndarray:
        """(rows, columns, c) float32, without the grey around the picture."""
        picture, placement = letterbox(pixels, self._size)
        self._request.infer([picture[np.newaxis, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255])
        outputs = [self._request.get_output_tensor(index).data[0] for index in range(len(SOURCES))]
        values = cropped(np.concatenate(outputs), placement, (pixels.shape[1], pixels.shape[0]), self._size)
        return np.ascontiguousarray(values.transpose(1, 2, 0))


def examples(data: Path, recordings: dict[Path, str], layers: Layers) -> Iterator[Example]:
    """All pictures, and frames of the clips without fire."""
    for row in rows_of(data / "train" / "truth.jsonl"):
        path = data / "train" / row["path"]
        if row["media"] == "video":
            for _, index, pixels in frames_of(path, EVERYDAY_FPS, DetectorSettings().input_px):
                yield _example(f"{path.name} {index}", path.name, frozenset(), [], layers.of(pixels), True)
        elif row["kind"] == "fire_smoke":
            parts = frozenset(part for part in Part if row[part.value])
            named = json.loads((data / "train" / row["boxes"]).read_text("utf-8"))[path.name]
            yield _example(path.name, recordings[path], parts, named, layers.of(pixels_of(path)), False)


def photographs(folder: Path, layers: Layers) -> Iterator[Example]:
    """Of each picture the whole and its quarters, which show other scales."""
    for path in sorted(folder.iterdir()):
        pixels = cv2.imread(str(path))
        if pixels is None:
            raise InputError(f"{path}: expected a picture")
        for index, view in enumerate(_views(np.asarray(pixels, np.uint8))):
            yield _example(f"{path.name} {index}", path.name, frozenset(), [], layers.of(view), True)


def _views(pixels: Pixels) -> Iterator[Pixels]:
    yield pixels
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    for top in (0, rows):
        for left in (0, columns):
            yield pixels[top : top + rows, left : left + columns]


def _example(
    name: str, recording: str, parts: frozenset[Part], named: list[Any], values: np.ndarray, is_everyday: bool
) -> Example:
    grid = (values.shape[1], values.shape[0])
    shares = {part: _shares(boxes_of(named, part.value), grid) for part in Part}
    return Example(name, recording, parts, is_everyday, values, shares)


def _shares(boxes: Sequence[Box], grid: tuple[int, int]) -> Floats:
    return covered(boxes, grid).reshape(grid[1], grid[0])


# Fitting


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What makes values comparable; (c,) float64 each."""

    mean: Floats
    spread: Floats

    def comparable(self, values: np.ndarray) -> Floats:
        """(n, c) as the network says them -> (n, c) float64."""
        return np.clip((values.astype(np.float64) - self.mean) / self.spread, -OUTLYING, OUTLYING)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """``weights``: (c,) float64, of comparable values."""

    scale: Scale
    weights: Floats
    bias: float


def scale_of(some: Sequence[Example]) -> Scale:
    """Over all cells."""
    weights = _weights(some)
    means = np.stack([one.values.mean(axis=(0, 1), dtype=np.float64) for one in some])
    squares = np.stack([(one.values.astype(np.float64) ** 2).mean(axis=(0, 1)) for one in some])
    mean = np.average(means, axis=0, weights=weights)
    return Scale(mean, np.sqrt(np.average(squares, axis=0, weights=weights) - mean**2) + 1e-3)


def _weights(some: Sequence[Example]) -> Floats:
    """Of every picture: a recording weighs as the square root of its pictures."""
    pictures = Counter(one.recording for one in some)
    return np.array([1 / np.sqrt(pictures[one.recording]) for one in some])


def fit_part(part: Part, some: Sequence[Example]) -> Regression:
    """A logistic regression over cells that surely are of it, or surely are not."""
    rng = np.random.default_rng(0)
    scale = scale_of(some)
    values, is_it, weights = [], [], []
    for one, weight in zip(some, _weights(some), strict=True):
        inside, outside = (np.flatnonzero(which) for which in _classes(one.covered[part]))
        known = len(inside) + len(outside)
        for cells, which in ((inside, True), (outside, False)):
            taken = rng.permutation(cells)[:MOST_CELLS]
            values.append(scale.comparable(one.values.reshape(-1, one.values.shape[2])[taken]))
            is_it.append(np.full(len(taken), which))
            weights.append(np.full(len(taken), weight * len(cells) / max(1, known) / max(1, len(taken))))
    found = weighed(np.concatenate(values), np.concatenate(is_it), np.concatenate(weights), SHRUNK_BY)
    return Regression(scale, *found)


def _classes(shares: Floats) -> tuple[Mask, Mask]:
    return shares >= IN_A_BOX, shares <= OUTSIDE


def odds_of(fitted: Regression, one: Example, over: int) -> float:
    """Of a picture: its surest spot."""
    rows, columns, count = one.values.shape
    odds = fitted.scale.comparable(one.values.reshape(-1, count)) @ fitted.weights + fitted.bias
    return surest(odds.reshape(rows, columns).astype(np.float32), over)


def cross_validated(part: Part, some: Sequence[Example], over: Sequence[int]) -> dict[int, Floats]:
    """The odds of every picture, by what was fitted on other recordings, for each size of a spot."""
    folds = dealt([(one.is_everyday, one.recording) for one in some])
    odds = {size: np.zeros(len(some)) for size in over}
    for fold in range(FOLDS):
        fitted = fit_part(part, [one for one, its in zip(some, folds, strict=True) if its != fold])
        for index, one in enumerate(some):
            if folds[index] == fold:
                for size in over:
                    odds[size][index] = odds_of(fitted, one, size)
    return odds


# Reporting


def operating_point(odds: Floats, everyday: Mask, without: Mask) -> float:
    """The least log odds at which no more of the pictures without fire and smoke are told than may be."""
    point = np.inf
    for least in sorted(set(odds), reverse=True):
        told = odds >= least
        if told[everyday].mean() > EVERYDAY_SHARE or told[without].mean() > FALSE_SHARE:
            break
        point = float(least)
    return point


def tell(name: str, told: Mask, is_it: Mask, everyday: Mask) -> None:
    """One line of figures."""
    without = ~is_it & ~everyday
    right, wrong = int((told & is_it).sum()), int((told & ~is_it).sum())
    print(
        f"  {name}: recall {right / is_it.sum():.2f} precision {right / max(1, right + wrong):.2f}, told are"
        f" {told[without].mean():.2f} of CCTV without, {told[everyday].mean():.3f} of everyday pictures"
    )


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="the folder with train/ and truth.jsonl in it")
    parser.add_argument("--photographs", type=Path, default=None, help="a folder of photographs without fire or smoke")
    parser.add_argument("--write", action="store_true", help=f"write into {HEADS.name}/")
    chosen = parser.parse_args(argv)
    if chosen.write and chosen.photographs is None:
        parser.error("--write needs --photographs: without them rooms and landscapes are told as smoke")
    data = chosen.data or shared_data()
    if data is None:
        print("no recorded pictures here: set PATROL_SHARED_DATA", file=sys.stderr)
        return 1
    model = ensure_model(DetectorSettings().model, progress=lambda line: print(line, file=sys.stderr))
    layers = Layers(model)
    some = list(examples(data, recordings_of(data), layers))
    some += photographs(chosen.photographs, layers) if chosen.photographs else []
    print(f"{len(some)} pictures of {len({one.recording for one in some})} recordings")
    points = _measured(some)
    if chosen.write:
        fitted = {part: fit_part(part, some) for part in Part}
        HEADS.mkdir(exist_ok=True)
        file = HEADS / f"fire_smoke-{model.manifest.name}.json"
        file.write_text(_written(model, fitted, points, some), "utf-8")
    return 0


def _measured(some: Sequence[Example]) -> dict[Part, float]:
    everyday = np.array([one.is_everyday for one in some])
    burns = np.array([bool(one.parts) for one in some])
    points, told = {}, {}
    for part in Part:
        is_it = np.array([part in one.parts for one in some])
        by_size = cross_validated(part, some, (1, 3, 5))
        for size, odds in by_size.items():
            point = operating_point(odds, everyday, ~burns & ~everyday)
            print(
                f"{part.value}, spots of {size} cells: area under the ROC curve {ranked_right(odds, is_it):.3f}, of"
                f" pictures with either {ranked_right(odds, burns):.3f}; recall {(odds >= point)[is_it].mean():.2f}"
            )
        odds = by_size[OVER[part]]
        points[part] = operating_point(odds, everyday, ~burns & ~everyday)
        told[part] = TIMES * (odds - points[part])
    print("fire or smoke, by either, at log odds from the operating point of")
    for shift in (-3.0, -2.0, -1.0, WORTH_A_LOOK, -0.3, 0.0, 0.3, 0.6, 1.0, 2.0, 3.0):
        tell(f"{shift:5.2f}", np.maximum(told[Part.FIRE], told[Part.SMOKE]) >= shift, burns, everyday)
    return points


def _written(
    model: InstalledModel, fitted: dict[Part, Regression], points: dict[Part, float], some: Sequence[Example]
) -> str:
    scale = fitted[Part.FIRE].scale  # the same of both: of the same pictures
    said = {
        "about": "tells fire and smoke on layers of the network named below; written by make fit-fire",
        "fitted_on": f"{len(some)} pictures of {len({one.recording for one in some})} recordings and photographs; "
        "see docs/adr/015",
        "licence": "AGPL-3.0, as the network's",
        "model": model.manifest.name,
        "model_sha256": model.manifest.sha256,
        "bias": _few(TIMES * np.array([fitted[part].bias - points[part] for part in Part])),
        "sources": [
            {
                "layer": source.layer,
                "by": source.by,
                "pool": source.pool.value,
                "mean": _few(scale.mean[which]),
                "spread": _few(scale.spread[which]),
                "weights": [_few(TIMES * fitted[part].weights[which]) for part in Part],
            }
            for source, which in zip(SOURCES, _slices(), strict=True)
        ],
    }
    return json.dumps(said, indent=1).replace(",\n    ", ", ").replace(",\n     ", ", ") + "\n"


def _slices() -> list[slice]:
    ends = np.cumsum(CHANNELS)
    return [slice(int(end - count), int(end)) for count, end in zip(CHANNELS, ends, strict=True)]


def _few(numbers: Floats) -> list[float]:
    return [float(f"{number:.4g}") for number in numbers]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
