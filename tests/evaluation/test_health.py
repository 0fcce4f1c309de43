"""Camera health of recordings: through the inspection of live, told in visits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from patrol.adapters.processor import MachineProcessor
from patrol.evaluation.evaluating import evaluate
from patrol.evaluation.health import VISIT_S, visits_of
from patrol.evaluation.results import Results, as_document, visits_until
from patrol.evaluation.ruling import NotAvailableError
from patrol.evaluation.targets import held
from patrol.evaluation.truth import read_truth

SIZE = (640, 384)
Picture = Any
BEGINS = 20  # the visit from which on a camera is harmed


def place(index: int) -> Picture:
    """A place with edges of all directions, somebody who walks in it, and a sensor's noise."""
    chance = np.random.default_rng(3)
    pixels = np.full((360, 640, 3), 100, np.uint8)
    for _ in range(120):
        x, y = int(chance.integers(0, 600)), int(chance.integers(0, 330))
        w, h = int(chance.integers(8, 90)), int(chance.integers(8, 70))
        cv2.rectangle(pixels, (x, y), (x + w, y + h), tuple(int(c) for c in chance.integers(20, 235, 3)), -1)
    pixels[150:300, 20 * (index % 28) : 20 * (index % 28) + 40] = (40, 40, 160)
    noise = np.random.default_rng(index).normal(0, 2.0, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def recording(folder: Path, harm: Callable[[Picture], Picture] | None, count: int = 30) -> None:
    folder.mkdir()
    for index in range(count):
        picture = place(index)
        if harm is not None and index >= BEGINS:
            picture = harm(picture)
        cv2.imwrite(str(folder / f"{index:04d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def black(picture: Picture) -> Picture:
    return (picture * 0.02).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("health")
    recording(folder / "black", black)
    recording(folder / "whole", None)
    event = {"kind": "camera_health", "trouble": "black", "start_s": BEGINS * VISIT_S, "end_s": 30 * VISIT_S}
    common = {"kind": "camera_health", "media": "frames", "fps": 1 / VISIT_S, "frames": 30, "composite": True}
    rows = [
        {"path": "black", "label": True, "events": [event], **common},
        {"path": "whole", "label": False, "events": [], **common},
        {"path": "black/0000.jpg", "kind": "camera_health", "media": "image", "label": False},
    ]
    (folder / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def results(data: Path) -> Results:
    class Nothing:
        class_names = ("person",)

        async def detect(self, frames: Any) -> Any:
            raise AssertionError("health needs no detector")

    items = read_truth(data)
    return asyncio.run(evaluate(items, Nothing(), SIZE, [], MachineProcessor(), lambda name: None))


def test_a_camera_that_goes_black_is_told_and_a_whole_one_is_not(results: Results) -> None:
    health = as_document(results)["kinds"]["camera_health"]
    assert (health["tp"], health["fp"], health["fn"], health["tn"]) == (1, 0, 0, 1)
    assert health["composite"]
    assert health["recall_of"] == {"black": {"found": 1, "of": 1}}
    assert health["visits"]["black"]["told"] == 1
    assert 1 <= health["visits"]["black"]["most"] <= 5
    assert health["not_available"] == ["a camera's health is told from recordings alone"]


def test_how_soon_is_held_in_visits(results: Results) -> None:
    found = {one.what: one for one in held(results)}
    assert found["camera_health: all and only"].is_kept
    said = found["camera_health, black: told within 2 visits"]
    most = as_document(results)["kinds"]["camera_health"]["visits"]["black"]["most"]
    assert said.is_kept == (most <= 2)
    assert f"(at most {most})" in said.value


@pytest.mark.parametrize(
    ("start_s", "told_s", "visits"),
    [(300.0, 300.0, 1), (300.0, 315.0, 2), (301.0, 315.0, 1), (299.0, 330.0, 3), (300.0, 299.9, 1)],
)
def test_visits_are_counted_from_the_first_that_could_tell(start_s: float, told_s: float, visits: int) -> None:
    assert visits_until(start_s, told_s, 15.0) == visits


def test_a_recording_too_short_for_a_tour_is_played_slower(data: Path, tmp_path: Path) -> None:
    row = {"path": str(data / "whole"), "kind": "camera_health", "media": "frames", "label": False}
    for fps, every_s, slower in ((1 / 15, 15.0, 1.0), (1.0, 1.25, 12.0), (30.0, 0.25, 60.0), (0.001, 15.0, 1.0)):
        (tmp_path / "truth.jsonl").write_text(json.dumps(row | {"fps": fps}))
        (item,) = read_truth(tmp_path)
        visits = visits_of(item)
        assert (visits.every_s, visits.slower) == (pytest.approx(every_s), pytest.approx(slower))
        times = [t for t, _, _ in visits.frames((64, 36))]
        assert times == sorted(set(times))


def test_a_single_picture_is_not_judged(data: Path) -> None:
    picture = next(item for item in read_truth(data) if item.media.value == "image")
    with pytest.raises(NotAvailableError):
        visits_of(picture)
