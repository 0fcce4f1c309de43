"""A folder is played, scored and shown, from end to end, with a detector that finds white rectangles."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from patrol.adapters.processor import MachineProcessor
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.evaluation.evaluating import Pass, evaluate
from patrol.evaluation.page import page
from patrol.evaluation.results import Results, as_document
from patrol.evaluation.tables import markdown
from patrol.evaluation.targets import held
from patrol.evaluation.truth import read_truth

SIZE = (640, 384)
FPS = 10


class WhiteRectangles:
    """A Detector: each white rectangle is a person."""

    class_names = ("person", "bicycle")

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [self._found(frame) for frame in frames]

    def _found(self, frame: Frame) -> Detections:
        mask = (frame.pixels.min(axis=2) > 128).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        count = len(boxes)
        return Detections(
            frame.width,
            frame.height,
            boxes,
            np.zeros(count, np.int64),
            np.full(count, 0.9, np.float32),
            self.class_names,
        )


def picture(*corners: tuple[int, int]) -> np.ndarray[Any, Any]:
    """640x384, with people of 20 x 50 pixels whose upper left corners these are."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for x, y in corners:
        pixels[y : y + 50, x : x + 20] = 255
    return pixels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    yard, still, street = tmp_path / "yard", tmp_path / "still", tmp_path / "street"
    for folder in (yard, still, street):
        folder.mkdir()
    for index in range(120):
        inside = 30 <= index < 80
        cv2.imwrite(str(yard / f"{index:06d}.png"), picture((400 if inside else 100, 200)))
        cv2.imwrite(str(still / f"{index:06d}.png"), picture((100, 200)))
    cv2.imwrite(str(street / "000001.png"), picture((50, 50), (300, 100), (500, 300)))
    (tmp_path / "gt.txt").write_text("1,1,50,50,20,50,1,1,1\n1,2,300,100,20,50,1,1,1\n1,3,200,10,20,50,1,1,1\n")
    cv2.imwrite(str(tmp_path / "group.png"), picture(*[(40 * n, 100) for n in range(12)]))
    zone = [[320, 0], [640, 0], [640, 384], [320, 384]]
    rows = [
        {"path": "yard", "kind": "intrusion", "media": "frames", "fps": FPS, "zone": zone, "forbid": ["person"],
         "label": True, "events": [{"kind": "intrusion", "start_s": 3.0, "end_s": 8.0}]},
        {"path": "still", "kind": "intrusion", "media": "frames", "fps": FPS, "zone": zone, "label": False},
        {"path": "still", "kind": "quiet", "media": "frames", "fps": FPS, "label": False},
        {"path": "group.png", "kind": "crowd_count", "media": "image", "count": 10},
        {"path": "street", "kind": "people_boxes", "media": "frames", "boxes": "gt.txt"},
        {"path": "gt.txt", "kind": "loitering", "media": "tracks", "label": False},
    ]  # fmt: skip
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def evaluated(data: Path) -> Results:
    detector = WhiteRectangles()
    ways = [Pass("tour", SIZE, detector)]
    return asyncio.run(evaluate(read_truth(data), detector, SIZE, ways, MachineProcessor(), lambda name: None))


def test_the_document_has_what_was_promised_and_it_is_right(data: Path) -> None:
    document = as_document(evaluated(data))
    intrusion = document["kinds"]["intrusion"]
    assert {key: intrusion[key] for key in ("n", "tp", "fp", "fn", "tn")} == {
        "n": 2,
        "tp": 1,
        "fp": 0,
        "fn": 0,
        "tn": 1,
    }
    assert (intrusion["precision"], intrusion["recall"], intrusion["f1"], intrusion["accuracy"]) == (1, 1, 1, 1)
    assert 0.5 <= intrusion["delay_p50_s"] <= 2.0
    assert intrusion["intervals_off_by_more_than_2_s"] == 0
    assert document["people"]["street"]["ap50"] == pytest.approx(2 / 3)
    assert document["people"]["street"]["ms"] >= 0
    assert document["count"]["n"] == 1
    assert (document["count"]["mae"], document["count"]["relative_error"]) == (2.0, pytest.approx(0.2))
    assert (document["count"]["band_right"], document["count"]["band_near"]) == (1.0, 1.0)
    assert document["quiet"]["false_alerts"] == 0
    assert document["quiet"]["minutes"] == pytest.approx(0.2, abs=0.01)
    json.dumps(document, allow_nan=False)


def test_a_kind_that_cannot_be_played_is_named_and_not_made_up(data: Path) -> None:
    results = evaluated(data)
    assert as_document(results)["kinds"]["loitering"] == {
        "n": 0,
        "not_available": ["tracks without pictures are not played"],
    }


@pytest.mark.long
def test_targets_are_held_against_what_there_is(data: Path) -> None:
    found = {one.what: one.is_kept for one in held(evaluated(data))}
    assert found["intrusion: all, within 2 s, and only"]
    assert not found["count, below 60 people, mean relative error"]
    assert found["people AP50, street, tour's pass"]
    assert any(what.startswith("false alerts") and kept for what, kept in found.items())


def test_the_page_shows_every_mistake_and_needs_nothing_from_outside(data: Path) -> None:
    (data / "truth.jsonl").write_text(
        (data / "truth.jsonl").read_text().replace('"start_s": 3.0, "end_s": 8.0', '"start_s": 0.0, "end_s": 0.5')
    )
    results = evaluated(data)
    text = page(results, list(held(results)), "a <folder>", ["said & done"])
    assert "a &lt;folder&gt;" in text
    assert "said &amp; done" in text
    assert text.count("<figure>") >= 3, "the missed interval, what was told in vain, and the count"
    assert "漏报" in text
    assert "1 person in the zone (threshold 1)" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "<script" not in text


def test_the_tables_name_all_figures(data: Path) -> None:
    results = evaluated(data)
    text = markdown(results, list(held(results)))
    assert "| intrusion | 2 | 1 / 0 / 0 / 1 | 1.00 (0.21–1.00) |" in text
    assert "| street | tour | 640x384 | 0.667 |" in text
    assert "not available: tracks without pictures are not played" in text
