"""Left and taken objects, composed: ``python -m benchmarks.composites_objects --out DIR``, then
``patrol evaluate --data DIR``.

No recording of an abandoned object could be had. These are made of real pictures: places without anybody, people and
things cut out (``cutting_objects``), with soft shadows at their feet, a sensor's noise, light that drifts, and JPEG
over all of it. What is true is known, as it was put there; every line of the truth is marked as a composite.

**When it begins and ends**, as the rules say it: something is left from the moment its owner is farther than 2 m from
it until who takes it, or stays with it, comes nearer than that, or it is gone; something is taken from the moment it
is picked up until it is back. More than half of the recordings hold nothing to be told: somebody waits, stands with a
bag, passes, a shadow lies down, light is switched, something is put down and taken along again.

Two parts (``--part``): ``develop``, on which the rules were worked out, and ``report``, other places, people and
things, which they are measured on. The same scripts are played at two paces: a picture a second, and one every five
seconds, as on a tour.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.clips import shared_data
from benchmarks.composing import SIZE, CutOut, Figure, Path_, Pixels, Setting, legs, stays, swaying
from benchmarks.cutting_objects import DEVELOP, REPORT, Ground, Props, Thing, props_of

Share = npt.NDArray[np.float32]

SECONDS = 100.0
PACES = {"watched": 1.0, "tour": 0.2}  # pictures a second
NOISE, QUALITY, LIGHT_DRIFT = 2.0, 88, 0.06
ABANDONED, REMOVED = "abandoned_object", "removed_object"
NEAR_M, WALKS_M_S = 2.0, 1.3
SEED = 4
# A soft shadow beneath whoever, or whatever, stands: how wide, how high, in its own width; how dark.
SHADE_WIDE, SHADE_HIGH, SHADE = 1.3, 0.3, 0.35


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in one composite. ``events``: (start_s, end_s). ``light``: (gain, offset) at a second.
    ``shade``: how much of the light reaches each pixel at a second, (h, w) float32; None for all."""

    name: str
    kind: str
    setting: Setting
    figures: tuple[Figure, ...]
    events: tuple[tuple[float, float], ...] = ()
    zone: tuple[tuple[float, float], ...] | None = None
    light: Callable[[float], tuple[float, float]] = lambda t: (1.0, 0.0)
    shade: Callable[[float], Share | None] = field(default=lambda t: None)


# Who goes where


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A place, the spot in it where things are put, who is there, and what. ``side``: -1 where the owner comes from the
    left and 1 from the right."""

    setting: Setting
    x: float
    y: float
    owner: CutOut
    other: CutOut
    thing: Thing
    side: int
    rng: np.random.Generator

    def m(self, metres: float) -> float:
        """In pixels, at the spot."""
        return self.setting.step(metres, self.y)

    @property
    def edge(self) -> float:
        """How far people are out of the picture, pixels from its left: where the owner comes from."""
        return -40.0 if self.side < 0 else SIZE[0] + 40.0

    def walks(self, begins: float, *to: tuple[float, float]) -> Path_:
        """From outside, to each x in turn, where they stay for so many seconds; and out at the other side."""
        t, x = begins, self.edge
        points = [(t, x, self.y)]
        for there, for_s in (*to, (SIZE[0] - self.edge, 0.0)):
            t += abs(there - x) / self.m(WALKS_M_S)
            points.append((t, there, self.y))
            if for_s > 0:
                t += for_s
                points.append((t, there, self.y))
            x = there
        return legs(*points)

    def arrives(self, at_s: float, x: float) -> float:
        """When to begin in order to be there at a second."""
        return at_s - abs(x - self.edge) / self.m(WALKS_M_S)

    def passes(self, at_s: float, who: CutOut, farther: float = 0.0) -> Figure:
        """Somebody walks through and is before the spot at a second; ``farther``: metres nearer the camera."""
        y = self.y + self.m(farther) / 2
        speed = self.setting.step(WALKS_M_S, y)
        begins = at_s - abs(self.x - self.edge) / speed
        out = SIZE[0] - self.edge
        return Figure(who, legs((begins, self.edge, y), (begins + abs(out - self.edge) / speed, out, y)))

    def lies(self, since: float = 0.0, until: float = np.inf) -> Figure:
        """The thing, at its spot."""
        return Figure(self.thing.cut_out, stays(self.x, self.y - 1, since, until), self.thing.tall)

    def is_near(self, path: Path_, t: float) -> bool:
        """Whether somebody is within 2 m of the spot."""
        at = path(t)
        return at is not None and abs(at[0] - self.x) <= self.m(NEAR_M)

    def moments_near(self, path: Path_) -> tuple[float, float]:
        """The first and the last at which somebody is near."""
        near = [t for t in np.arange(0.0, SECONDS + 30, 0.02) if self.is_near(path, float(t))]
        return float(near[0]), float(near[-1])


def standing(who: CutOut, path: Path_, seed: int, pixels: float = 1.0) -> Figure:
    """Nobody stands quite still."""
    return Figure(who, swaying(path, pixels, seed))


def left(stage: Stage, name: str) -> Iterator[Script]:
    """Brought, put down, left, with somebody passing before it; another time fetched; another, left after a while."""
    beside = stage.x + stage.side * stage.m(0.35)
    put_s = 20.0
    for what, stays_s, is_fetched in (
        ("left", 3.0, False),
        ("left-and-fetched", 3.0, True),
        ("left-late", 20.0, False),
    ):
        way = stage.walks(stage.arrives(put_s, beside), (beside, stays_s))
        begins = max(put_s, stage.moments_near(way)[1])
        owner = standing(stage.owner, way, 1)
        passers = [stage.passes(begins + 12.0, stage.other, 0.4), stage.passes(begins + 22.0, stage.owner, 0.8)]
        if not is_fetched:
            figures = (stage.lies(put_s), owner, *passers)
            yield Script(f"{what}-{name}", ABANDONED, stage.setting, figures, ((begins, SECONDS),))
            continue
        taken_s = 78.0
        fetches = stage.walks(stage.arrives(taken_s, beside), (beside, 1.5))
        takes = standing(stage.other, fetches, 2)
        figures = (stage.lies(put_s, taken_s + 1.0), owner, *passers, takes)
        yield Script(f"{what}-{name}", ABANDONED, stage.setting, figures, ((begins, stage.moments_near(fetches)[0]),))


def not_left(stage: Stage, name: str) -> Iterator[Script]:
    """Nothing is left there."""
    beside = stage.x + stage.side * stage.m(0.35)
    setting = stage.setting

    def made(what: str, *figures: Figure, **more: Any) -> Script:
        return Script(f"{what}-{name}", ABANDONED, setting, figures, **more)

    waits = stage.walks(5.0, (beside, 300.0))
    together = stage.walks(7.0, (stage.x - stage.side * stage.m(0.8), 300.0))
    yield made("somebody-waits", standing(stage.owner, waits, 1))
    yield made("two-talk", standing(stage.owner, waits, 1, 2.0), standing(stage.other, together, 2, 2.0))
    arrives = stage.arrives(0.0, beside)
    yield made(
        "with-its-owner", stage.lies(7.0 - arrives), standing(stage.owner, waits, 1), stage.passes(60, stage.other)
    )
    way = stage.walks(stage.arrives(20.0, beside), (beside, 22.0))
    yield made("taken-along", stage.lies(20.0, 42.0), standing(stage.owner, way, 1), stage.passes(70, stage.other))
    back = stage.walks(stage.arrives(48.0, beside), (beside, 4.0))
    leaves = stage.walks(stage.arrives(20.0, beside), (beside, 3.0))
    yield made(
        "fetched-in-time", stage.lies(20.0, 50.0), standing(stage.owner, leaves, 1), standing(stage.owner, back, 2)
    )
    people = (stage.owner, stage.other)
    walk_by = [stage.passes(8.0 + 9 * n, people[n % 2], float(stage.rng.uniform(-0.5, 1.0))) for n in range(10)]
    yield made("passers-by", *walk_by)
    yield made("a-shadow", walk_by[4], shade=_shadow(stage, 30.0))
    yield made("a-lamp", shade=_lamp(stage, 30.0))
    yield made("light-switched", walk_by[3], light=lambda t: (0.55, 4.0) if 40 <= t < 70 else (1.0, 0.0))


def removed(stage: Stage, name: str) -> Iterator[Script]:
    """Something stands there, in a zone of its own: it is taken, or brought back, or only hidden."""
    setting, tall = stage.setting, stage.thing.tall * stage.setting.height_at(stage.y)
    wide = tall * stage.thing.cut_out.cover.shape[1] / stage.thing.cut_out.cover.shape[0]
    half, height = wide / 2 + 10, tall + 12
    x, y = stage.x, stage.y
    zone = ((x - half, y - height), (x + half, y - height), (x + half, y + 8), (x - half, y + 8))
    beside = x + stage.side * stage.m(0.35)

    def made(what: str, *figures: Figure, **more: Any) -> Script:
        return Script(f"{what}-{name}", REMOVED, setting, figures, zone=zone, **more)

    taken_s, back_s = 40.0, 80.0
    takes = standing(stage.owner, stage.walks(stage.arrives(taken_s - 1, beside), (beside, 2.0)), 1)
    yield made("taken", stage.lies(0.0, taken_s), takes, events=((taken_s, SECONDS),))
    brings = standing(stage.other, stage.walks(stage.arrives(back_s - 1, beside), (beside, 2.0)), 2)
    again = (stage.lies(0.0, taken_s), stage.lies(back_s), takes, brings)
    yield made("taken-and-brought-back", *again, events=((taken_s, back_s),))
    stands = stage.walks(stage.arrives(20.0, x), (x, 50.0))
    yield made("somebody-stands-before-it", stage.lies(), standing(stage.other, stands, 3))
    yield made("passers-by-and-it", stage.lies(), stage.passes(20, stage.owner), stage.passes(55, stage.other, 0.3))
    yield made("light-switched-on-it", stage.lies(), light=lambda t: (0.55, 4.0) if t >= 40 else (1.0, 0.0))
    yield made("a-shadow-on-it", stage.lies(), shade=_shadow(stage, 30.0))


def _shadow(stage: Stage, begins: float) -> Callable[[float], Share | None]:
    """Of a pole or a wall, soft at its edge, over the spot."""
    mask = np.zeros(SIZE[::-1], np.float32)
    h = stage.setting.height_at(stage.y)
    corners = np.array([(-0.5, -0.5), (0.3, -0.55), (0.6, 0.5), (-0.35, 0.5)]) * h + (stage.x, stage.y)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    share = np.asarray(1 - 0.4 * cv2.GaussianBlur(mask, (0, 0), 3), np.float32)
    return lambda t: share if t >= begins else None


def _lamp(stage: Stage, begins: float) -> Callable[[float], Share | None]:
    """A pool of light."""
    mask = np.zeros(SIZE[::-1], np.float32)
    h = stage.setting.height_at(stage.y)
    cv2.ellipse(mask, (int(stage.x), int(stage.y)), (int(0.5 * h), int(0.2 * h)), 0, 0, 360, 1.0, -1)
    share = np.asarray(1 + 0.35 * cv2.GaussianBlur(mask, (0, 0), 4), np.float32)
    return lambda t: share if t >= begins else None


def scripts(props: Props, seed: int = SEED) -> Iterator[Script]:
    """All of a part: at each place something near and something far, each time another thing, owner and side."""
    rng = np.random.default_rng(seed)
    for number, ground in enumerate(props.grounds):
        near, far, taken = (_stage(props, ground, spot, 3 * number + n, rng) for n, spot in enumerate((0, 1, 0)))
        yield from left(near, near.thing.name)
        yield from left(far, f"{far.thing.name}-far")
        yield from not_left(near if number % 2 else far, near.thing.name)
        yield from removed(taken, taken.thing.name)


def _stage(props: Props, ground: Ground, spot: int, number: int, rng: np.random.Generator) -> Stage:
    x, y = (ground.near, ground.far)[spot]
    owner, other = rng.permutation(len(props.people))[:2]
    return Stage(
        setting=ground.setting,
        x=x + float(rng.uniform(-30, 30)),
        y=y + float(rng.uniform(-8, 8)),
        owner=props.people[owner],
        other=props.people[other],
        thing=props.things[number % len(props.things)],
        side=int(rng.choice((-1, 1))),
        rng=rng,
    )


# Drawing and writing


def picture(script: Script, t: float, rng: np.random.Generator) -> Pixels:
    """What a camera would show at a second."""
    canvas = script.setting.picture.astype(np.float32)
    there = [(at[1], n, figure) for n, figure in enumerate(script.figures) if (at := figure.foot(t)) is not None]
    for _, _, figure in sorted(there, key=lambda each: each[:2]):
        _shade_beneath(canvas, figure, script.setting, t)
        figure.show(canvas, script.setting, t)
    shade = script.shade(t)
    if shade is not None:
        canvas *= shade[..., np.newaxis]
    gain, offset = script.light(t)
    gain *= 1 + LIGHT_DRIFT * np.sin(2 * np.pi * t / 90)
    canvas = canvas * np.float32(gain) + np.float32(offset)
    canvas += rng.normal(0, NOISE, canvas.shape[:2]).astype(np.float32)[..., np.newaxis]
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


def _shade_beneath(canvas: npt.NDArray[np.float32], figure: Figure, setting: Setting, t: float) -> None:
    at = figure.foot(t)
    assert at is not None
    rows, columns = figure.cut_out.cover.shape
    wide = figure.tall * setting.height_at(at[1]) * columns / rows
    half, high = SHADE_WIDE * wide / 2, max(1.5, SHADE_HIGH * wide / 2)
    x1, x2 = max(0, int(at[0] - half)), min(canvas.shape[1], int(at[0] + half) + 1)
    y1, y2 = max(0, int(at[1] - high)), min(canvas.shape[0], int(at[1] + high) + 1)
    if x1 >= x2 or y1 >= y2:
        return
    ys, xs = np.mgrid[y1:y2, x1:x2].astype(np.float32)
    inside = np.clip(1 - ((xs - at[0]) / half) ** 2 - ((ys - at[1]) / high) ** 2, 0, 1)
    canvas[y1:y2, x1:x2] *= (1 - SHADE * inside)[..., np.newaxis]


def write(script: Script, pace: str, folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Draw it into a folder of frames, and say what is true of it."""
    fps = PACES[pace]
    name = f"{script.kind}-{script.name}-{script.setting.name}-{pace}"
    (folder / name).mkdir(parents=True, exist_ok=True)
    count = int(SECONDS * fps)
    for index in range(count):
        file = folder / name / f"{index:05d}.jpg"
        cv2.imwrite(str(file), picture(script, index / fps, rng), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    width, height = SIZE
    last_s = (count - 1) / fps  # what goes on after the last picture nobody can tell
    return {
        "path": f"{name}/",
        "kind": script.kind,
        "media": "frames",
        "label": bool(script.events),
        "fps": fps,
        "frames": count,
        "size": [width, height],
        "zone": [list(point) for point in script.zone or ((0, 0), (width, 0), (width, height), (0, height))],
        "events": [
            {"kind": script.kind, "start_s": round(a, 2), "end_s": round(min(b, last_s), 2)}
            for a, b in script.events
            if a < last_s
        ],
        "composite": True,
        "made_by": "composite by program: a real place, real people and things cut out of films and photographs",
    }


def compose(props: Props, folder: Path) -> int:
    """All composites of a part and their truth. How many there are."""
    rng = np.random.default_rng(SEED)
    rows = [write(script, pace, folder, rng) for script in scripts(props) for pace in PACES]
    (folder / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return len(rows)


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where to draw them, 300 MB")
    parser.add_argument("--part", choices=(DEVELOP, REPORT), default=REPORT, help="what the figures are of: report")
    chosen = parser.parse_args(argv)
    data = shared_data()
    if data is None:
        print("no recorded pictures here: set PATROL_SHARED_DATA", file=sys.stderr)
        return 1
    print(f"{compose(props_of(data, chosen.part), chosen.out)} composites in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
