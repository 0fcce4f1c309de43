"""Composites of left and removed objects: what the truth says is what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import composites_objects
from benchmarks.composites_objects import PACES, SECONDS, Place, Sprite, Walker, picture, scripts, write
from patrol.evaluation.ruling import watched
from patrol.evaluation.truth import read_truth
from tests.domain.conditions.drawn import room


def sprite(height: int, width: int, colour: int) -> Sprite:
    return Sprite(np.full((height, width, 3), colour, np.uint8), np.ones((height, width, 1), np.float32))


def place() -> Place:
    walker = Walker(tuple(sprite(100, 30, 200) for _ in range(10)), 300.0)
    return Place("room", room(), (walker, walker))


BAGS = [sprite(40, 40, 20) for _ in range(6)]


def test_half_and_half_hold_something_and_names_are_their_own() -> None:
    all_of_them = list(scripts(place(), BAGS))
    assert len({(script.kind, script.name) for script in all_of_them}) == len(all_of_them)
    assert 0.3 <= np.mean([bool(script.events) for script in all_of_them]) <= 0.6
    for script in all_of_them:
        for start_s, end_s in script.events:
            assert 0 < start_s < end_s <= SECONDS


def test_what_is_left_lies_there_during_its_event_and_not_before() -> None:
    script = next(script for script in scripts(place(), BAGS) if script.name == "left-and-fetched-0")
    ((start_s, end_s),) = script.events
    rng = np.random.default_rng(0)
    before, during, after = (
        picture(script, t, rng).astype(float)[280:298, 320:340].mean()
        for t in (10.0, (start_s + end_s) / 2, end_s + 15)
    )
    assert during < before - 30
    assert after == pytest.approx(before, abs=15)


def test_the_folder_can_be_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(scripts(place(), BAGS))[:2]
    monkeypatch.setattr(composites_objects, "SECONDS", 10.0)
    rng = np.random.default_rng(0)
    rows = [write(script, "tour", tmp_path, rng) for script in drawn]
    (tmp_path / "truth.jsonl").write_text("\n".join(composites_objects.json.dumps(row) for row in rows))
    items = read_truth(tmp_path)
    assert len(items) == 2
    assert all(item.is_composite for item in items)
    assert all(watched(item, (640, 360)).rules for item in items)
    assert len(list(items[0].file.glob("*.jpg"))) == 10.0 * PACES["tour"]
