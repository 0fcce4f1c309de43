"""Composites: what their truth says is what their figures do, and, seen without error, all and only is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import composites as module
from benchmarks.composing import (
    CutOut,
    Figure,
    Setting,
    cut_by_motion,
    cut_by_outline,
    legs,
    pictures,
    stays,
    swaying,
    write_video,
)
from benchmarks.composites import KINDS, Composite, row_of, times_of, write
from benchmarks.cutting import Stock
from patrol.adapters.stream import frames_of
from patrol.adapters.tracking import ByteTracker
from patrol.domain.detections import Detections
from patrol.domain.watching import Watcher
from patrol.evaluation.playing import _is_due, recording_camera
from patrol.evaluation.ruling import watched
from patrol.evaluation.scoring import Case, Interval, Told, Verdict, judged
from patrol.evaluation.truth import Item, read_truth
from patrol.pipeline.replaying import RECORDING_BEGINS, in_seconds
from tests.builders import at

CLASSES = ("person", "car")
WIDTH, HEIGHT = 640, 360


def block(width: int, height: int, colour: tuple[int, int, int]) -> CutOut:
    return CutOut(np.full((height, width, 3), colour, np.uint8), np.ones((height, width), np.float32))


def setting(name: str, heights: tuple[tuple[float, float], tuple[float, float]]) -> Setting:
    return Setting(name, np.full((HEIGHT, WIDTH, 3), 90, np.uint8), heights)


SQUARE = setting("square", ((200.0, 60.0), (350.0, 100.0)))
WIDE = setting("wide", ((200.0, 36.0), (350.0, 52.0)))
PEOPLE = tuple(block(36, 100, (20 * n, 200 - 20 * n, 120)) for n in range(6))
STOCK = Stock(
    people=PEOPLE,
    vehicles=tuple((block(180, 90, colour), 0.9) for colour in ((30, 30, 200), (200, 200, 200), (160, 60, 20))),
    places=(SQUARE, SQUARE),
    wide_places=(WIDE,),
    roads=(SQUARE,),
)
ALL = [(kind, n, each) for kind, made in KINDS.items() for n, each in enumerate(made(STOCK))]


def item_of(composite: Composite, number: int, folder: Path) -> Item:
    """Its line of the truth, read as ``patrol evaluate`` reads it."""
    row = row_of(composite, number)
    file = folder / row["path"]
    file.parent.mkdir(parents=True, exist_ok=True)
    if row["media"] == "frames":
        file.mkdir()
    else:
        file.write_bytes(b"")
    (folder / "truth.jsonl").write_text(json.dumps(row))
    (item,) = read_truth(folder)
    return item


def seen_without_error(composite: Composite, t: float) -> Detections:
    """The boxes of all figures that are in the picture."""
    boxes = []
    for figure in composite.figures:
        foot = figure.foot(t)
        if foot is None:
            continue
        height = figure.tall * composite.setting.height_at(foot[1])
        width = height * figure.cut_out.cover.shape[1] / figure.cut_out.cover.shape[0]
        left, right = foot[0] - width / 2, foot[0] + width / 2
        if right > 0.3 * width and left < WIDTH - 0.3 * width:
            boxes.append((max(0.0, left), foot[1] - height, min(float(WIDTH), right), min(float(HEIGHT), foot[1])))
    label = CLASSES.index("car" if composite.kind == "stopped_vehicle" else "person")
    return Detections(
        WIDTH,
        HEIGHT,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), label, np.int64),
        np.full(len(boxes), 0.8, np.float32),
        CLASSES,
    )


def verdict_of(composite: Composite, number: int, folder: Path) -> tuple[Verdict, list[Told]]:
    item = item_of(composite, number, folder)
    rules = watched(item, (WIDTH, HEIGHT))
    watcher = Watcher({rule.id: rule for rule in rules.rules}, new_tracker=ByteTracker)
    camera = recording_camera(zones=rules.zones)
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ended, before = [], -1.0
    for t in times_of(composite):
        if not _is_due(t, before):
            continue
        before = t
        found = seen_without_error(composite, t)
        pixels = _painted(composite, t, colours) if composite.kind == "stopped_vehicle" else None
        ended += watcher.observe(camera, RECORDING_BEGINS + (at(t) - at(0)), found, pixels).ended
    events = [in_seconds(event) for event in (*ended, *watcher.finish())]
    told = [Told(Interval(one.start_s, one.end_s), one.confirmed_s, 1.0) for one in events]
    case = Case(bool(item.holds), item.intervals, tuple(told), composite.seconds, bool(told), item.name)
    return judged(case), told


def _painted(composite: Composite, t: float, canvas: Any) -> Any:
    (shown,) = pictures(composite.setting, composite.figures, [t])
    return shown


@pytest.mark.long
@pytest.mark.parametrize(("kind", "number", "composite"), ALL, ids=[f"{k}-{n}-{c.name}" for k, n, c in ALL])
def test_seen_without_error_all_and_only_is_told(tmp_path: Path, kind: str, number: int, composite: Composite) -> None:
    verdict, told = verdict_of(composite, number, tmp_path)
    assert verdict.missed == (), told
    assert verdict.stray == (), told
    for index, which in verdict.found:
        assert abs(told[which].held.start_s - composite.events[index][0]) <= 2.0, told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_what_is_to_be_told_and_more_that_is_not(kind: str) -> None:
    made = list(KINDS[kind](STOCK))
    assert len({module.path_of(each, n) for n, each in enumerate(made)}) == len(made)
    assert sum(bool(each.events) for each in made) >= 2
    assert sum(not each.events for each in made) >= 3
    for each in made:
        for start, end in each.events:
            assert 0 <= start < end
            assert start < each.seconds


def test_a_film_and_a_folder_of_visits_are_read_back_as_they_were_made(tmp_path: Path) -> None:
    walker = Figure(PEOPLE[0], legs((0.0, 100.0, 300.0), (10.0, 500.0, 300.0)))
    film = Composite("line_crossing", "a film", SQUARE, [walker], 3.0, line=[(320, 100), (320, 350)])
    visits = Composite("loitering", "visits", SQUARE, [walker], 10.0, zone=[(0, 0), (9, 0), (9, 9)], fps=0.5)
    rows = [write(each, tmp_path, n) for n, each in enumerate((film, visits))]
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    one, other = read_truth(tmp_path)
    assert one.is_composite
    assert one.way_line == ((320, 100), (320, 350))
    assert [index for _, index, _ in frames_of(one.file, None, None)] == list(range(12))
    assert sorted(each.name for each in other.file.iterdir()) == [f"{n:05d}.jpg" for n in range(5)]
    assert (other.fps, other.seconds) == (0.5, 10.0)


def test_a_figure_stands_on_its_point_as_tall_as_its_place_makes_it() -> None:
    white = Figure(block(30, 100, (255, 255, 255)), stays(320.5, 300.0))
    (shown,) = pictures(SQUARE, [white], [0.0])
    rows, columns = np.nonzero(shown[..., 0] > 200)
    height = SQUARE.height_at(300.0)
    assert rows.max() == pytest.approx(299, abs=1)
    assert rows.max() - rows.min() + 1 == pytest.approx(height, abs=2)
    assert columns.mean() == pytest.approx(320, abs=1)


def test_who_is_nearer_hides_who_is_farther_away() -> None:
    near = Figure(block(40, 100, (255, 255, 255)), stays(320.0, 320.0))
    far = Figure(block(40, 100, (0, 0, 0)), stays(320.0, 290.0))
    for figures in ([near, far], [far, near]):
        (shown,) = pictures(SQUARE, figures, [0.0])
        assert shown[280, 320].min() > 230
        assert shown[225, 320].max() < 25


def test_swaying_stays_about_where_it_stands() -> None:
    path = swaying(stays(100.0, 300.0), 3.0, seed=1)
    places = np.array([path(t / 4) for t in range(400)])
    assert np.abs(places.mean(axis=0) - (100.0, 300.0)).max() < 1.5
    assert 1.0 < places[:, 0].std() < 4.0
    assert np.abs(np.diff(places[:, 0])).max() < 6.0


def test_what_moved_is_cut_out_without_what_is_around_it() -> None:
    empty = np.random.default_rng(0).integers(80, 120, (200, 200, 3)).astype(np.uint8)
    seen = empty.copy()
    cv2.ellipse(seen, (100, 110), (20, 50), 0, 0, 360, (20, 20, 220), -1)
    cut = cut_by_motion(seen, empty, (60, 40, 140, 180))
    assert cut.cover.shape == pytest.approx((101, 41), abs=4)
    inside = cut.colour[cut.cover > 0.95]
    assert np.median(inside, axis=0).tolist() == [20, 20, 220]
    assert cut.cover[0, 0] < 0.2


def test_an_outline_is_cut_out() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[20:80, 30:60] = 255
    cut = cut_by_outline(picture, [[30, 20], [60, 20], [60, 80], [30, 80]])
    assert cut.cover.shape == (61, 31)
    assert cut.cover[30, 15] == pytest.approx(1.0)
    assert cut.mirrored().colour.shape == cut.colour.shape


def test_only_a_folder_of_composites_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "somebody's").write_text("kept")
    with pytest.raises(FileExistsError, match="no composites lie in it"):
        module.write_all(tmp_path, tmp_path, ())
    assert (tmp_path / "somebody's").exists()
    (tmp_path / "truth.jsonl").write_text("")
    assert module.write_all(tmp_path, tmp_path, ()) == []
    assert [each.name for each in tmp_path.iterdir()] == ["truth.jsonl"]


def test_a_video_has_every_frame(tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", pictures(SQUARE, [], [0.0, 0.1, 0.2]), 8) == 3
