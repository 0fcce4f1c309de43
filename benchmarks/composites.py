"""``make composites``: recordings of events that no real recording was found of, put together from real pictures.

    python -m benchmarks.composites [--to var/composites] [--kind …]
    patrol evaluate --data var/composites

For gathering, line crossing, loitering, running and stopped vehicles: people and vehicles cut out of recorded pictures,
moved along paths over recorded places (``composing``), each kind with recordings in which nothing is right to be told.
For camera health: recorded views, harmed by program (``tampering``). The folder has the form of
``../shared/data/README.md``, so that the same command scores it, through the same path as live. Every line says
``composite``, and so does every figure made of it.

What these show is whether detector, tracker and rules together tell an event whose course is known to the frame. What
they do not show is how often real places deceive them: the pictures are few.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from benchmarks.clips import ROOT, shared_data
from benchmarks.composing import (
    SIZE,
    CutOut,
    Figure,
    Path_,
    Point,
    Setting,
    legs,
    pictures,
    stays,
    swaying,
    write_pictures,
    write_video,
)
from benchmarks.cutting import Stock, stock_of
from benchmarks.tampering import write_tampering
from patrol.evaluation.truth import TRUTH_FILE

FOLDER = ROOT / "var" / "composites"
FPS = 4  # of films: as a focus looks at a camera
VISIT_S = 5.0  # between the pictures of what takes minutes: visits of a core camera
WALKS_M_S, RUNS_M_S = 1.3, 4.5
WIDTH, HEIGHT = SIZE
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """One recording. ``events``: (start_s, end_s); ``area``: zone or line, in pixels. ``fps``: below 1 for visits."""

    kind: str
    name: str
    setting: Setting
    figures: Sequence[Figure]
    seconds: float
    events: Sequence[Span] = ()
    zone: Sequence[Point] | None = None
    line: Sequence[Point] | None = None
    fps: float = FPS


# --- who goes where -----------------------------------------------------------------------------------------------


def across(setting: Setting, begins: float, x1: float, x2: float, y: float, m_s: float = WALKS_M_S) -> Path_:
    """From one side to another, at the same distance."""
    takes_s = abs(x2 - x1) / setting.step(m_s, y)
    return legs((begins, x1, y), (begins + takes_s, x2, y))


def passes_at(setting: Setting, begins: float, x1: float, x: float, y: float, m_s: float = WALKS_M_S) -> float:
    """When somebody who goes ``across`` is at ``x``."""
    return begins + abs(x - x1) / setting.step(m_s, y)


def there_and_stays(setting: Setting, begins: float, start: Point, to: Point, until: float) -> tuple[Path_, float]:
    """Walks there, and stays; also when they arrive. Steps towards the camera look half as long."""
    dx, dy = to[0] - start[0], 2 * (to[1] - start[1])
    arrives = begins + float((dx**2 + dy**2) ** 0.5) / setting.step(WALKS_M_S, (start[1] + to[1]) / 2)
    return legs((begins, *start), (arrives, *to), (until, *to)), arrives


def _walkers(people: Sequence[CutOut], paths: Sequence[Path_], first: int = 0) -> list[Figure]:
    return [Figure(people[(first + n) % len(people)], path) for n, path in enumerate(paths)]


# --- line crossing ------------------------------------------------------------------------------------------------


def line_crossings(stock: Stock) -> Iterator[Composite]:
    """A line down the middle of the picture. Told is every pass, once."""
    for setting in stock.places[:2]:
        yield from _line_crossings(setting, stock.people)


def _line_crossings(setting: Setting, people: Sequence[CutOut]) -> Iterator[Composite]:
    middle, near, far = WIDTH / 2, 0.86 * HEIGHT, 0.7 * HEIGHT
    line = [(middle, 0.5 * HEIGHT), (middle, HEIGHT - 1.0)]

    def made(name: str, figures: Sequence[Figure], seconds: float, *moments: float) -> Composite:
        return Composite(
            "line_crossing", name, setting, figures, seconds, [(at, at + 0.5) for at in moments], line=line
        )

    def passing(begins: float, y: float, *, leftwards: bool = False) -> tuple[Path_, float]:
        x1, x2 = (-40.0, WIDTH + 40.0) if not leftwards else (WIDTH + 40.0, -40.0)
        return across(setting, begins, x1, x2, y), passes_at(setting, begins, x1, middle, y)

    one, at_one = passing(1.0, near)
    yield made("one passes", _walkers(people, [one]), 20.0, at_one)
    back, at_back = passing(at_one + 6.0, far, leftwards=True)
    yield made("two pass, one each way", _walkers(people, [one, back], 1), at_back + 10.0, at_one, at_back)
    side = setting.step(1.2, near)
    turns = legs((1.0, -40, near), (at_one + 2, middle + side, near), (at_one + 12, middle + side, near),
                 (at_one + 14, middle - side, near), (at_one + 22, middle - 4 * side, near))  # fmt: skip
    returned = at_one + 13.0
    yield made("over it, and back after a while", _walkers(people, [turns], 2), returned + 10.0, at_one, returned)
    follower, at_second = passing(1.0 + 5.0, far)
    yield made("two pass one after the other", _walkers(people, [one, follower]), 26.0, at_one, at_second)
    trembling = swaying(stays(middle, near), setting.step(0.08, near), seed=5)
    yield made("stands on it and trembles", _walkers(people, [trembling]), 25.0)
    beside = middle - setting.step(0.5, near)
    along = legs((1.0, beside, 0.66 * HEIGHT), (14.0, beside, 0.97 * HEIGHT), (22.0, beside, 0.7 * HEIGHT))
    yield made("walks along it", _walkers(people, [along], 1), 24.0)
    short = middle - setting.step(0.6, near)
    turning = legs((1.0, -40, near), (at_one, short, near), (at_one + 4, short, near), (2 * at_one + 4, -40, near))
    yield made("comes up to it and turns back", _walkers(people, [turning], 2), 2 * at_one + 6.0)


# --- gathering ----------------------------------------------------------------------------------------------------

# Where people of a group stand about its middle: metres across, and away from the camera.
GROUP = ((0.0, 0.0), (1.0, 0.25), (-1.0, 0.2), (0.5, -0.9), (-0.55, -0.95), (1.9, -0.4), (-1.8, -0.5))


def gatherings(stock: Stock) -> Iterator[Composite]:
    """People who come together one by one; and all that looks like it and is none."""
    for setting in stock.places[:2]:
        yield from _gatherings(setting, stock.people)


def _places_in_group(setting: Setting, middle: Point, apart: float = 1.0) -> list[Point]:
    step = setting.step(1.0, middle[1]) * apart
    return [(middle[0] + dx * step, middle[1] - dy * step / 2) for dx, dy in GROUP]


def _gatherings(setting: Setting, people: Sequence[CutOut]) -> Iterator[Composite]:
    middle = (0.5 * WIDTH, 0.78 * HEIGHT)
    places = _places_in_group(setting, middle)

    def made(name: str, figures: Sequence[Figure], seconds: float, *events: Span) -> Composite:
        return Composite("gathering", name, setting, figures, seconds, events)

    def coming(count: int, every_s: float, until: float) -> tuple[list[Path_], list[float]]:
        paths, arrivals = [], []
        for n, place in enumerate(places[:count]):
            start = (-40.0 if n % 2 else WIDTH + 40.0, place[1])
            path, arrives = there_and_stays(setting, 2.0 + every_s * n, start, place, until)
            paths.append(swaying(path, setting.step(0.04, place[1]), seed=n))
            arrivals.append(arrives)
        return paths, sorted(arrivals)

    for count, every_s in ((7, 3.0), (6, 7.0)):
        until = 2.0 + every_s * count + 80.0
        paths, arrivals = coming(count, every_s, until)
        # The fifth belongs to the group from the last steps to where they will stand.
        joins = arrivals[4] - 0.5
        yield made(f"{count} come one by one", _walkers(people, paths, count), until, (joins, until))
    paths, _ = coming(3, 3.0, 70.0)
    yield made("three meet", _walkers(people, paths), 70.0)
    standing = [swaying(stays(*place), setting.step(0.04, place[1]), seed=n) for n, place in enumerate(places)]
    yield made("seven have stood together all the time", _walkers(people, standing, 1), 60.0)
    apart = [
        swaying(stays(0.08 * WIDTH + n * setting.step(3.2, middle[1]), middle[1]), 2.0, seed=n)
        for n in range(int(0.9 * WIDTH / setting.step(3.2, middle[1])))
    ]
    yield made("people stand apart", _walkers(people, apart), 60.0)
    streams = [
        across(setting, 1.0 + 2.6 * n, *((-40.0, WIDTH + 40.0) if n % 2 else (WIDTH + 40.0, -40.0)),
               (0.66 + 0.07 * (n % 5)) * HEIGHT)
        for n in range(18)
    ]  # fmt: skip
    yield made("people pass in both directions", _walkers(people, streams), 60.0)
    together = [
        across(setting, 2.0, dx - 0.55 * WIDTH, dx + 0.75 * WIDTH, y)
        for dx, y in ((place[0] - 0.1 * WIDTH, place[1]) for place in places)
    ]
    yield made("a group walks through", _walkers(people, together), 20.0)


# --- loitering ----------------------------------------------------------------------------------------------------


def loiterings(stock: Stock) -> Iterator[Composite]:
    """Three minutes and more in a zone: looked at by visits, once by a focus that never ends."""
    for setting in stock.places[:2]:
        yield from _loiterings(setting, stock.people)


def _loiterings(setting: Setting, people: Sequence[CutOut]) -> Iterator[Composite]:
    zone = [(0.25 * WIDTH, 0.5 * HEIGHT), (0.8 * WIDTH, 0.5 * HEIGHT), (0.8 * WIDTH, HEIGHT - 1.0),
            (0.25 * WIDTH, HEIGHT - 1.0)]  # fmt: skip
    x, y = 0.5 * WIDTH, 0.82 * HEIGHT
    shuffles = setting.step(0.25, y)

    def made(
        name: str, figures: Sequence[Figure], seconds: float, *events: Span, fps: float = 1 / VISIT_S
    ) -> Composite:
        return Composite("loitering", name, setting, figures, seconds, events, zone=zone, fps=fps)

    def dwelling(since: float, until: float, at: Point = (x, y), seed: int = 0) -> Path_:
        return swaying(stays(*at, since, until), shuffles, seed, every_s=6.0)

    yield made("stays for four and a half minutes", _walkers(people, [dwelling(20.0, 290.0)]), 330.0, (20.0, 285.0))
    yield made(
        "stays, looked at all the time", _walkers(people, [dwelling(10.0, 225.0)], 1), 240.0, (10.0, 225.0), fps=4
    )
    yield made("stays for two minutes", _walkers(people, [dwelling(20.0, 140.0)], 2), 260.0)
    visitors = [dwelling(20.0 + 60 * n, 50.0 + 60 * n, (0.3 * WIDTH + 0.09 * WIDTH * n, y), n) for n in range(5)]
    yield made("one after another, half a minute each", _walkers(people, visitors), 330.0)
    outside = dwelling(0.0, 300.0, (0.12 * WIDTH, y))
    yield made("stays outside of the zone", _walkers(people, [outside], 1), 300.0)
    through = [across(setting, 4.0 + 31.0 * n, -40.0, WIDTH + 40.0, y) for n in range(10)]
    yield made("people walk through", _walkers(people, through), 320.0)


# --- running ------------------------------------------------------------------------------------------------------


def runnings(stock: Stock) -> Iterator[Composite]:
    """Many who begin to run at the same time; walkers, and single runners among them."""
    for setting in stock.wide_places:
        yield from _runnings(setting, stock.people)


def speeding_up(setting: Setting, x1: float, y: float, begins: float, m_s: float, up_s: float = 1.5) -> Path_:
    """Walks from ``x1`` to the right, and from ``begins`` on gets up to ``m_s`` within ``up_s``."""
    walks, runs = setting.step(WALKS_M_S, y), setting.step(m_s, y)

    def path(t: float) -> Point | None:
        faster_s = min(max(0.0, t - begins), up_s)
        x = x1 + walks * t + (runs - walks) * (faster_s**2 / (2 * up_s) + max(0.0, t - begins - up_s))
        return (x, y) if x < WIDTH + 40 else None

    return path


def _runnings(setting: Setting, people: Sequence[CutOut]) -> Iterator[Composite]:
    rows = [(0.72 + 0.055 * n) * HEIGHT for n in range(5)]
    starts = (0.02, 0.16, 0.08, 0.22, 0.12)

    def made(name: str, paths: Sequence[Path_], seconds: float, *events: Span, first: int = 0) -> Composite:
        return Composite("running", name, setting, _walkers(people, paths, first), seconds, events)

    def until_few(paths: Sequence[Path_], seconds: float) -> float:
        return max(t / 4 for t in range(int(4 * seconds)) if sum(path(t / 4) is not None for path in paths) >= 3)

    fast_after_s = 1.5 * (3.0 - WALKS_M_S) / (RUNS_M_S - WALKS_M_S)
    everybody = [speeding_up(setting, start * WIDTH, y, 3.0, RUNS_M_S) for start, y in zip(starts, rows, strict=True)]
    yield made("five begin to run", everybody, 12.0, (3.0 + fast_after_s, until_few(everybody, 12.0)))
    some = [*everybody[:4], speeding_up(setting, starts[4] * WIDTH, rows[4], 99.0, RUNS_M_S)]
    yield made("four of five begin to run", some, 12.0, (3.0 + fast_after_s, until_few(some[:4], 12.0)), first=2)
    # One behind the other, but not so near that the next one is in a moment where the one before was.
    into_view = [across(setting, 2.0 + 0.8 * n, -40.0, WIDTH + 40.0, y, RUNS_M_S) for n, y in enumerate(rows)]
    starts_s = passes_at(setting, 3.6, -40.0, 0.0, rows[2], RUNS_M_S)
    yield made("five come into view running", into_view, 14.0, (starts_s, until_few(into_view, 14.0)), first=1)
    walking = [speeding_up(setting, start * WIDTH, y, 99.0, RUNS_M_S) for start, y in zip(starts, rows, strict=True)]
    yield made("five walk", walking, 20.0)
    lone = [speeding_up(setting, starts[0] * WIDTH, rows[0], 3.0, RUNS_M_S), *walking[1:]]
    yield made("one of five runs", lone, 12.0, first=1)
    brisk = [speeding_up(setting, start * WIDTH, y, 3.0, 1.9) for start, y in zip(starts, rows, strict=True)]
    yield made("five walk briskly", brisk, 16.0, first=2)


# --- stopped vehicles ---------------------------------------------------------------------------------------------


def stopped_vehicles(stock: Stock) -> Iterator[Composite]:
    """Three minutes and more in a zone in which no vehicle may stand; waiting at a light is less."""
    for setting in stock.roads:
        yield from _stopped_vehicles(setting, stock)


def _stopped_vehicles(setting: Setting, stock: Stock) -> Iterator[Composite]:
    zone = [(0.15 * WIDTH, 0.5 * HEIGHT), (0.9 * WIDTH, 0.5 * HEIGHT), (0.9 * WIDTH, HEIGHT - 1.0),
            (0.15 * WIDTH, HEIGHT - 1.0)]  # fmt: skip
    x, y = 0.52 * WIDTH, 0.86 * HEIGHT
    cars = stock.vehicles

    def made(
        name: str, figures: Sequence[Figure], seconds: float, *events: Span, fps: float = 1 / VISIT_S
    ) -> Composite:
        return Composite("stopped_vehicle", name, setting, figures, seconds, events, zone=zone, fps=fps)

    def car(number: int, path: Path_) -> Figure:
        cut_out, tall = cars[number % len(cars)]
        return Figure(cut_out, path, tall)

    def waits(since: float, until: float, at: float = x) -> Path_:
        speed = setting.step(6.0, y)
        return legs((since - 3, at - 3 * speed, y), (since, at, y), (until, at, y), (until + 3, at + 3 * speed, y))

    for number in range(len(cars)):
        yield made(f"vehicle {number} stays", [car(number, waits(20.0, 290.0))], 330.0, (20.0, 290.0))
    yield made("stays, looked at all the time", [car(0, waits(10.0, 220.0))], 235.0, (10.0, 220.0), fps=4)
    yield made("waits at a light", [car(0, waits(20.0, 110.0))], 240.0)
    turns = [car(number, waits(20.0 + 70 * number, 65.0 + 70 * number)) for number in range(5)]
    yield made("five wait there by turns", turns, 380.0)
    passing = [car(number, across(setting, 5.0 + 21 * number, -200.0, WIDTH + 200.0, y, 6.0)) for number in range(12)]
    yield made("vehicles pass", passing, 280.0)


# --- writing ------------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[Stock], Iterator[Composite]]] = {
    "line_crossing": line_crossings,
    "gathering": gatherings,
    "loitering": loiterings,
    "running": runnings,
    "stopped_vehicle": stopped_vehicles,
}
HEALTH = "camera_health"


def path_of(composite: Composite, number: int) -> str:
    """Where it lies in its folder: a film, or a folder of pictures of visits."""
    slug = "-".join("".join(c if c.isalnum() else " " for c in composite.name).split())
    film = ".mp4" if composite.fps >= 1 else ""
    return f"{composite.kind}/{number:02d}-{composite.setting.name}-{slug}{film}"


def times_of(composite: Composite) -> list[float]:
    """The second of each of its frames."""
    return [n / composite.fps for n in range(int(composite.seconds * composite.fps))]


def write(composite: Composite, folder: Path, number: int) -> dict[str, Any]:
    """The recording, and its line of the truth."""
    file = folder / path_of(composite, number)
    file.parent.mkdir(parents=True, exist_ok=True)
    shown = pictures(composite.setting, composite.figures, times_of(composite), seed=number)
    if composite.fps >= 1:
        write_video(file, shown, int(composite.fps))
    else:
        write_pictures(file, shown)
    return row_of(composite, number)


def row_of(composite: Composite, number: int) -> dict[str, Any]:
    """The line of the truth."""
    frames = len(times_of(composite))
    ends_s = frames / composite.fps
    events = [
        {"kind": composite.kind, "start_s": round(start, 2), "end_s": round(min(end, ends_s), 2)}
        for start, end in composite.events
    ]
    return {
        "path": path_of(composite, number),
        "kind": composite.kind,
        "media": "video" if composite.fps >= 1 else "frames",
        "label": bool(events),
        "fps": composite.fps,
        "frames": frames,
        "size": list(SIZE),
        "events": events,
        "composite": True,
        "made_by": f"composite of real pictures: {composite.name}",
        **_drawn(composite),
    }


def _drawn(composite: Composite) -> dict[str, Any]:
    drawn = {"zone": composite.zone, "line": composite.line}
    return {name: [[round(x, 1), round(y, 1)] for x, y in points] for name, points in drawn.items() if points}


def write_all(data: Path, folder: Path, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """All recordings of these kinds, and the truth, into a folder made anew. Raises FileExistsError for another's."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / TRUTH_FILE).is_file():
            raise FileExistsError(f"{folder}: is not empty, and no composites lie in it")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    if any(kind in KINDS for kind in kinds):
        stock = stock_of(data)
        for kind in kinds:
            composites = KINDS[kind](stock) if kind in KINDS else iter(())
            rows += [write(composite, folder, number) for number, composite in enumerate(composites)]
    if HEALTH in kinds:
        rows += write_tampering(data, folder)
    (folder / TRUTH_FILE).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them, and say how many there are of each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=FOLDER, help="a folder that is made anew")
    parser.add_argument(
        "--kind", action="append", choices=(*KINDS, HEALTH), help="only this; may be given several times"
    )
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    data = shared_data()
    if data is None:
        print("composites: needs the recorded pictures; PATROL_SHARED_DATA says where they are", file=sys.stderr)
        return 2
    try:
        rows = write_all(data, options.to, options.kind or (*KINDS, HEALTH))
    except FileExistsError as error:
        print(f"composites: {error}", file=sys.stderr)
        return 2
    for kind in (*KINDS, HEALTH):
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            print(f"{kind}: {len(of_kind)} recordings, {sum(row['label'] for row in of_kind)} with an event")
    print(f"composites: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
