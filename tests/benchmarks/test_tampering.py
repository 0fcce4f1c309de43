"""Tampered cameras: what the truth says is what is done to the pictures, and health tells all of it and no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tampering
from benchmarks.evaluate_health import HARMS, SIZE, Picture, Run, looks_at
from benchmarks.tampering import HARMED_VISITS, QUIET, VISITS_A_SECOND, WHOLE_VISITS, Tampered
from patrol.adapters.stream import frames_of
from patrol.domain.troubles import Trouble
from patrol.evaluation.truth import Item, read_truth

VIEWS = ("hall", "yard")
PICTURES = 8  # of each view; the first half of them is learned
COUNT = WHOLE_VISITS + HARMED_VISITS


@cache
def drawn(view: str) -> tuple[Picture, ...]:
    """A place with edges of all directions, somebody who walks in it, and a sensor's noise."""
    chance = np.random.default_rng(VIEWS.index(view))
    place = np.full((SIZE[1], SIZE[0], 3), 100, np.float32)
    for _ in range(120):
        (x, y), (w, h) = chance.integers((0, 0), (600, 330)), chance.integers(8, 90, 2)
        cv2.rectangle(place, (int(x), int(y)), (int(x + w), int(y + h)), chance.uniform(20, 235, 3).tolist(), -1)
    return tuple(_passed(place, index, chance) for index in range(PICTURES))


def _passed(place: Any, index: int, chance: np.random.Generator) -> Picture:
    shown = place.copy()
    shown[150:300, 70 * index : 70 * index + 40] = (40, 40, 160)
    return np.asarray(np.clip(shown + chance.normal(0, 2.0, shown.shape), 0, 255), np.uint8)


@pytest.fixture(autouse=True)
def _drawn_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    def cameras_in(data: Path, names: Iterable[str]) -> dict[str, list[Picture]]:
        return {name: list(drawn(name)) for name in names}

    monkeypatch.setattr(tampering, "cameras_in", cameras_in)


@pytest.fixture
def made(tmp_path: Path) -> list[Tampered]:
    return list(tampering.recordings(tmp_path, VIEWS))


def of(made: Sequence[Tampered], view: str, name: str) -> list[Picture]:
    (found,) = (each for each in made if (each.view, each.name) == (view, name))
    return list(found.pictures)


# What there is


def test_each_view_has_every_trouble_once_and_every_light_and_weather_in_which_nothing_is_wrong(
    made: Sequence[Tampered],
) -> None:
    for view in VIEWS:
        own = [each for each in made if each.view == view]
        harmed = [each.trouble for each in own if each.trouble is not None]
        assert sorted(harmed) == sorted([*HARMS, Trouble.WRONG_PICTURE])
        assert {each.name for each in own if each.trouble is None} == set(QUIET)
        assert len({each.name for each in own}) == len(own)


def test_all_begin_with_the_same_whole_pictures_and_show_others_to_the_end(made: Sequence[Tampered]) -> None:
    for view in VIEWS:
        own = [each.pictures for each in made if each.view == view]
        for pictures in own:
            assert len(pictures) == COUNT
            assert {(each.shape, each.dtype.name) for each in pictures} == {((SIZE[1], SIZE[0], 3), "uint8")}
            assert all(one is other for one, other in zip(pictures[:WHOLE_VISITS], own[0], strict=False))
        before = np.array([each.tobytes() for each in own[0][:WHOLE_VISITS]])
        for pictures in own:
            assert not {each.tobytes() for each in pictures[WHOLE_VISITS:]} & set(before)


def test_a_wrong_picture_is_the_other_cameras(made: Sequence[Tampered]) -> None:
    for view, other in (VIEWS, VIEWS[::-1]):
        (wrong,) = (each for each in made if each.view == view and each.trouble is Trouble.WRONG_PICTURE)
        theirs = {each.tobytes() for each in of(made, other, "rain")[:WHOLE_VISITS]}
        assert {each.tobytes() for each in wrong.pictures[WHOLE_VISITS:]} & theirs


def test_two_makings_are_the_same_to_the_last_bit(made: Sequence[Tampered], tmp_path: Path) -> None:
    for one, other in zip(made, tampering.recordings(tmp_path, VIEWS), strict=True):
        assert (one.view, one.name, one.trouble) == (other.view, other.name, other.trouble)
        np.testing.assert_array_equal(one.pictures[-1], other.pictures[-1])


@pytest.mark.parametrize("trouble", HARMS)
def test_what_is_done_is_what_nobody_overlooks_and_not_the_same_to_every_view(trouble: Trouble) -> None:
    by = HARMS[trouble]
    strong = {name.removeprefix("strong: ") for name in by if name.startswith("strong")} or set(by)
    assert {tampering._strong(by, number)[0] for number in range(len(by))} == strong


@given(st.integers(2, 9), st.integers(1, 40))
def test_however_few_pictures_there_are_none_comes_twice_in_a_row(there: int, count: int) -> None:
    pictures = [np.full((1, 1, 3), index, np.uint8) for index in range(there)]
    shown = [int(each[0, 0, 0]) for each in tampering._cycled(pictures, count)]
    assert len(shown) == count
    assert shown[:there] == list(range(there))[:count]
    assert all(abs(one - next_) == 1 for one, next_ in pairwise(shown))


# What it looks like


def test_a_lamp_that_is_switched_takes_light_and_leaves_it_warmer_two_visits_on_two() -> None:
    grey = [np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)] * 8
    shown = tampering.switching(grey, np.random.default_rng(0))
    for index, (picture, before) in enumerate(zip(shown, grey, strict=True)):
        if index % 4 in (2, 3):
            assert picture is before
            continue
        blue, green, red = picture.reshape(-1, 3).mean(axis=0)
        assert red < 70
        assert blue < green < red
        assert picture.std() > 2.0  # a sensor that gains up what little there is


def test_rain_is_a_veil_and_thin_bright_streaks_that_are_elsewhere_in_each_picture() -> None:
    grey = [np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)] * 2
    one, other = tampering.rain(grey, np.random.default_rng(0))
    veil = 120 * 0.9 + 12
    wet = [(picture.mean(axis=2) > veil + 12).astype(np.uint8) for picture in (one, other)]
    for mask in wet:
        assert 0.005 < mask.mean() < 0.15
        outlines = cv2.connectedComponentsWithStats(mask)[2][1:]
        tall = [each for each in outlines if each[cv2.CC_STAT_HEIGHT] >= 10]
        assert len(tall) > 50
        assert np.median([each[cv2.CC_STAT_HEIGHT] / each[cv2.CC_STAT_WIDTH] for each in tall]) > 2
    assert (wet[0] & wet[1]).sum() < 0.3 * wet[0].sum()
    assert np.median(one) == pytest.approx(veil, abs=2)


def test_health_tells_what_was_done_and_nothing_where_nothing_was(made: Sequence[Tampered]) -> None:
    """As it is on drawn places; on real ones it is measured (docs/accuracy.md)."""
    for recording in made:
        run = Run()
        assert not run.visits(looks_at(recording.pictures[:WHOLE_VISITS]))
        raised = run.visits(looks_at(recording.pictures[WHOLE_VISITS:]))
        if recording.trouble is None:
            assert not raised, recording.name
        else:
            assert recording.trouble in raised, recording.name


# What is written


@pytest.fixture
def written(tmp_path: Path) -> tuple[list[dict[str, Any]], list[Item]]:
    rows = list(tampering.write_tampering(tmp_path, tmp_path, VIEWS[:1]))
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return rows, read_truth(tmp_path)


@pytest.mark.long
def test_the_truth_says_what_was_done_and_when(written: tuple[list[dict[str, Any]], list[Item]]) -> None:
    rows, items = written
    assert len({row["path"] for row in rows}) == len(rows) == len(HARMS) + 1 + len(QUIET)
    for row, item in zip(rows, items, strict=True):
        assert (row["scene"], row["composite"], item.is_composite) == (VIEWS[0], True, True)
        assert row["made_by"].startswith("derived: real pictures of one view")
        assert row["label"] == bool(row["events"]) == bool(item.holds)
        assert [(each.start_s, each.end_s) for each in item.intervals] == (
            [(WHOLE_VISITS / VISITS_A_SECOND, COUNT / VISITS_A_SECOND)] if row["label"] else []
        )
    told = {row["events"][0]["trouble"] for row in rows if row["events"]}
    assert told == {trouble.value for trouble in (*HARMS, Trouble.WRONG_PICTURE)}


def test_every_picture_is_read_back_and_a_frozen_one_is_the_same_in_every_pixel(
    written: tuple[list[dict[str, Any]], list[Item]],
) -> None:
    rows, items = written
    frozen = {row["path"] for row in rows if row["media"] == "frames"}
    assert frozen == {row["path"] for row in rows if row["events"] and row["events"][0]["trouble"] == "frozen"}
    for row, item in zip(rows, items, strict=True):
        if row["path"] not in frozen:
            assert sum(1 for _ in frames_of(item.file, None, None)) == COUNT == row["frames"]
            continue
        files = sorted(item.file.iterdir())
        assert len(files) == COUNT
        assert len({file.read_bytes() for file in files[WHOLE_VISITS:]}) == 1
        assert len({file.read_bytes() for file in files[:WHOLE_VISITS]}) > 1
