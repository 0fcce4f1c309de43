"""What fights look like, learned from clips: ``python -m benchmarks.fit_fight``.

Every clip of the kind fight in the folder of training data is played as `patrol evaluate` plays it, and measured by
``fighting.measures`` over its last seconds. A logistic regression with a penalty on its weights is fitted on all of
them, and written as a small table to ``patrol/domain/fight_fitted.py``.

How much it can be trusted is told by cross-validation: clips that stand beside each other in the list are often cut
from one recording, so neighbours are left out together. The penalty is fixed beforehand, and nothing is chosen by the
clips that `patrol evaluate` scores.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.clips import shared_data
from patrol.adapters.detectors import AnyDetector, DetectorOptions, open_detector
from patrol.adapters.devices import Device
from patrol.adapters.processor import one_thread_a_picture
from patrol.config import DetectorSettings
from patrol.domain.camera import CameraId
from patrol.domain.clip_scorers import Glimpse, glimpse
from patrol.domain.conditions.base import boxes_of
from patrol.domain.conditions.fight import Fight
from patrol.domain.fighting import BY_MOTION, NAMES, measures
from patrol.domain.frame import Frame
from patrol.domain.logistic import Fitted, Weight
from patrol.domain.shares import wilson
from patrol.evaluation.playing import Reel
from patrol.evaluation.truth import Item, read_truth

FITTED = Path(__file__).parents[1] / "patrol" / "domain" / "fight_fitted.py"
KIND = "fight"
FOLDS = 10
# On the squares of the weights, of measures with a variance of 1. Of few clips much is chance; so strong, no weight is
# made by a handful of them.
PENALTY = 10.0
BATCH = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip. ``values``: its measures, in the order of NAMES."""

    item: Item
    is_fight: bool
    values: Floats


async def measured(item: Item, detector: AnyDetector, size: tuple[int, int]) -> Sample | None:
    """Play a clip, and measure its last seconds; None if it is too short."""
    condition = Fight()
    now = datetime(1970, 1, 1, tzinfo=UTC)
    frames = [
        Frame(CameraId("recording"), now + timedelta(seconds=t_s), pixels)
        for t_s, _, pixels in Reel(item, (), size).frames()
    ]
    clip: list[Glimpse] = []
    for start in range(0, len(frames), BATCH):
        batch = frames[start : start + BATCH]
        for frame, found in zip(batch, await detector.detect(batch), strict=True):
            people = boxes_of(found.of("person", condition.min_confidence))
            clip.append(glimpse(frame.captured_at, frame.pixels, people, BY_MOTION.size))
    last = [one for one in clip if (clip[-1].at - one.at).total_seconds() <= BY_MOTION.seconds]
    values = measures(last)
    return None if values is None else Sample(item, bool(item.holds), values)


def fitted(values: Floats, is_fight: npt.NDArray[np.bool_]) -> Fitted:
    """(n, k) measures, (n,) -> what is learned of them, by Newton's method; both kinds count the same."""
    means, scales = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    standard = np.column_stack([(values - means) / scales, np.ones(len(values))])
    counts = np.where(is_fight, 0.5 / is_fight.mean(), 0.5 / (1 - is_fight.mean()))
    penalty = np.diag([PENALTY] * values.shape[1] + [0.0])
    weights = np.zeros(standard.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-standard @ weights))
        slope = standard.T @ (counts * (chance - is_fight)) + penalty @ weights
        curve = (standard * (counts * chance * (1 - chance))[:, np.newaxis]).T @ standard + penalty
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    table = {
        name: Weight(float(mean), float(scale), float(weight))
        for name, mean, scale, weight in zip(NAMES, means, scales, weights[:-1], strict=True)
    }
    return Fitted(table, float(weights[-1]))


def left_out(samples: Sequence[Sample]) -> Floats:
    """(n,) how sure it is of each clip by what was learned from the others, neighbours left out together."""
    values = np.array([one.values for one in samples])
    is_fight = np.array([one.is_fight for one in samples])
    sure = np.full(len(samples), np.nan)
    fold = np.empty(len(samples), np.int64)
    for kind in (True, False):
        rows = np.flatnonzero(is_fight == kind)
        fold[rows] = np.arange(len(rows)) * FOLDS // len(rows)
    for each in range(FOLDS):
        out = fold == each
        learned = fitted(values[~out], is_fight[~out])
        sure[out] = [learned.sure(row) for row in values[out]]
    return sure


def curve(sure: Floats, is_fight: npt.NDArray[np.bool_]) -> list[tuple[float, float, float, float]]:
    """(threshold, share of fights found, share of others told, accuracy) for thresholds from 0.1 to 0.9."""
    rows = []
    for threshold in np.arange(0.1, 0.95, 0.1):
        told = sure >= threshold
        right = (told == is_fight).mean()
        rows.append((float(threshold), float(told[is_fight].mean()), float(told[~is_fight].mean()), float(right)))
    return rows


def area_under(sure: Floats, is_fight: npt.NDArray[np.bool_]) -> float:
    """The chance that a fight is thought to be more of one than another clip is."""
    higher = sure[is_fight][:, np.newaxis] - sure[~is_fight][np.newaxis]
    return float((higher > 0).mean() + (higher == 0).mean() / 2)


def as_python(learned: Fitted, said: str) -> str:
    """The module with what was learned."""
    rows = "\n".join(
        f'        "{name}": Weight(mean={one.mean:.4g}, scale={one.scale:.4g}, weight={one.weight:.3g}),'
        for name, one in learned.weights.items()
    )
    return (
        f'"""What was learned of fights; written by ``make fit-fight``, not by hand.\n\n{said}\n"""\n\n'
        "from __future__ import annotations\n\n"
        "from patrol.domain.logistic import Fitted, Weight\n\n"
        f"FITTED = Fitted(\n    weights={{\n{rows}\n    }},\n    bias={learned.bias:.3g},\n)\n"
    )


async def samples_of(items: Sequence[Item], detector: AnyDetector, size: tuple[int, int]) -> list[Sample]:
    """All that are long enough, in their order."""
    samples = []
    for number, item in enumerate(items, 1):
        print(f"\r{number} of {len(items)} clips", end="", file=sys.stderr, flush=True)
        sample = await measured(item, detector, size)
        samples += [sample] if sample is not None else []
    print(file=sys.stderr)
    return samples


def told(samples: Sequence[Sample], sure: Floats, learned: Fitted) -> str:
    """All figures, printed; what of them goes into the module, returned."""
    is_fight = np.array([one.is_fight for one in samples])
    values = np.array([one.values for one in samples])
    right = int(((sure >= 0.5) == is_fight).sum())
    low, high = wilson(right, len(samples)) or (0.0, 1.0)
    area = area_under(sure, is_fight)
    said = (
        f"From {len(samples)} clips of about 2 s, {int(is_fight.sum())} of fights, at 4 pictures a second, with a"
        f" penalty of {PENALTY:g}.\nLeft out, neighbours together, {right / len(samples):.0%} are told right"
        f" at 0.5 ({low:.0%} to {high:.0%} at 95%),\nand the area under the curve is {area:.2f}."
    )
    print(said)
    for threshold, found, wrong, accuracy in curve(sure, is_fight):
        print(f"sure {threshold:.1f}: {found:.2f} of fights found, {wrong:.2f} of others told, accuracy {accuracy:.2f}")
    for index, (name, one) in enumerate(learned.weights.items()):
        alone = area_under(values[:, index], is_fight)
        print(f"{name:8} mean {one.mean:7.3f} scale {one.scale:6.3f} weight {one.weight:5.2f}, alone {alone:.2f}")
    return said


def main() -> int:
    """Fit, tell and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with a truth.jsonl (default: train/ of the shared data)")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    shared = shared_data()
    folder = arguments.data or (shared / "train" if shared is not None else None)
    if folder is None:
        raise SystemExit("no recorded clips here: set PATROL_SHARED_DATA, or give --data")
    items = read_truth(folder, [KIND])
    one_thread_a_picture()
    settings = DetectorSettings()
    options = DetectorOptions(settings.input_px, settings.min_confidence, device=Device.AUTO)
    with closing(open_detector(options, settings.model, progress=lambda line: print(line, file=sys.stderr))) as model:
        samples = asyncio.run(samples_of(items, model, settings.input_px))
    learned = fitted(np.array([one.values for one in samples]), np.array([one.is_fight for one in samples]))
    said = told(samples, left_out(samples), learned)
    if not arguments.dry:
        FITTED.write_text(as_python(learned, said), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
