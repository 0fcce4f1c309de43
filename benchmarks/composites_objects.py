"""Left and removed objects, composed: ``python -m benchmarks.composites_objects --out DIR``, then
``patrol evaluate --data DIR``.

No recording of an abandoned object could be had. These are made of real pictures: empty places (the median of a clip,
or a still), people cut out of a clip as they walk, and things cut out of photographs; with a sensor's noise, light that
drifts, and JPEG over all of it. What is true is known, as it was put there; every line of the truth is marked as a
composite. Half of them hold nothing to be told: somebody waits, stands with a bag, passes, a shadow lies down, light is
switched, something is put down and taken along again.

The same scripts are played twice: at two pictures a second, as in a focus, and one every five seconds, as on a tour.
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

from benchmarks.clips import NOBODY_YET_S, PASSERS_BY, shared_data
from patrol.adapters.stream import frames_of
from patrol.config.settings import DetectorSettings

Picture = npt.NDArray[np.uint8]
Share = npt.NDArray[np.float32]
Path2 = Callable[[float], tuple[float, float] | None]
"""Where the foot of something is at a second, pixels; None while it is not there."""

SECONDS = 120.0
PACES = {"focus": 2.0, "tour": 0.2}  # pictures a second
NOISE, QUALITY, LIGHT_DRIFT = 2.0, 88, 0.06
ABANDONED, REMOVED = "abandoned_object", "removed_object"
# Who is farther than this from a thing has gone, in their own heights: 2 m of 1.7 m.
GONE_HEIGHTS = 2.0 / 1.7


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """Something cut out. ``pixels``: (h, w, 3) uint8 BGR; ``share``: (h, w, 1) float32, 0 where it is not."""

    pixels: Picture
    share: Share

    def scaled(self, height: int) -> Sprite:
        """As high as that, in pixels."""
        width = max(2, round(self.pixels.shape[1] * height / self.pixels.shape[0]))
        share = cv2.resize(self.share, (width, height), interpolation=cv2.INTER_AREA)
        return Sprite(
            np.asarray(cv2.resize(self.pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8),
            np.asarray(share, np.float32)[..., np.newaxis],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """Somebody, as they walk by: one sprite for each tenth of a second, and where their feet are, pixels."""

    steps: tuple[Sprite, ...]
    foot_y: float

    @property
    def height(self) -> int:
        """Pixels."""
        return int(np.median([one.pixels.shape[0] for one in self.steps]))

    def at(self, t: float, is_walking: bool) -> Sprite:
        """Their picture at a second: another one with every step, the same while they stand."""
        return self.steps[int(t * 10) % len(self.steps) if is_walking else 0]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An empty place and who walks there."""

    name: str
    empty: Picture
    walkers: tuple[Walker, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that is drawn. ``sprite``: at a second; ``path``: of the middle of its foot."""

    sprite: Callable[[float], Sprite]
    path: Path2


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in one composite. ``events``: (start_s, end_s). ``light``: (gain, offset) at a second.
    ``shade``: how much of the light reaches each pixel at a second, (h, w) float32; None for all."""

    name: str
    kind: str
    place: Place
    layers: tuple[Layer, ...]
    events: tuple[tuple[float, float], ...] = ()
    zone: tuple[tuple[float, float], ...] | None = None
    light: Callable[[float], tuple[float, float]] = lambda t: (1.0, 0.0)
    shade: Callable[[float], Share | None] = field(default=lambda t: None)


# What is cut out


def place_with_walkers(data: Path) -> Place:
    """The hall: its median before anybody comes, and those who walk through it whole."""
    frames = [pixels for _, _, pixels in frames_of(data / PASSERS_BY, 10.0, DetectorSettings().input_px)]
    empty = np.median(np.stack(frames[: int(10 * NOBODY_YET_S) : 5]), axis=0).astype(np.uint8)
    return Place("hall", empty, tuple(_walkers(frames, empty)))


def _walkers(frames: Sequence[Picture], empty: Picture) -> Iterator[Walker]:
    run: list[tuple[Sprite, float]] = []
    for frame in [*frames, empty]:
        found = _whole_person(frame, empty)
        if found is not None:
            run.append(found)
            continue
        if len(run) >= 10:
            yield Walker(tuple(sprite for sprite, _ in run[:20]), float(np.median([y for _, y in run[:20]])))
        run = []


def _whole_person(frame: Picture, empty: Picture) -> tuple[Sprite, float] | None:
    differs = cv2.GaussianBlur(cv2.absdiff(frame, empty).max(axis=2), (5, 5), 0) > 22
    closed = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((15, 9), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if len(stats) < 2:
        return None
    number = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height, area = (int(value) for value in stats[number])
    rows, columns = labels.shape
    is_whole = left > 2 and top > 2 and left + width < columns - 2 and top + height < rows - 2
    if not is_whole or height < 60 or height < 1.5 * width or area < 0.25 * width * height:
        return None
    cut = (slice(top, top + height), slice(left, left + width))
    mask = cv2.GaussianBlur((labels[cut] == number).astype(np.float32), (3, 3), 0)
    return Sprite(frame[cut].copy(), np.asarray(mask, np.float32)[..., np.newaxis]), float(top + height)


def things(data: Path, rng: np.random.Generator) -> list[Sprite]:
    """Pieces of photographs in the outline of a bag: rounded, with a handle, darker towards the ground."""
    files = sorted((data / "crowd_small").glob("*.jpg"))
    return [_thing(next(frames_of(file, None, (640, 480)))[2], rng) for file in files]


def _thing(photograph: Picture, rng: np.random.Generator) -> Sprite:
    height, width = 96, int(rng.integers(70, 130))
    rows, columns = photograph.shape[:2]
    top, left = int(rng.integers(0, rows - height)), int(rng.integers(0, columns - width))
    pixels = photograph[top : top + height, left : left + width].astype(np.float32)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, 26), (width // 5, 22), 0, 180, 360, 1, 7)
    cv2.rectangle(mask, (8, 30), (width - 9, height - 10), 1, -1)
    wider = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    pixels *= np.linspace(1.05, 0.6, height)[:, np.newaxis, np.newaxis]
    share = cv2.GaussianBlur(wider.astype(np.float32), (5, 5), 0)
    return Sprite(np.clip(pixels, 0, 255).astype(np.uint8), np.asarray(share, np.float32)[..., np.newaxis])


# How things move


def stays(x: float, y: float, begins: float = 0.0, ends: float = np.inf) -> Path2:
    """It stands there from one second to another."""
    return lambda t: (x, y) if begins <= t < ends else None


def legs(*points: tuple[float, float, float]) -> Path2:
    """It goes straight from (second, x, y) to the next."""
    seconds, xs, ys = zip(*points, strict=True)

    def path(t: float) -> tuple[float, float] | None:
        if not seconds[0] <= t <= seconds[-1]:
            return None
        return float(np.interp(t, seconds, xs)), float(np.interp(t, seconds, ys))

    return path


def somebody(walker: Walker, path: Path2) -> Layer:
    """A walker on a path; their legs move while they do, and they sway a little while they stand."""

    def sprite(t: float) -> Sprite:
        before, now = path(t - 0.1), path(t)
        is_walking = before is not None and now is not None and abs(now[0] - before[0]) > 0.5
        return walker.at(t, is_walking)

    def swaying(t: float) -> tuple[float, float] | None:
        place = path(t)
        return None if place is None else (place[0] + 1.2 * np.sin(0.9 * t) + 0.6 * np.sin(2.3 * t), place[1])

    return Layer(sprite, swaying)


def passing(walker: Walker, begins: float, width: int, speed: float) -> Layer:
    """Somebody who walks through, from left to right."""
    return somebody(
        walker, legs((begins, -40.0, walker.foot_y), (begins + (width + 80) / speed, width + 40.0, walker.foot_y))
    )


def something(sprite: Sprite, path: Path2) -> Layer:
    """A thing."""
    return Layer(lambda t: sprite, path)


# Drawing


def picture(script: Script, t: float, rng: np.random.Generator) -> Picture:
    """What a camera would show at a second."""
    canvas = script.place.empty.astype(np.float32)
    for layer in script.layers:
        place = layer.path(t)
        if place is not None:
            _paste(canvas, layer.sprite(t), place)
    shade = script.shade(t)
    if shade is not None:
        canvas *= shade[..., np.newaxis]
    gain, offset = script.light(t)
    gain *= 1 + LIGHT_DRIFT * np.sin(2 * np.pi * t / 90)
    canvas = canvas * gain + offset + rng.normal(0, NOISE, canvas.shape)
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


def _paste(canvas: npt.NDArray[np.float32], sprite: Sprite, foot: tuple[float, float]) -> None:
    height, width = sprite.pixels.shape[:2]
    left, top = round(foot[0] - width / 2), round(foot[1]) - height
    rows = slice(max(0, top), min(canvas.shape[0], top + height))
    columns = slice(max(0, left), min(canvas.shape[1], left + width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    own = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    share = sprite.share[own]
    canvas[rows, columns] = canvas[rows, columns] * (1 - share) + sprite.pixels[own].astype(np.float32) * share


# What happens


def scripts(place: Place, bags: Sequence[Sprite]) -> Iterator[Script]:
    """All of them at one place."""
    width = place.empty.shape[1]
    owner, other = place.walkers[0], place.walkers[-1]
    for index, share in enumerate((0.3, 0.2, 0.4)):
        bag = bags[index].scaled(max(14, round(share * owner.height)))
        yield from _left(place, bag, owner, other, width, f"{index}")
    bag = bags[3].scaled(round(0.3 * owner.height))
    yield from _not_left(place, bag, owner, other, width)
    yield from _removed(place, bags[4].scaled(round(0.3 * owner.height)), owner, other, width)


def _left(place: Place, bag: Sprite, owner: Walker, other: Walker, width: int, name: str) -> Iterator[Script]:
    """Brought, put down, left: nobody comes back, or somebody takes it; others walk by meanwhile."""
    x, y = 0.5 * width, owner.foot_y
    speed = owner.height * 1.3 / 1.7
    put_s, leaves_s = 25.0, 29.0
    comes_s = put_s - (x + 40) / speed
    way = [
        (comes_s, -40.0, y),
        (put_s, x - 14, y),
        (leaves_s, x - 14, y),
        (leaves_s + (width - x + 54) / speed, width + 40.0, y),
    ]
    brings = somebody(owner, legs(*way))
    alone_s = leaves_s + GONE_HEIGHTS * owner.height / speed
    passers = tuple(passing(other, begins, width, speed) for begins in (48.0, 80.0))
    lies = something(bag, stays(x + 10, y - 2, put_s))
    yield Script(f"left-{name}", ABANDONED, place, (lies, brings, *passers), ((alone_s, SECONDS),))
    taken_s = 95.0
    lies = something(bag, stays(x + 10, y - 2, put_s, taken_s))
    fetches = somebody(
        other,
        legs((taken_s - (x + 40) / speed, -40.0, y), (taken_s, x - 10, y), (taken_s + 20, x - 10 + 20 * speed, y)),
    )
    yield Script(f"left-and-fetched-{name}", ABANDONED, place, (lies, brings, fetches), ((alone_s, taken_s),))


def _not_left(place: Place, bag: Sprite, owner: Walker, other: Walker, width: int) -> Iterator[Script]:
    x, y = 0.5 * width, owner.foot_y
    speed = owner.height * 1.3 / 1.7
    comes = [(5.0, -40.0, y), (5.0 + (x + 40) / speed, x, y)]
    waits = somebody(owner, legs(*comes, (SECONDS, x, y)))
    yield Script("somebody-waits", ABANDONED, place, (waits,))
    lies = something(bag, stays(x + 22, y - 2, comes[1][0] + 2))
    yield Script("with-its-owner", ABANDONED, place, (lies, waits, passing(other, 60.0, width, speed)))
    goes_on = somebody(owner, legs(*comes, (comes[1][0] + 18, x, y), (comes[1][0] + 18 + 30, x + 30 * speed, y)))
    for_18_s = something(bag, stays(x + 12, y - 2, comes[1][0], comes[1][0] + 18))
    yield Script("put-down-and-taken-along", ABANDONED, place, (for_18_s, goes_on))
    walk_by = tuple(passing(walker, 7.0 + 13 * index, width, speed) for index, walker in enumerate([owner, other] * 4))
    yield Script("passers-by", ABANDONED, place, walk_by)
    yield Script("a-shadow", ABANDONED, place, (), shade=_shadow(place, 30.0))
    yield Script("a-lamp", ABANDONED, place, (), shade=_lamp(place, 30.0))
    yield Script(
        "light-switched", ABANDONED, place, (walk_by[3],), light=lambda t: (0.55, 4.0) if 40 <= t < 80 else (1.0, 0.0)
    )


def _removed(place: Place, thing: Sprite, owner: Walker, other: Walker, width: int) -> Iterator[Script]:
    x, y = 0.55 * width, owner.foot_y - 4
    speed = owner.height * 1.3 / 1.7
    half, height = thing.pixels.shape[1] / 2 + 12, thing.pixels.shape[0] + 14
    zone = ((x - half, y - height), (x + half, y - height), (x + half, y + 10), (x - half, y + 10))
    taken_s = 45.0
    takes = somebody(
        owner, legs((taken_s - (x + 40) / speed, -40.0, y), (taken_s, x, y), (taken_s + 30, x + 30 * speed, y))
    )
    stood = something(thing, stays(x, y, 0.0, taken_s))
    begins_s = taken_s + (0.5 * owner.height * 0.5 + half) / speed
    yield Script("taken", REMOVED, place, (stood, takes), ((begins_s, SECONDS),), zone)
    back_s = 90.0
    back = something(thing, lambda t: (x, y) if t < taken_s or t >= back_s else None)
    yield Script("taken-and-brought-back", REMOVED, place, (back, takes), ((begins_s, back_s),), zone)
    still = something(thing, stays(x, y))
    before = somebody(
        other,
        legs(
            (20.0 - (x + 40) / speed, -40.0, y + 6), (20.0, x, y + 6), (85.0, x, y + 6), (115.0, x + 30 * speed, y + 6)
        ),
    )
    yield Script("somebody-stands-before-it", REMOVED, place, (still, before), zone=zone)
    yield Script(
        "passers-by-and-it",
        REMOVED,
        place,
        (still, passing(owner, 20.0, width, speed), passing(other, 60.0, width, speed)),
        zone=zone,
    )
    yield Script(
        "light-switched-on-it",
        REMOVED,
        place,
        (still,),
        zone=zone,
        light=lambda t: (0.55, 4.0) if t >= 40 else (1.0, 0.0),
    )
    yield Script("a-shadow-on-it", REMOVED, place, (still,), zone=zone, shade=_shadow(place, 30.0))


def _shadow(place: Place, begins: float) -> Callable[[float], Share | None]:
    """Of a pole or a wall, soft at its edge."""
    height, width = place.empty.shape[:2]
    mask = np.zeros((height, width), np.float32)
    corners = np.array([(0.4, 0.6), (0.62, 0.55), (0.7, 1.0), (0.45, 1.0)]) * (width, height)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    share = np.asarray(1 - 0.4 * cv2.GaussianBlur(mask, (0, 0), 3), np.float32)
    return lambda t: share if t >= begins else None


def _lamp(place: Place, begins: float) -> Callable[[float], Share | None]:
    """A pool of light."""
    height, width = place.empty.shape[:2]
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (int(0.55 * width), int(0.75 * height)), (width // 9, height // 12), 0, 0, 360, 1.0, -1)
    share = np.asarray(1 + 0.35 * cv2.GaussianBlur(mask, (0, 0), 5), np.float32)
    return lambda t: share if t >= begins else None


# Writing


def write(script: Script, pace: str, folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Draw it into a folder of frames, and say what is true of it."""
    fps = PACES[pace]
    name = f"{script.kind}-{script.name}-{script.place.name}-{pace}"
    (folder / name).mkdir(parents=True, exist_ok=True)
    count = int(SECONDS * fps)
    for index in range(count):
        file = folder / name / f"{index:05d}.jpg"
        cv2.imwrite(str(file), picture(script, index / fps, rng), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    height, width = script.place.empty.shape[:2]
    return {
        "path": f"{name}/",
        "kind": script.kind,
        "media": "frames",
        "label": bool(script.events),
        "fps": fps,
        "frames": count,
        "size": [width, height],
        "zone": [list(point) for point in script.zone or ((0, 0), (width, 0), (width, height), (0, height))],
        "events": [{"kind": script.kind, "start_s": round(a, 2), "end_s": round(b, 2)} for a, b in script.events],
        "composite": True,
        "made_by": "composite by program: a real place, real people and things cut out of a clip and of photographs",
    }


def compose(data: Path, folder: Path) -> int:
    """All composites and their truth. How many there are."""
    rng = np.random.default_rng(4)
    place = place_with_walkers(data)
    bags = things(data, rng)
    rows = [write(script, pace, folder, rng) for script in scripts(place, bags) for pace in PACES]
    (folder / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return len(rows)


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where to draw them, 150 MB")
    chosen = parser.parse_args(argv)
    data = shared_data()
    if data is None:
        print("no recorded pictures here: set PATROL_SHARED_DATA", file=sys.stderr)
        return 1
    print(f"{compose(data, chosen.out)} composites in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
