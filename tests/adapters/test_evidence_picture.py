"""Evidence pictures: what was counted is drawn, what was not is muted, and the frame itself stays untouched."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from patrol.adapters.evidence_picture import ACCENT, MUTED, ZONE, draw_evidence
from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.frame import Frame
from tests.builders import CLASSES, NOON, event, zone

LEFT_HALF = ((0.0, 0.1), (0.5, 0.1), (0.5, 0.9), (0.0, 0.9))
GREY = 90


def grey_frame() -> Frame:
    return Frame(CameraId("C-1"), NOON, np.full((360, 640, 3), GREY, np.uint8))


def boxes(*xyxy: tuple[float, float, float, float], labels: tuple[str, ...] | None = None) -> Detections:
    names = labels or ("person",) * len(xyxy)
    return Detections(
        640,
        360,
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.array([CLASSES.index(name) for name in names], np.int64),
        np.full(len(xyxy), 0.9, np.float32),
        CLASSES,
    )


def counting(*xyxy: tuple[float, float, float, float]) -> Event:
    """An event that counted these boxes, in pixels of the frame."""
    shares = tuple((x1 / 640, y1 / 360, x2 / 640, y2 / 360) for x1, y1, x2, y2 in xyxy)
    return event(evidence=replace(event().evidence, boxes=shares))


def drawn(detections: Detections, *counted: tuple[float, float, float, float]) -> npt.NDArray[np.uint8]:
    jpeg = draw_evidence(grey_frame(), detections, zone(polygon=LEFT_HALF), counting(*counted))
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def looks_like(pixel: npt.NDArray[np.uint8], colour: tuple[int, int, int], within: int = 60) -> bool:
    """JPEG blurs thin lines: near enough, and nearer than to the grey around."""
    distance = np.abs(pixel.astype(int) - colour).max()
    return bool(distance <= within and distance < np.abs(np.array(colour) - GREY).max())


@pytest.mark.parametrize("label", ["person", "car"])
def test_what_was_counted_stands_out_and_all_else_that_was_found_is_muted(label: str) -> None:
    found = boxes((100, 120, 160, 280), (450, 120, 510, 280), labels=(label, label))
    picture = drawn(found, (100, 120, 160, 280))
    assert picture.shape == (360, 640, 3)
    assert looks_like(picture[200, 100], ACCENT)
    assert looks_like(picture[200, 450], MUTED)
    assert not looks_like(picture[200, 450], ACCENT)


def test_the_zone_is_outlined_and_nothing_else_is_changed() -> None:
    picture = drawn(boxes())
    assert looks_like(picture[100, 320], ZONE, within=90)
    assert np.abs(picture[180, 500].astype(int) - GREY).max() < 8
    assert np.abs(picture[180, 150].astype(int) - GREY).max() < 8


def test_the_frame_that_others_may_still_look_at_is_not_drawn_on() -> None:
    frame = grey_frame()
    draw_evidence(frame, boxes((100, 120, 160, 280)), zone(polygon=LEFT_HALF), counting((100, 120, 160, 280)))
    assert (frame.pixels == GREY).all()
