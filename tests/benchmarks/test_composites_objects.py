"""Composites of left and removed objects: what the truth says is what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import composites_objects
from benchmarks.composing import CutOut, Setting
from benchmarks.composites_objects import NEAR_M, PACES, SECONDS, Script, compose, picture, scripts
from benchmarks.cutting_objects import DEVELOP, REPORT, THINGS, Ground, Props, Thing
from patrol.evaluation.ruling import watched
from patrol.evaluation.truth import read_truth
from tests.domain.conditions.drawn import room


def cut_out(height: int, width: int, colour: int) -> CutOut:
    return CutOut(np.full((height, width, 3), colour, np.uint8), np.ones((height, width), np.float32))


def props() -> Props:
    setting = Setting("room", room(), ((100.0, 100.0), (350.0, 100.0)))
    people = tuple(cut_out(100, 30, 200) for _ in range(3))
    return Props((Ground(setting, (320.0, 320.0), (320.0, 250.0)),), people, (Thing("bag", cut_out(40, 40, 20), 0.4),))


def script_named(name: str) -> Script:
    return next(script for script in scripts(props()) if script.name.startswith(name))


def test_less_than_half_hold_something_and_names_are_their_own() -> None:
    all_of_them = list(scripts(props()))
    assert len({(script.kind, script.name) for script in all_of_them}) == len(all_of_them)
    assert 0.3 <= np.mean([bool(script.events) for script in all_of_them]) < 0.5
    for script in all_of_them:
        for start_s, end_s in script.events:
            assert 0 < start_s < end_s <= SECONDS


def test_what_they_are_developed_on_is_not_what_they_are_measured_on() -> None:
    first, second = ({(file, box) for _, file, box, _ in THINGS[part]} for part in (DEVELOP, REPORT))
    assert not first & second


def test_what_is_left_lies_there_during_its_event_and_not_before() -> None:
    script = script_named("left-and-fetched-bag")
    ((start_s, end_s),) = script.events
    thing = next(figure for figure in script.figures if figure.tall < 1)
    x, y = thing.foot(start_s) or (0, 0)
    spot = np.s_[int(y) - 20 : int(y) - 5, int(x) - 10 : int(x) + 10]
    rng = np.random.default_rng(0)
    before, during, after = (
        picture(script, t, rng).astype(float)[spot].mean() for t in (5.0, (start_s + end_s) / 2, end_s + 15)
    )
    assert during < before - 30
    assert after == pytest.approx(before, abs=15)


def test_it_begins_when_its_owner_is_farther_than_two_metres_and_ends_when_somebody_comes_nearer() -> None:
    script = script_named("left-and-fetched-bag")
    ((start_s, end_s),) = script.events
    thing, owner, *_, fetches = script.figures
    x, near = (thing.foot(start_s) or (0, 0))[0], script.setting.step(NEAR_M, 320.0)
    for who, at_s, then_s in ((owner, start_s, start_s + 0.5), (fetches, end_s, end_s - 0.5)):
        at, then = who.foot(at_s), who.foot(then_s)
        assert at is not None
        assert abs(at[0] - x) == pytest.approx(near, abs=5)
        assert then is None or abs(then[0] - x) > near


def test_the_folder_can_be_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(scripts(props()))[:2]
    monkeypatch.setattr(composites_objects, "SECONDS", 10.0)
    monkeypatch.setattr(composites_objects, "PACES", {"tour": PACES["tour"]})
    monkeypatch.setattr(composites_objects, "scripts", lambda _: drawn)
    assert compose(props(), tmp_path) == 2
    items = read_truth(tmp_path)
    assert len(items) == 2
    assert all(item.is_composite for item in items)
    assert all(watched(item, (640, 360)).rules for item in items)
    assert len(list(items[0].file.glob("*.jpg"))) == 10.0 * PACES["tour"]
